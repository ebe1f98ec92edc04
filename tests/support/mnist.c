/* mnist.c - the first examples of MNIST, written anew as IDX files so that a run takes a moment.
 *
 * Layer: tests.  Read next: mnist.h. */
#include "support/mnist.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <taper/data.h>

static void put_big_endian(FILE *f, uint32_t x)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        fputc((int)(x >> shift & 255), f);
}

static void write_part(const char *folder, tp_part part, const char *name, uint32_t count)
{
    char path[600];
    float x[784];
    double y;
    TP_SCOPE;
    tp_dataset *mnist = tp_mnist("data/mnist", part);
    snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", folder, name);
    FILE *images = fopen(path, "wb");
    snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", folder, name);
    FILE *labels = fopen(path, "wb");
    assert_true(images && labels);
    put_big_endian(images, 0x803), put_big_endian(images, count);
    put_big_endian(images, 28), put_big_endian(images, 28);
    put_big_endian(labels, 0x801), put_big_endian(labels, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(tp_dataset_get(mnist, i, x, &y), TP_OK);
        for (int k = 0; k < 784; k++)
            fputc((int)(x[k] * 255 + 0.5f), images);
        fputc((int)y, labels);
    }
    fclose(images), fclose(labels);
}

const char *small_mnist(uint32_t train, uint32_t test)
{
    static char path[512];
    if (!*path) {
        strcpy(path, temp_path("mnist"));
        assert_int_equal(mkdir(path, 0777), 0);
        write_part(path, TP_TRAIN, "train", train);
        write_part(path, TP_TEST, "t10k", test);
    }
    return path;
}
