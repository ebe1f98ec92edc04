/* taper/data.h - datasets, transforms, and the loader that makes batches in the background.
 *
 * A dataset answers "how many" and "give me example i"; transforms change an example; a loader shuffles,
 * batches and prefetches.  Everything random is a function of (seed, example), never of the number of threads.
 * Programs: docs/data.md, images.md.
 * Layer: data.  Depends on ops.h, io.h.  Read next: train.h. */
#ifndef TAPER_DATA_H
#define TAPER_DATA_H

#include <taper/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Datasets ---------------------------------------------------------------------------------------------- */

typedef struct tp_dataset tp_dataset;

/* TP_WHOLE: all examples, where a test part would be cut from them; of data whose test part has files of its own, these. */
typedef enum tp_part { TP_TRAIN, TP_TEST, TP_WHOLE } tp_part;

TP_API int64_t tp_dataset_count(const tp_dataset *);
TP_API tp_shape tp_dataset_shape(const tp_dataset *);     /* of one example: (C, H, W) or (features); -1: differs, as in (3, -1, -1) */
TP_API int64_t tp_dataset_classes(const tp_dataset *);    /* 0: regression */
TP_API int64_t tp_dataset_targets(const tp_dataset *);    /* labels or values of one example: 1, or as many as a sequence has places */
TP_API const char *tp_dataset_class_name(const tp_dataset *, int64_t label);
TP_API int64_t tp_dataset_inputs(const tp_dataset *);     /* tokens that x can have, where they are not its classes; else 0 */
TP_API const char *tp_dataset_input_name(const tp_dataset *, int64_t token);
/* Feature i of a table: "width", or of a text "colour=red"; behind the last one the target.  NULL: it is no table. */
TP_API const char *tp_dataset_column_name(const tp_dataset *, int64_t i);
TP_API int64_t tp_dataset_group(const tp_dataset *, int64_t i);  /* the same of examples that are one source's; else i */
TP_API int64_t tp_dataset_length(const tp_dataset *, int64_t i); /* of a sequence that is filled up to the shape; else 0 */
TP_API const char *tp_dataset_kind(const tp_dataset *);   /* "mnist", "idx", "csv", "image_folder", "tensors", ... */
TP_API char *tp_dataset_example_name(const tp_dataset *, int64_t i, char *text, size_t size); /* "t10k-images-idx3-ubyte.gz[17]", a file's path */

/* Example i into x (tp_dataset_shape floats; images in [0, 1]) and y (class index, or value of a regression; tp_dataset_targets of
 * them). */
TP_API tp_status tp_dataset_get(const tp_dataset *, int64_t i, float *x, double *y);

/* Its y alone; of a folder of pictures without decoding one. */
TP_API tp_status tp_dataset_label(const tp_dataset *, int64_t i, double *y);
/* The same for examples of any size: x grows as it must, from one call to the next. */
typedef struct tp_sample {
    tp_shape shape;
    float *x;
    size_t room;        /* bytes at x */
    double y;
    bool skipped;       /* a picture that cannot be read, in a dataset that leaves such out */
    double *targets;    /* in place of y where an example has several; a class of TP_IGNORED does not count */
    size_t targets_room;
} tp_sample;
enum { TP_IGNORED = -100 }; /* PyTorch's ignore_index: at places that only fill a sequence up */
TP_API tp_status tp_dataset_load(const tp_dataset *, int64_t i, tp_sample *);
TP_API float *tp_sample_room(tp_sample *, tp_shape); /* sets the shape; its place at x, or NULL with an error */
TP_API double *tp_sample_targets(tp_sample *, int64_t n); /* their place, or NULL with an error */
TP_API void tp_sample_free(tp_sample *);

/* MNIST's four files (IDX, .gz or not) in a folder: (1, 28, 28) images, 10 classes. */
TP_API tp_dataset *tp_mnist(const char *folder, tp_part);
/* Any IDX pair of images (u8, in [0, 1], or i8, in [-1, 1); 2 or 3 dims an example) and labels (u8). */
TP_API tp_dataset *tp_idx(const char *images, const char *labels);
/* CIFAR-10's binary version, data_batch_1.bin to data_batch_5.bin and test_batch.bin: (3, 32, 32) images, 10 classes. */
TP_API tp_dataset *tp_cifar10(const char *folder, tp_part);
enum { TP_WHOLE_PICTURES = -1 };
/* A folder with one folder of PNG or JPEG files a class, classes in name order (torchvision's ImageFolder).
 * Pictures are brought to channels x size x size: shorter side resized, centre cropped.  TP_WHOLE_PICTURES: they come as
 * they are, (channels, -1, -1), for a transform that brings them to one size. */
