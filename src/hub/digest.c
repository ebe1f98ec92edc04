/* digest.c - the hash of a file, by libcrypto.
 *
 * Layer: hub.  Depends on libcrypto, opened when first wanted (late.h).  Read next: digest.h. */
#include "hub/digest.h"

#include "base/error.h"
#include "base/memory.h"
#include "hub/hub.h"
#include "hub/late.h"

#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

#define CRYPTO_FUNCTIONS(F) \
    F(EVP_DigestFinal_ex)   \
    F(EVP_DigestInit_ex)    \
    F(EVP_DigestUpdate)     \
    F(EVP_MD_CTX_free)      \
    F(EVP_MD_CTX_new)       \
    F(EVP_sha1)             \
    F(EVP_sha256)           \
    F(OpenSSL_version)

#define FIELD(name) __typeof__(name) *name;
static struct {
    CRYPTO_FUNCTIONS(FIELD)
} crypto;

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)
#define SHLIB TEXT_OF(OPENSSL_SHLIB_VERSION)
static bool open_crypto(const char *what)
{
    static const char *const files[] = { "libcrypto.so." SHLIB, "libcrypto." SHLIB ".dylib", NULL };
#define ROW(name) { #name, &crypto.name },
    static const late_function functions[] = { CRYPTO_FUNCTIONS(ROW) };
    static late_library library = { files, functions, sizeof functions / sizeof *functions };
    return late_open(&library, what);
}

static tp_status add_file(EVP_MD_CTX *context, int fd, const char *name)
{
    enum { ROOM = 1 << 18 };
    unsigned char *block = tp_alloc(ROOM);
    off_t at = 0;
    for (ssize_t n = 1; block && n > 0; at += n) {
        do
            n = pread(fd, block, ROOM, at);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            tp_fail_errno(name, "cannot read");
        else if (!crypto.EVP_DigestUpdate(context, block, (size_t)n))
            tp_fail(TP_ERR_MEMORY, "%s: libcrypto cannot hash it", name);
    }
    tp_free(block, ROOM);
    return tp_error_pending();
}

tp_status digest_file(int fd, const char *name, int64_t size, const char *etag, char hex[65])
{
    const bool large = hub_is_hex(etag, 64), git = hub_is_hex(etag, 40);
    unsigned char bytes[EVP_MAX_MD_SIZE];
    char head[40];
    unsigned length = 0;
    *hex = 0;
    if (!large && !git)
        return TP_OK;
    if (!open_crypto("hub: checking a file"))
        return tp_error_pending();
    EVP_MD_CTX *context = crypto.EVP_MD_CTX_new();
    bool fine =
        context && crypto.EVP_DigestInit_ex(context, large ? crypto.EVP_sha256() : crypto.EVP_sha1(), NULL);
    if (fine && git) {
        const int n = snprintf(head, sizeof head, "blob %lld", (long long)size);
        fine = crypto.EVP_DigestUpdate(context, head, (size_t)n + 1); /* with its \0 */
    }
    if (fine && !add_file(context, fd, name))
        fine = crypto.EVP_DigestFinal_ex(context, bytes, &length);
    crypto.EVP_MD_CTX_free(context);
    if (!fine)
        tp_fail(TP_ERR_MEMORY, "%s: libcrypto cannot hash it", name);
    for (unsigned i = 0; i < length && i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return tp_error_pending();
}

const char *digest_library(bool running)
{
    if (!running)
        return OPENSSL_VERSION_TEXT;
    return open_crypto(NULL) ? crypto.OpenSSL_version(OPENSSL_VERSION) : NULL;
}
