/* image_folder.h - class folders, with the classes of another folder.
 *
 * Layer: data.  Depends on taper/data.h.  Read next: image_folder.c. */
#ifndef DATA_IMAGE_FOLDER_H
#define DATA_IMAGE_FOLDER_H

#include <taper/data.h>

/* As tp_image_folder, but the classes are the class folders of classes_from: a test part has the labels of the training
 * part, even where a class has no test pictures.  skip_bad: pictures that cannot be read are told once and left out. */
tp_dataset *image_folder_of(const char *folder, const char *classes_from, int64_t channels, int64_t size,
                            bool skip_bad);

#endif