TP_API tp_dataset *tp_image_folder(const char *folder, int64_t channels, int64_t size);

/* Tokens of x, and classes, as another dataset has them (tp_dataset_input_name, tp_dataset_class_name): what a file is to be read by in
 * place of its own training part's.  A token besides them is <unknown>; a class, or a character of a text, is an error that names it. */
typedef struct tp_known_names {
    const char *const *inputs;
    const char *const *classes;
    int64_t n_inputs, n_classes; /* 0: the file's own */
    const char *const *columns;  /* of a table (tp_dataset_column_name): its features are these, by name and in this order */
    int64_t n_columns;
} tp_known_names;

typedef struct tp_csv_options {
    size_t struct_size;
    const char *target;     /* column name or number from 0; the last one if NULL */
    char delimiter;         /* found in the file: , ; or tab */
    int header;             /* 0: found in the file; 1: there is one; -1: there is none */
    bool regression;        /* the target is a number; otherwise its distinct values are the classes */
    bool no_target;         /* all columns are features, or those that are known; y is 0 */
    tp_known_names known;   /* columns */
} tp_csv_options;
/* Numeric columns are features as they stand; text columns become one feature a distinct value (one-hot).  The file may
 * be gzip; a missing cell or a ragged row is an error that names its line.  With known columns others are not read, and a text that is
 * none of a column's is an error, too.  A first line "rows,features,class,class..."
 * (scikit-learn's) names the classes. */
#define tp_csv(path, ...) tp_csv_opt(path, &(tp_csv_options){ .struct_size = sizeof(tp_csv_options), __VA_ARGS__ })
TP_API tp_dataset *tp_csv_opt(const char *path, const tp_csv_options *);

typedef struct tp_text_options {
    size_t struct_size;
    int64_t window;         /* units of an example: 128 */
    bool bytes;             /* units are the 256 bytes; otherwise the text's distinct characters, by code point */
    bool replace;           /* what is not UTF-8 becomes U+FFFD; otherwise it is an error that names the byte */
    const char *tokenizer;  /* units are its tokens: what tp_tokenizer_load takes */
    const char *field;      /* of JSON lines: where the text stands; "text" */
    uint64_t seed;          /* of which documents are held out */
    tp_known_names known;   /* classes: its characters */
} tp_text_options;
/* Text for a language model: an example is a window of units, and as targets the unit that follows each.
 *
 * One text is a file, or a folder with input.txt or one .txt; the last tenth of its characters is the test part.  Documents are the
 * .txt files of a folder with several, or the lines of a .jsonl or .ndjson file (any file, where a field is given), JSON objects
 * with a text in one field; one in ten is the test part, as follows from its text and the seed.  Documents stand one behind the other, each with the
 * tokenizer's end of a text behind it; where there is none, each ends with a new line.  Files may be gzip. */
#define tp_text(path, part, ...) tp_text_opt(path, part, &(tp_text_options){ .struct_size = sizeof(tp_text_options), __VA_ARGS__ })
TP_API tp_dataset *tp_text_opt(const char *path, tp_part, const tp_text_options *);

typedef struct tp_pairs_options {
    size_t struct_size;
    const char *source_unit, *target_unit; /* "chars" or "words" (with blanks between them); chars and words */
    uint64_t seed;                         /* of what is held out */
    tp_known_names known;                  /* inputs: tokens of sources; classes: of targets */
} tp_pairs_options;
/* Pairs of sequences, a line a pair: "source TAB target", or where the first line has no tab a dictionary: "word P R O N", "word(2) P .."
 * the same word again, ";;;" a comment.  x (2, L): the source and <end>, and <begin> and the target; y (L): the target and <end>, then
 * TP_IGNORED.  Tokens 0 to 3 of either side are <pad>, <begin>, <end>, <unknown>.  One source in ten is the test part, with all its
 * targets; vocabularies are the training part's. */
#define tp_pairs(path, part, ...) tp_pairs_opt(path, part, &(tp_pairs_options){ .struct_size = sizeof(tp_pairs_options), __VA_ARGS__ })
TP_API tp_dataset *tp_pairs_opt(const char *path, tp_part, const tp_pairs_options *);

