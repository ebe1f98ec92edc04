/* taper/hub.h - a model hub (huggingface.co, or a mirror of it): files of its repositories, in the cache that other programs share.
 *
 * The cache is that of Hugging Face's own libraries: what they have downloaded is found, and what is downloaded here they find.
 * The environment counts as it does there: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE; HF_TOKEN, HUGGING_FACE_HUB_TOKEN,
 * HUGGINGFACE_TOKEN, HF_TOKEN_PATH; http_proxy, https_proxy, all_proxy, no_proxy, in small and in capital letters.
 * Needs libcurl and libcrypto (TP_ERR_UNSUPPORTED without) and jansson; what lies in the cache is found without them.
 * Layer: hub.  Depends on base.h.  Read next: docs/hub.md. */
#ifndef TAPER_HUB_H
#define TAPER_HUB_H

#include <taper/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_hub_progress {
    int64_t bytes, total_bytes; /* of the files that are downloaded; the total grows where the hub does not list sizes */
    int files, n_files;
} tp_hub_progress;
typedef bool tp_hub_progress_fn(void *context, const tp_hub_progress *); /* some times a second; false: stop */

typedef struct tp_hub_options {
    size_t struct_size;
    const char *revision;     /* a branch, a tag, or a commit of 40 digits (main) */
    const char *const *files; /* these (all) */
    int n_files;
    const char *include;      /* of all only those that one of these globs takes: "*.json,*.safetensors"; * takes / too */
    bool pretrained;          /* of all only what a network is loaded from: configuration, tokenizer, weights in one format */
    const char *local_dir;    /* put them there as plain files, not into the cache */
    const char *cache, *endpoint, *token; /* instead of what the environment says */
    bool offline;                         /* only what is in the cache, as HF_HUB_OFFLINE=1 */
    int at_once;              /* files that are downloaded side by side (8) */
    int retries;              /* times that what failed for a while is tried again; -1: never (5) */
    double retry_wait;        /* seconds before the first of them, twice as long before each further one (1) */
    double timeout;           /* seconds without a byte that are too many (10) */
    tp_hub_progress_fn *progress;
    void *context;
} tp_hub_options;

/* Downloads the files of repo ("gpt2", "ORG/NAME", "datasets/ORG/NAME") that are not there yet; folder gets the path where they lie.
 * A file is there only when its size and, where the hub knows one, its SHA-256 or git's SHA-1 are right; what was interrupted goes on
 * where it ended.  Two processes may download the same.  Where the hub cannot be reached, what is in the cache does, if it is
 * enough (log subject "run").
 * TP_ERR_IO: the hub or the disk says no; TP_ERR_FORMAT: what came is not what the hub promised; TP_ERR_STATE: progress said stop. */
#define tp_hub_download(repo, folder, room, ...) \
    tp_hub_download_opt(repo, folder, room, &(tp_hub_options){ .struct_size = sizeof(tp_hub_options), __VA_ARGS__ })
TP_API tp_status tp_hub_download_opt(const char *repo, char *folder, size_t room, const tp_hub_options *);

/* ---- The account: a token, which is sent to the end point alone, never to where it redirects, and is in no error text ------------- */

/* The name of the token's owner; TP_ERR_STATE when there is no token, TP_ERR_IO when the hub does not take it. */
#define tp_hub_whoami(name, room, ...) \
    tp_hub_whoami_opt(name, room, &(tp_hub_options){ .struct_size = sizeof(tp_hub_options), __VA_ARGS__ })
TP_API tp_status tp_hub_whoami_opt(char *name, size_t room, const tp_hub_options *);

/* Asks the hub whose token that is, and stores it in the token file, readable for its owner alone (mode 0600). */
#define tp_hub_login(token, name, room, ...) \
    tp_hub_login_opt(token, name, room, &(tp_hub_options){ .struct_size = sizeof(tp_hub_options), __VA_ARGS__ })
TP_API tp_status tp_hub_login_opt(const char *token, char *name, size_t room, const tp_hub_options *);
TP_API tp_status tp_hub_logout(void); /* removes the token file; fine if there is none */

/* Whether the hub answers at all, with or without a token. */
#define tp_hub_reach(...) tp_hub_reach_opt(&(tp_hub_options){ .struct_size = sizeof(tp_hub_options), __VA_ARGS__ })
TP_API tp_status tp_hub_reach_opt(const tp_hub_options *);

/* Where all that is, by the environment. */
typedef struct tp_hub_place {
    char endpoint[512], cache[4096], token_file[4096];
    char token_from[32]; /* the variable that holds a token, "file", or "": there is none */
    bool offline;
} tp_hub_place;
TP_API tp_status tp_hub_where(tp_hub_place *);

#ifdef __cplusplus
}
#endif
#endif
