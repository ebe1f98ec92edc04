/* taper/models.h - the zoo: networks by name.
 *
 * Each architecture is one file in src/models and one row in models.def.  Layer: models.  Read next: data.h. */
#ifndef TAPER_MODELS_H
#define TAPER_MODELS_H

#include <taper/nn.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_model_options {
    size_t struct_size;
    int64_t classes;           /* outputs; the model's own default (10 for lenet5) */
    int64_t channels;          /* of the input image; the model's own default */
    int64_t image_size;        /* height = width of the input; 32 with the stem cifar, else the model's own default */
    int64_t features;          /* mlp: inputs; channels * image_size^2 if 0 */
    const char *hidden;        /* mlp: widths, "128,64"; simple_cnn: channels of each block, "32,64" */
    const char *activation;    /* "tanh", "relu", ...; the model's own default */
    const char *variant;       /* the model's own default */
    double dropout;            /* the model's own default */
    const char *stem;          /* "imagenet" (halves large pictures at once); "cifar": for pictures of about 32x32 */
    bool recompute;            /* blocks keep their input alone for backward: tp_module_recompute */
} tp_model_options;

/* tp_model("lenet5", .classes = 10) */
#define tp_model(name, ...) tp_model_opt(name, &(tp_model_options){ .struct_size = sizeof(tp_model_options), __VA_ARGS__ })
TP_API tp_module *tp_model_opt(const char *name, const tp_model_options *);

typedef struct tp_model_info {
    const char *name, *title, *paper; /* "lenet5", "LeNet-5", "LeCun et al. 1998" */
    const char *options;              /* names of the options it reads: "classes channels activation" */
    tp_model_options defaults;        /* features 0 where it follows from the image */
    bool flat_input;                  /* takes (N, features); images are flattened by the model itself as well */
} tp_model_info;
TP_API int tp_model_count(void);
TP_API const tp_model_info *tp_model_at(int i);
TP_API const tp_model_info *tp_model_find(const char *name); /* NULL, without an error, if there is none */
TP_API int64_t tp_model_image_size(const tp_model_info *, const tp_model_options *); /* as said or by default; 0: it has none */

#ifdef __cplusplus
}
#endif
#endif