/* Texts with a class, a line each: "text TAB label"; x (L) are its characters, or words with blanks between them, then 0.  Tokens with a label
 * each, as CoNLL has them: "token TAB label" lines and an empty line after a sequence; y (L), then TP_IGNORED.  Tokens 0 to 3 are <pad>,
 * <begin>, <end>, <unknown>; vocabulary and labels are the training part's, and one sequence in ten is the test part. */
TP_API tp_dataset *tp_labelled(const char *path, tp_part, bool words, uint64_t seed);
TP_API tp_dataset *tp_tagged(const char *path, tp_part, uint64_t seed);

typedef struct tp_series_options {
    size_t struct_size;
    int64_t window;       /* rows that are looked back on: 24 */
    int64_t horizon;      /* rows that are looked ahead: 12 */
    const char *target;   /* columns to forecast, with commas between them; the last one */
    const char *columns;  /* all columns that are read, but for dates; all that there are */
    const char *date;     /* the column of dates; the first, if its cells are dates */
    const char *missing;  /* a missing cell is "linear" (between its neighbours, as soon as both are there; NULL), "last" (as the one before) or an "error" */
    double test_share;    /* of the rows, at the end: 0.2 */
    int64_t season;       /* rows of a season; by the dates: 12 of months, 7 or 365 of days, 24 or 168 of hours; else where the values repeat, or 1 */
    const char *level;    /* what a target is the change from: "last", the window's last value, or "season", the value a season before;
                           * where the change from row to row repeats each season, that, else the last */
    bool no_calendar;     /* without month, weekday and hour as features */
    char delimiter;       /* found in the file: , ; or tab */
    int header;           /* as in tp_csv_options */
    const char *scaling;  /* "column=MEAN/STD,...", as another run had it; the training part's */
} tp_series_options;
/* A table with a row for each moment, to forecast from: an example is a window of rows, and as targets what comes after it.
 * x (window, features): every column less its mean, over its deviation; every target less the window's last value, over its deviation; of
 * dates the sine and cosine of the month, weekday and hour, as far as they differ from row to row.  y (horizon targets): the change
 * (level) over the deviation.  The last test_share of the rows is the test part: no example of the training part has targets in it, nor
 * does a mean or deviation know of it.  Rows go forward in time; a date that does not is an error. */
#define tp_series(path, part, ...) tp_series_opt(path, part, &(tp_series_options){ .struct_size = sizeof(tp_series_options), __VA_ARGS__ })
TP_API tp_dataset *tp_series_opt(const char *path, tp_part, const tp_series_options *);

/* From memory: x (N, ...), y (N) integers for classes, floats for a regression; (N, T): T of them an example. */
TP_API tp_dataset *tp_tensor_dataset(tp_tensor *x, tp_tensor *y, int64_t classes);

/* What a person means by a path: a folder with MNIST's or CIFAR-10's files or one pair of IDX files, a class folder (or train/ and test/ of them),
 * a .csv file.
 * Splits that do not exist as files are cut from the whole by a seeded shuffle: the last fifth is the test part. */
typedef struct tp_data_options {
    size_t struct_size;
    int64_t channels, image_size; /* for pictures; 0: 3 and 224; TP_WHOLE_PICTURES: they come as they are */
    tp_csv_options csv;
    uint64_t seed;
    const char *on_bad_image;     /* "error" (NULL): an error that names it; "skip": told once (tp_set_log "data"), left out */
    const char *kind;             /* NULL: told by looking; "text": a text for a language model; "pairs", "series", "labelled", "tagged": tp_pairs and so on */
    int64_t window;               /* of a text: tp_text_options */
    const char *unit;             /* of a text: "chars" (NULL) or "bytes"; NULL where there is a tokenizer */
    const char *on_bad_text;      /* "error" (NULL) or "replace" */
    const char *source_unit, *target_unit; /* of pairs; source_unit: of labelled texts */
    tp_series_options series;     /* of kind "series"; its window, target, delimiter and header are those of text and csv */
    const char *tokenizer, *field; /* of a text: tp_text_options */
    tp_known_names known;         /* of texts, pairs, labelled and tagged ones */
} tp_data_options;
#define tp_data_open(path, part, ...) \
    tp_data_open_opt(path, part, &(tp_data_options){ .struct_size = sizeof(tp_data_options), __VA_ARGS__ })
