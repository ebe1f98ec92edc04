/* open.c - what a person means by a path.
 *
 * Told by looking: MNIST's or CIFAR-10's files in a folder, a pair of IDX files, train/ and test/ (or val/) folders of class folders, class folders, a
 * table.  A split that is not there as files is cut from the whole by a seeded shuffle: the last fifth is for testing.
 * Layer: data.  Depends on the formats.  Read next: idx.c, image_folder.c, csv.c. */
#include "data/cifar.h"
#include "data/dataset.h"
#include "data/folder.h"
#include "data/idx.h"
#include "data/image_folder.h"
#include "data/labelled.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static tp_dataset *split(tp_dataset *whole, const char *path, tp_part part, uint64_t seed)
{
    if (!whole)
        return NULL;
    if (part == TP_WHOLE)
        return whole;
    if (whole->count < 2)
        return tp_fail_null(TP_ERR_FORMAT,
                            "%s: %lld examples, at least 2 are wanted for a training and a test part", path,
                            (long long)whole->count);
    int64_t test = whole->count / 5 ? whole->count / 5 : 1, train = whole->count - test;
    tp_dataset *mixed = tp_shuffled(whole, seed);
    return part == TP_TRAIN ? tp_subset(mixed, 0, train) : tp_subset(mixed, train, test);
}

static bool has_extension(const char *path, const char *extension)
{
    size_t length = strlen(path), tail = strlen(extension);
    if (length > 3 && !strcmp(path + length - 3, ".gz"))
        length -= 3;
    return length > tail && !strncmp(path + length - tail, extension, tail);
}

static bool is_table(const char *path)
{
    static const char *const extensions[] = { ".csv", ".tsv", ".data", ".txt" };
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (has_extension(path, extensions[i]))
            return true;
    return false;
}

/* folder/name if it is a folder; NULL otherwise, without an error unless memory ran out. */
static char *folder_in(const char *folder, const char *name, size_t *room)
{
    char *path = join_path(folder, name, room);
    if (path && !is_folder(path)) {
        tp_free(path, *room);
        path = NULL;
    }
    return path;
}

/* Which of two words an option says; NULL is the first.  -1 with an error. */
static int choice_of(const char *option, const char *value, const char *first, const char *second)
{
    if (!value || !strcmp(value, first))
        return 0;
    if (!strcmp(value, second))
        return 1;
    tp_fail(TP_ERR_ARGUMENT, "data_open: %s '%s', %s or %s is wanted", option, value, first, second);
    return -1;
}

static bool skips_bad(const tp_data_options *o)
{
    return o->on_bad_image && !strcmp(o->on_bad_image, "skip");
}

static tp_dataset *open_text(const char *path, tp_part part, const tp_data_options *o)
{
    const int bytes = choice_of("unit", o->unit, "chars", "bytes"),
              replace = choice_of("on_bad_text", o->on_bad_text, "error", "replace");
    if (tp_pending())
        return NULL;
    if (o->tokenizer && o->unit)
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "data_open: unit '%s' and the tokenizer %s: with one its tokens are the units",
                            o->unit, o->tokenizer);
    return tp_text(path, part, .window = o->window, .bytes = bytes, .replace = replace,
                   .tokenizer = o->tokenizer, .field = o->field, .seed = o->seed, .known = o->known);
}

/* A pair of IDX files in each; the test part has the training part's classes.  NULL, without an error, where there are none. */
static tp_dataset *idx_parts(const char *train, const char *test, tp_part part)
{
    TP_SCOPE;
    tp_dataset *d = idx_folder(train, 0);
    if (d && part != TP_TRAIN && !(d = idx_folder(test, tp_dataset_classes(d))) && !tp_pending())
        tp_fail(TP_ERR_FORMAT, "%s: no pair of IDX files, as %s has", test, train);
    return d ? tp_keep(d) : NULL;
}

/* train/ and test/ or val/ of class folders, or with a pair of IDX files each; *found says whether they are there. */
static tp_dataset *open_parts(const char *path, tp_part part, const tp_data_options *o, bool *found)
{
    size_t train_room, test_room = 0;
    static const char *const names[] = { "test", "val", "valid", "validation" };
    char *train = folder_in(path, "train", &train_room), *test = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !test && train; i++)
        test = folder_in(path, names[i], &test_room);
    tp_dataset *d = NULL;
    *found = train && test;
    if (*found)
        d = idx_parts(train, test, part);
    if (*found && !d && !tp_pending())
        d = image_folder_of(part == TP_TRAIN ? train : test, train, o->channels, o->image_size, skips_bad(o));
    tp_free(train, train_room);
    tp_free(test, test_room);
    return d;
}

