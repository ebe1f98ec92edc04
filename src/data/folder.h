/* folder.h - what lies in a folder, sorted by name.
 *
 * Layer: data.  Depends on base.  Read next: folder.c, image_folder.c. */
#ifndef DATA_FOLDER_H
#define DATA_FOLDER_H

#include <taper/base.h>

typedef struct name_list { /* strings one after the other */
    char *text;
    int64_t *offsets;
    int64_t count, used, text_room, offset_room;
} name_list;

tp_status names_add(name_list *, const char *name);
void names_free(name_list *);
static inline const char *names_at(const name_list *n, int64_t i)
{
    return n->text + n->offsets[i];
}

typedef enum folder_kind { FOLDER_FOLDERS, FOLDER_FILES } folder_kind;

/* Names of the folders, or of everything else, in a folder; hidden ones are left out.  Sorted by bytes. */
tp_status folder_list(const char *folder, folder_kind, name_list *out);

bool is_folder(const char *path);

/* Paths, relative to top, of all PNG and JPEG files (told by their names) in top/sub and the folders below it.  check: such a
 * name on something that is no regular file is an error; otherwise it is listed, and whoever reads it hears of it. */
tp_status folder_pictures(const char *top, const char *sub, bool check, name_list *out);

#endif