TP_API tp_dataset *tp_data_open_opt(const char *path, tp_part, const tp_data_options *);

/* Examples first, first + 1, ...: count of them. */
TP_API tp_dataset *tp_subset(tp_dataset *, int64_t first, int64_t count);
TP_API tp_dataset *tp_shuffled(tp_dataset *, uint64_t seed); /* the same examples in a fixed random order */
/* The same examples with n classes of these names: a class has the number of its name in the list; one that is not in it is an error. */
TP_API tp_dataset *tp_relabelled(tp_dataset *, const char *const *names, int64_t n);

/* A dataset of your own. */
typedef struct tp_dataset_functions {
    size_t struct_size;
    const char *kind;
    tp_status (*get)(void *context, int64_t i, float *x, double *y); /* called from several threads at once */
    const char *(*class_name)(void *context, int64_t label);         /* may be NULL */
    void (*destroy)(void *context);                                  /* may be NULL */
    char *(*example_name)(void *context, int64_t i, char *text, size_t size); /* fills and returns text; may be NULL */
    tp_status (*label)(void *context, int64_t i, double *y); /* y alone; NULL: get tells; for one target */
    tp_status (*load)(void *context, int64_t i, tp_sample *); /* in place of get where sizes differ: y, and x by tp_sample_room */
    int64_t targets;    /* of one example; 0: 1.  get fills so many of y, load tp_sample_targets */
    int64_t inputs;     /* of tokens: the vocabulary of x, where it is not the classes */
    const char *(*input_name)(void *context, int64_t token);
    int64_t (*group)(void *context, int64_t i);  /* examples that have one x and several truths have one number; may be NULL */
    int64_t (*length)(void *context, int64_t i); /* of sequences that are filled up: how long example i is; may be NULL */
    const char *(*column_name)(void *context, int64_t i); /* what feature i is, and behind them the target; may be NULL */
} tp_dataset_functions;
TP_API tp_dataset *tp_dataset_new(const tp_dataset_functions *, void *context, int64_t count, tp_shape, int64_t classes);

/* ---- Transforms: a chain that belongs to the loader ------------------------------------------------------------ */

typedef struct tp_transform tp_transform;

/* From text, as the shell writes it: steps that run in order, "randomresizedcrop=224 hflip normalize=0.5/0.25".
 *
 *   step                                          what it does (defaults in brackets; every random one draws for each example)
 *   pad=PIXELS[:VALUE]                            a frame [of 0]
 *   resize=HxW | resize=SIZE                      bilinear with antialiasing; one number: the shorter side
 *   centercrop=SIZE | HxW                         the middle; what lies outside is 0
 *   normalize=MEAN[,MEAN..]/STD[,STD..]           (x - mean) / std, by channel
 *   randomcrop=SIZE[:PADDING[:VALUE]]             a window after padding
 *   randomresizedcrop=SIZE[:SCALE-SCALE[:RATIO-RATIO]]  a window of that share of the area [0.08-1] and shape [0.75-1.3333], resized
 *   hflip[=P]  vflip[=P]                          mirrored [0.5]
 *   rotation=DEGREES[:VALUE]                      by up to so many degrees each way
 *   affine=DEGREES[:TRANSLATE[:SCALE-SCALE[:SHEAR]]]
 *   colorjitter=BRIGHTNESS[:CONTRAST[:SATURATION[:HUE]]]  in random order
 *   pcajitter=SIGMA[:VALUES:VECTORS | :data]      AlexNet's colours; [ImageNet's axes], or a set's own (tp_transform_resolve)
 *   randomerasing=P[:SCALE-SCALE[:RATIO-RATIO[:VALUE|noise|mean]]]  [0.02-0.33, 0.3-3.3, 0]
 *   cutout=SIZE[:VALUE|noise|mean]                a square about a random pixel [mean]
 *   policy=imagenet | cifar10 | svhn | OP:P:MAGNITUDE+OP:P:MAGNITUDE/...   one of the sub-policies (AutoAugment)
 *   randaugment=N[:MAGNITUDE]  trivialaugment     [9 of 30]
 *   mixup=ALPHA  cutmix=ALPHA                     of the finished batch; of several, one is drawn for each batch
 *
 * Values are torchvision's of tensors in [0, 1]; docs/images.md tells more. */
TP_API tp_transform *tp_transform_parse(const char *text);