static tp_dataset *open_folder(const char *path, tp_part part, const tp_data_options *o)
{
    bool found;
    if (mnist_is_there(path, TP_TRAIN) || mnist_is_there(path, TP_TEST))
        return tp_mnist(path, part);
    if (cifar10_is_there(path))
        return tp_cifar10(path, part);
    tp_dataset *d = idx_folder(path, 0);
    if (d || tp_pending())
        return split(d, path, part, o->seed);
    d = open_parts(path, part, o, &found);
    if (found || tp_pending())
        return d;
    name_list folders;
    if (folder_list(path, FOLDER_FOLDERS, &folders))
        return NULL;
    int64_t count = folders.count;
    names_free(&folders);
    if (count == 0)
        return tp_fail_null(
            TP_ERR_FORMAT,
            "%s: no data in this folder; MNIST's files (train-images-idx3-ubyte...), CIFAR-10's "
            "(data_batch_1.bin...), or a folder of pictures a class, or train/ and test/ of such "
            "folders are wanted",
            path);
    return split(image_folder_of(path, path, o->channels, o->image_size, skips_bad(o)), path, part, o->seed);
}

tp_series_options data_series_options(const tp_data_options *o)
{
    tp_series_options series = o->series;
    series.struct_size = sizeof series; /* inside another struct nobody sets its size */
    series.window = o->window;
    series.target = o->csv.target;
    series.delimiter = o->csv.delimiter;
    series.header = o->csv.header;
    return series;
}

static tp_dataset *open_pairs(const char *path, tp_part part, const tp_data_options *o)
{
    return tp_pairs(path, part, .source_unit = o->source_unit, .target_unit = o->target_unit, .seed = o->seed,
                    .known = o->known);
}

static tp_dataset *open_series(const char *path, tp_part part, const tp_data_options *o)
{
    const tp_series_options series = data_series_options(o);
    return tp_series_opt(path, part, &series);
}

static tp_dataset *open_labelled(const char *path, tp_part part, const tp_data_options *o)
{
    const int words = choice_of("source_unit", o->source_unit, "chars", "words");
    return words < 0 ? NULL
                     : labelled_open(path, part, words ? UNIT_WORDS : UNIT_CHARS, false, o->seed, &o->known);
}

static tp_dataset *open_tagged(const char *path, tp_part part, const tp_data_options *o)
{
    return labelled_open(path, part, UNIT_WORDS, true, o->seed, &o->known);
}

/* What is not told by looking: what a file of text is to be read as. */
static tp_dataset *open_kind(const char *path, tp_part part, const tp_data_options *o)
{
    static const struct {
        const char *name;
        tp_dataset *(*open)(const char *path, tp_part, const tp_data_options *);
    } kinds[] = { { "text", open_text },
                  { "pairs", open_pairs },
                  { "series", open_series },
                  { "labelled", open_labelled },
                  { "tagged", open_tagged } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, o->kind))
            return kinds[i].open(path, part, o);
    return tp_fail_null(TP_ERR_ARGUMENT,
                        "data_open: kind '%s', text, pairs, series, labelled or tagged is wanted", o->kind);
}

tp_dataset *tp_data_open_opt(const char *path, tp_part part, const tp_data_options *options)
{
    TP_SCOPE;
    tp_data_options o = { 0 };
    struct stat info;
    if (tp_pending())
        return NULL;
    if (!path || !*path || (part != TP_TRAIN && part != TP_TEST && part != TP_WHOLE))
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "data_open: the path is empty, or the part is not train, test or whole");
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (choice_of("on_bad_image", o.on_bad_image, "error", "skip") < 0)
        return NULL;
    o.channels = o.channels ? o.channels : 3;
    o.image_size = o.image_size ? o.image_size : 224;
    if (stat(path, &info)) {
        tp_fail_errno(path, "cannot open");
        return NULL;
    }
    if (o.kind)
        return tp_keep(open_kind(path, part, &o));
    if (S_ISDIR(info.st_mode))
        return tp_keep(open_folder(path, part, &o));
    if (S_ISREG(info.st_mode) && is_table(path)) {
        tp_csv_options csv = o.csv; /* inside another struct nobody sets its size */
        csv.struct_size = sizeof csv;
        csv.known = o.known;
        return tp_keep(split(tp_csv_opt(path, &csv), path, part, o.seed));
    }
    return tp_fail_null(TP_ERR_FORMAT,
                        "%s: not data that is known; a folder (MNIST's or CIFAR-10's files, a pair of IDX "
                        "files, or pictures by class) or a "
                        "table (.csv .tsv .data .txt, also .gz) is wanted",
                        path);
}
