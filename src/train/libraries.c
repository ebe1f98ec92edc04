/* libraries.c - the optional libraries of this build, and whether those that run are those that it was compiled for.
 *
 * Layer: train, as it alone sees all that have one.  Read next: cmake/optional.cmake. */
#include "hub/digest.h"
#include "hub/http.h"
#include "io/gzip.h"
#include "io/image.h"
#include "io/json.h"
#include "io/zip.h"
#include "text/regex.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <taper/train.h>

typedef struct library_row {
    const char *name, *library, *what_for;
    const char *(*version)(bool running);
} library_row;

static const library_row rows[] = {
    { "png", "libpng", "reading and writing PNG", png_library },
    { "jpeg", "libjpeg", "reading JPEG", jpeg_library },
    { "gzip", "zlib", "reading .gz files", gzip_library },
    { "json", "jansson", "checkpoints and runs", json_library },
    { "zip", "libzip", ".npz and .pth files", zip_library },
    { "unicode", "utf8proc", "tokenizers that look at characters", unicode_library },
    { "regex", "PCRE2", "tokenizers with patterns, such as GPT-2's,", regex_library },
    { "curl", "libcurl", "downloading from a model hub", http_library },
    { "digest", "libcrypto", "checking what is downloaded", digest_library },
};

/* "OpenSSL 3.0.15 3 Sep 2024" is 3.0.15. */
static void number_of(const char *version, char number[32])
{
    const char *from = version ? version + strcspn(version, "0123456789") : "";
    snprintf(number, 32, "%.*s", (int)strcspn(from, " "), from);
}

static bool is_newer_or_same(const char *running, const char *compiled)
{
    for (bool major = true;; major = false) {
        char *end, *other_end;
        const long a = strtol(running, &end, 10), b = strtol(compiled, &other_end, 10);
        if (a != b)
            return a > b && !major;
        if (*end != '.' || *other_end != '.')
            return true;
        running = end + 1;
        compiled = other_end + 1;
    }
}

bool tp_library_at(int i, tp_library *p)
{
    if (i < 0 || i >= (int)(sizeof rows / sizeof *rows))
        return false;
    const library_row *row = &rows[i];
    *p = (tp_library){ .name = row->name, .library = row->library, .what_for = row->what_for };
    number_of(row->version(false), p->compiled);
    number_of(row->version(true), p->running);
    p->fits = *p->compiled && is_newer_or_same(p->running, p->compiled);
    return true;
}