/* The steps with the axes of the dataset's own colours, as numbers, where one says pcajitter=SIGMA:data. */
TP_API tp_status tp_transform_resolve(const char *steps, tp_dataset *, char *text, size_t room);

/* The same ones made in C. */
TP_API tp_transform *tp_transform_pad(int64_t pixels, double value);
TP_API tp_transform *tp_transform_resize(int64_t height, int64_t width);
TP_API tp_transform *tp_transform_normalize(const float *mean, const float *std, int n); /* n = 1: all channels */
typedef struct tp_affine_options {
    size_t struct_size;
    double degrees;             /* rotation in [-degrees, degrees] */
    double translate;           /* share of the width and height, each way */
    double scale_min, scale_max; /* 1, 1 */
    double shear;               /* degrees, each way, along the rows (as one number is in torchvision) */
    double fill;
} tp_affine_options;
#define tp_transform_affine(...) tp_transform_affine_opt(&(tp_affine_options){ .struct_size = sizeof(tp_affine_options), __VA_ARGS__ })
TP_API tp_transform *tp_transform_affine_opt(const tp_affine_options *);
TP_API tp_transform *tp_transform_chain(tp_transform *const *, int n);           /* one after the other */

/* -1 in a shape: not known; what a transform makes of such a shape is known where it brings pictures to one size. */
TP_API tp_status tp_transform_shape(const tp_transform *, tp_shape in, tp_shape *out);
/* One example: x of shape in becomes y of tp_transform_shape; random ones draw from (seed, stream). */
TP_API tp_status tp_transform_run(const tp_transform *, tp_shape in, const float *x, float *y, uint64_t seed, uint64_t stream);

/* A dataset whose examples went through the transform; random ones draw from (seed, example). */
TP_API tp_dataset *tp_transformed(tp_dataset *, tp_transform *, uint64_t seed);

/* Mean and standard deviation of every channel over the dataset (or its first limit examples). */
TP_API tp_status tp_dataset_statistics(const tp_dataset *, int64_t limit, float *mean, float *std, int channels);
/* Principal components of its pixels' colours: the covariance's eigenvalues, largest first, and in vectors[c * channels + k]
 * channel c of the k-th eigenvector.  For pcajitter, whose values are their square roots (standard deviations). */
TP_API tp_status tp_dataset_pca(const tp_dataset *, int64_t limit, float *values, float *vectors, int channels);

/* ---- Loader --------------------------------------------------------------------------------------------------- */

typedef struct tp_loader tp_loader;
typedef struct tp_loader_options {
    size_t struct_size;
    bool shuffle;             /* an order that is a function of the seed, without a stored permutation */
    uint64_t seed;
    bool drop_last;           /* leave out a last batch that is not full */
    bool bucket;              /* examples of like length in a batch; of datasets that know lengths (tp_dataset_length) */
    bool streams;             /* example j of a batch follows on example j of the batch before it: a batch is of so many places in
                               * the dataset, far from each other, and the last ones may be of fewer; not with shuffle, drop_last */
    int workers;              /* background threads: 1; -1: none, batches are made when asked for */
    tp_transform *transform;
    int64_t first_batch;      /* begin there: resuming in the middle of an epoch */
    int64_t stride;           /* from there on only every so many-th batch: one of several processes (tp_dist_rank, tp_dist_size); 1 */
} tp_loader_options;
#define tp_loader_new(dataset, batch_size, ...) \
    tp_loader_new_opt(dataset, batch_size, &(tp_loader_options){ .struct_size = sizeof(tp_loader_options), __VA_ARGS__ })
TP_API tp_loader *tp_loader_new_opt(tp_dataset *, int64_t batch_size, const tp_loader_options *);

typedef struct tp_batch {
    tp_tensor *x, *y;   /* f32 (N, ...); i64 (N) classes, f32 (N, classes) probabilities where the transform mixes, or f32
                         * (N, 1) values; of T targets an example i64 (N, T) or f32 (N, T).  They belong to the loader until
                         * the next one */
    int64_t n, index;   /* examples in it; its number in the epoch */
    const int64_t *examples; /* which of the dataset */
} tp_batch;

/* The next batch; false at the end, and on an error, which is then pending. */
TP_API bool tp_loader_next(tp_loader *, tp_batch *);
TP_API int64_t tp_loader_batches(const tp_loader *);

#ifdef __cplusplus
}
#endif
#endif
