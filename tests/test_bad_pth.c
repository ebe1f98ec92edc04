/* test_bad_pth.c - state dicts that are malformed, or that ask for more than tensors: each is an error that says what.
 *
 * Pickles are written here, in the older form's frame; archives by tools/golden/pth.py.
 * Layer: tests.  Read next: io/pickle.c, io/pth_names.c. */
#include "support/files.h"

#include "base/memory.h"
#include "io/pth.h"

#include <stdio.h>
#include <string.h>

/* ---- a file of the older form around a pickle ------------------------------------------------------------------------ */

#define FRONT "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."
#define KEY0    \
    "X\1\0\0\0" \
    "0"
#define KEYS "\x80\x02](" KEY0 "e."
#define FOUR           \
    "\4\0\0\0\0\0\0\0" \
    "aaaabbbbccccdddd" /* storage 0: four floats */

/* Pieces of pickles. */
#define TYPED(type, key, numel) "(X\7\0\0\0storage" type key "X\3\0\0\0cpu" numel "tQ"
#define FLOATS(numel) TYPED("ctorch\nFloatStorage\n", KEY0, numel)
#define REBUILT(storage, offset, size, stride)                               \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset size stride "\x89" \
    "ccollections\nOrderedDict\n)RtR"
#define TENSOR REBUILT(FLOATS("K\4"), "K\0", "K\4\x85", "K\1\x85")
#define T "X\1\0\0\0t" /* the key "t" */
#define DICT(items) "\x80\x02}(" items "u."
#define SIZED(offset, size, stride) DICT(T REBUILT(FLOATS("K\4"), offset, size, stride))

#define BYTES(text) text, sizeof(text) - 1

static tp_params *read_memory(const void *file, size_t size)
{
    file_in in = file_from_memory("f.pth", file, size);
    return pth_from(&in, &(tp_pth_options){ 0 });
}

static tp_params *read_pickle(const void *object, size_t object_size, const void *tail, size_t tail_size)
{
    static unsigned char file[8000];
    size_t front = sizeof FRONT - 1;
    assert_true(front + object_size + tail_size <= sizeof file);
    memcpy(file, FRONT, front);
    memcpy(file + front, object, object_size);
    memcpy(file + front + object_size, tail, tail_size);
    return read_memory(file, front + object_size + tail_size);
}

static void the_frame_of_these_tests_is_read(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = read_pickle(BYTES(DICT(T TENSOR)), BYTES(KEYS FOUR));
    expect_no_error();
    assert_int_equal(tp_numel(tp_params_find(p, "t")), 4);
    assert_memory_equal(tp_data(tp_params_find(p, "t")), "aaaabbbb", 8);
}

/* OrderedDict([["t", tensor], ...]), strings of bytes, the first _rebuild_tensor, parameters. */
static void what_python_2_and_the_first_pytorch_wrote_is_read(void **state)
{
    (void)state;
    TP_SCOPE;
#define FIRST "ctorch._utils\n_rebuild_tensor\n(" FLOATS("K\4") "K\0K\2K\2\x86K\2K\1\x86tR"
    tp_params *p = read_pickle(BYTES("\x80\x02"
                                     "ccollections\nOrderedDict\n](](U\1t" FIRST "e](T\1\0\0\0u"
                                     "ctorch.nn.parameter\nParameter\n" FIRST "\x88\x86Ree\x85R."),
                               BYTES(KEYS FOUR));
    expect_no_error();
    assert_int_equal(tp_params_count(p), 2);
    assert_memory_equal(tp_data(tp_params_find(p, "t")), "aaaabbbbccccdddd", 16);
    assert_int_equal(tp_size(tp_params_find(p, "u"), 1), 2);
}

/* ---- pickles ---------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *pickle;
    size_t size;
    tp_status status;
    const char *piece;
} pickles[] = {
    /* names that run code, or lead to code */
    { BYTES("\x80\x02"
            "cposix\nsystem\nX\2\0\0\0id\x85R."),
      TP_ERR_UNSUPPORTED,
      "f.pth: byte 27: pickle: refuses posix.system: only tensors, and dicts of them, are read" },
    { BYTES("\x80\x02"
            "c__builtin__\neval\n."),
      TP_ERR_UNSUPPORTED, "refuses __builtin__.eval" },
    { BYTES("\x80\x04\x8c\2os\x8c\6system\x93."), TP_ERR_UNSUPPORTED, "refuses os.system" },
    { BYTES("\x80\x04\x8c\10builtins\x8c\12__import__\x93."), TP_ERR_UNSUPPORTED,
      "refuses builtins.__import__" },
    { BYTES("\x80\x02"
            "cbuiltins\nset.__class__\n."),
      TP_ERR_UNSUPPORTED, "refuses builtins.set.__class__" },
    { BYTES("\x80\x02"
            "ctorch.storage\n_load_from_bytes\n."),
      TP_ERR_UNSUPPORTED, "refuses torch.storage._load_from_bytes" },
    { BYTES("\x80\x02"
            "ctorch._tensor\n_rebuild_from_type_v2\n."),
      TP_ERR_UNSUPPORTED, "_rebuild_from_type_v2" },
    { BYTES("\x80\x02"
            "cnumpy.core.multiarray\nscalar\n."),
      TP_ERR_UNSUPPORTED, "refuses numpy.core.multiarray.scalar" },
    { BYTES("\x80\x02"
            "c__main__\nNet\n)\x81}b."),
      TP_ERR_UNSUPPORTED, "refuses __main__.Net" },
    { BYTES("\x80\x02"
            "cos\tx\ny\33z\n."),
      TP_ERR_UNSUPPORTED, "refuses os?x.y?z" },
    { BYTES("\x80\x02"
            "ctorch\nFloatStorage\n)R."),
      TP_ERR_UNSUPPORTED, "refuses to call torch.FloatStorage" },
    { BYTES("\x80\x02"
            "ctorch\nfloat32\n)R."),
      TP_ERR_UNSUPPORTED, "refuses to call torch.float32" },
    { BYTES("\x80\x02"
            "X\2\0\0\0os)R."),
      TP_ERR_FORMAT, "a text is called with a tuple, a name and a tuple are wanted" },
    { BYTES("\x80\x02"
            "ccollections\nOrderedDict\nNR."),
      TP_ERR_FORMAT, "a name is called with None" },
    { BYTES("\x80\x04"
            "K\1K\2\x93."),
      TP_ERR_FORMAT, "a name is an integer in an integer, two texts are wanted" },
    { BYTES("\x80\x02"
            "(iposix\nsystem\n."),
      TP_ERR_UNSUPPORTED, "opcode INST is refused" },
    { BYTES("\x80\x02"
            "(o."),
      TP_ERR_UNSUPPORTED, "opcode OBJ is refused" },
    { BYTES("\x80\x04"
            "))}\x92."),
      TP_ERR_UNSUPPORTED, "opcode NEWOBJ_EX is refused" },
    { BYTES("\x80\x02"
            "\x82\1."),
      TP_ERR_UNSUPPORTED, "opcode EXT1 is refused" },
    { BYTES("\x80\x05"
            "\x97."),
      TP_ERR_UNSUPPORTED, "opcode NEXT_BUFFER is refused" },
    { BYTES("\x80\x02"
            "Pkey\n."),
      TP_ERR_UNSUPPORTED, "opcode PERSID is refused" },
    { BYTES("\x80\x02"
            "I1\n."),
      TP_ERR_UNSUPPORTED, "opcode INT is refused" },
    { BYTES("\x80\x02"
            "K\1"
            "2."),
      TP_ERR_UNSUPPORTED, "opcode DUP is refused" },
    { BYTES("\x80\x02" TENSOR "}b."), TP_ERR_UNSUPPORTED, "refuses to set the state of an object" },
    { BYTES("\x80\x02"
            "]}b."),
      TP_ERR_UNSUPPORTED, "refuses to set the state of a list" },

    /* types that are not there */
    { BYTES("\x80\x02"
            "ctorch\nComplexFloatStorage\n."),
      TP_ERR_UNSUPPORTED, "torch.ComplexFloatStorage makes a tensor of a type that Taper does not have" },
    { BYTES("\x80\x02"
            "ctorch._utils\n_rebuild_tensor_v3\n."),
      TP_ERR_UNSUPPORTED, "_rebuild_tensor_v3 makes" },
    { BYTES("\x80\x02"
            "ctorch._utils\n_rebuild_qtensor\n."),
      TP_ERR_UNSUPPORTED, "_rebuild_qtensor makes" },
    { BYTES("\x80\x02"
            "ctorch._utils\n_rebuild_sparse_tensor\n."),
      TP_ERR_UNSUPPORTED, "refuses torch._utils._rebuild_sparse_tensor" },

    /* no pickle, or a broken machine */
    { BYTES("\x80\x02\xff."), TP_ERR_FORMAT, "byte 27: pickle: byte 0xff is no opcode" },
    { BYTES("\x80\x01."), TP_ERR_UNSUPPORTED, "protocol 1, 2 to 5 are read" },
    { BYTES("\x80\x06."), TP_ERR_UNSUPPORTED, "protocol 6" },
    { BYTES("\x80\x02."), TP_ERR_FORMAT, "a value is wanted, the stack has none" },
    { BYTES("\x80\x02(."), TP_ERR_FORMAT, "a value is wanted" },
    { BYTES("\x80\x02)(0"), TP_ERR_UNSUPPORTED, "opcode POP is refused" },
    { BYTES("\x80\x02NN."), TP_ERR_FORMAT, "1 values are left over" },
    { BYTES("\x80\x02t."), TP_ERR_FORMAT, "a mark is wanted" },
    { BYTES("\x80\x02K\1\x86."), TP_ERR_FORMAT, "a value is wanted" },
    { BYTES("\x80\x02(\x85."), TP_ERR_FORMAT, "a value is wanted" },
    { BYTES("\x80\x02"
            "a."),
      TP_ERR_FORMAT, "a value is wanted" },
    { BYTES("\x80\x02NNa."), TP_ERR_FORMAT, "items are put into None, a list is wanted" },
    { BYTES("\x80\x02}Na."), TP_ERR_FORMAT, "items are put into a dict, a list is wanted" },
    { BYTES("\x80\x02]NNs."), TP_ERR_FORMAT, "items are put into a list, a dict is wanted" },
    { BYTES("\x80\x02}(Nu."), TP_ERR_FORMAT, "a key without its value" },
    { BYTES("\x80\x02R."), TP_ERR_FORMAT, "a value is wanted" },
    { BYTES("\x80\x02Q."), TP_ERR_FORMAT, "a value is wanted" },
    { BYTES("\x80\x02"
            "b."),
      TP_ERR_FORMAT, "a value is wanted" },
    { BYTES("\x80\x02q\0."), TP_ERR_FORMAT, "a value is wanted" },
    { BYTES("\x80\x02h\7."), TP_ERR_FORMAT, "memo 7 was never set" },
    { BYTES("\x80\x02Nq\1h\2."), TP_ERR_FORMAT, "memo 2 was never set" },
    { BYTES("\x80\x02j\xff\xff\xff\xff."), TP_ERR_FORMAT, "memo 4294967295 was never set" },
    { BYTES("\x80\x02Nr\xff\xff\xff\xff."), TP_ERR_UNSUPPORTED, "memo 4294967295, fewer than 4194304" },
    { BYTES("\x80\x02X\xff\xff\xff\xff"
            "a."),
      TP_ERR_FORMAT, "a text of 4294967295 bytes, " },
    { BYTES("\x80\x04\x8d\0\0\0\0\0\0\0\x80"
            "a."),
      TP_ERR_FORMAT, "a text of 9223372036854775808 bytes" },
    { BYTES("\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff"
            "a."),
      TP_ERR_FORMAT, "a text of 18446744073709551615 bytes" },
    { BYTES("\x80\x02X\1\0\0\0\xff."), TP_ERR_FORMAT, "a text is not UTF-8" },
    { BYTES("\x80\x02X\3\0\0\0\xed\xa0\x80."), TP_ERR_FORMAT, "a text is not UTF-8" }, /* a lone surrogate */

    /* dicts of tensors that are none */
    { BYTES("\x80\x02K\1."), TP_ERR_UNSUPPORTED, "f.pth: holds an integer, a dict of tensors is wanted" },
    { BYTES("\x80\x02" TENSOR "."), TP_ERR_UNSUPPORTED, "holds one tensor without a name" },
    { BYTES("\x80\x02]" TENSOR "a."), TP_ERR_UNSUPPORTED, "holds a list" },
    { BYTES(DICT(T "K\1")), TP_ERR_FORMAT, "holds no tensor" },
    { BYTES(DICT("N" TENSOR)), TP_ERR_UNSUPPORTED, "in '': a key is None, a text or an integer is wanted" },
    { BYTES(DICT("X\3\0\0\0a\0b" TENSOR)), TP_ERR_FORMAT, "a name has a zero byte in it" },
    { BYTES(DICT("X\3\0\0\0a.b" TENSOR "X\1\0\0\0a"
                 "}X\1\0\0\0b" TENSOR "s")),
      TP_ERR_FORMAT, "two tensors are named 'a.b'" },
    { BYTES(DICT(T TENSOR T TENSOR)), TP_ERR_FORMAT, "two tensors are named 't'" },
    { BYTES("\x80\x02}q\0(" T "h\0u."), TP_ERR_UNSUPPORTED,
      "dicts in dicts, more than 32 deep" }, /* holds itself */
    { BYTES("\x80\x02"
            "ccollections\nOrderedDict\nK\1\x85R."),
      TP_ERR_FORMAT, "OrderedDict: its arguments are not" },
    { BYTES("\x80\x02"
            "ccollections\nOrderedDict\n]]K\1aa\x85R."),
      TP_ERR_FORMAT, "are not pairs" },
    { BYTES("\x80\x02"
            "ctorch\nSize\nK\1\x85R."),
      TP_ERR_FORMAT, "torch.Size: its arguments are not" },

    /* tensors */
    { BYTES(SIZED("K\0", "K\5\x85", "K\1\x85")), TP_ERR_FORMAT,
      "tensor: shape (5,) with strides (1,) from element 0 on, its storage has 4 elements" },
    { BYTES(SIZED("K\1", "K\4\x85", "K\1\x85")), TP_ERR_FORMAT, "from element 1 on" },
    { BYTES(SIZED("K\0", "K\2K\2\x86", "K\3K\1\x86")), TP_ERR_FORMAT, "with strides (3, 1)" },
    { BYTES(SIZED("J\xff\xff\xff\xff", "K\4\x85", "K\1\x85")), TP_ERR_FORMAT,
      "are not storage, offset, size, stride" },
    { BYTES(SIZED("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "K\4\x85", "K\1\x85")), TP_ERR_FORMAT,
      "from element 9223372036854775807 on" },
    { BYTES(SIZED("K\0", "K\4\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85")), TP_ERR_FORMAT,
      "with strides" },
    { BYTES(SIZED("K\0", "J\xff\xff\xff\xff\x85", "K\1\x85")), TP_ERR_FORMAT,
      "size[0] is not an integer from 0" },
    { BYTES(SIZED("K\0", "K\4\x85", "J\xff\xff\xff\xff\x85")), TP_ERR_FORMAT,
      "stride[0] is not an integer from 0" },
    { BYTES(SIZED("K\0", "G@\x10\0\0\0\0\0\0\x85", "K\1\x85")), TP_ERR_FORMAT, "size[0] is not an integer" },
    { BYTES(SIZED("K\0", "\x8a\x09\0\0\0\0\0\0\0\0\1\x85", "K\1\x85")), TP_ERR_FORMAT, "size[0] is not" },
    { BYTES(SIZED("K\0", "]K\4a", "K\1\x85")), TP_ERR_FORMAT, "its size is a list, a tuple is wanted" },
    { BYTES(SIZED("K\0", "K\4K\1\x86", "K\1\x85")), TP_ERR_FORMAT, "a size and a stride of as many dims" },
    { BYTES(SIZED("K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "K\1\x85")), TP_ERR_UNSUPPORTED,
      "9 dims, at most 8" },
    { BYTES(SIZED("K\0", "\x8a\5\0\0\0\0\1\x8a\5\0\0\0\0\1\x86", "K\0K\0\x86")), TP_ERR_FORMAT,
      "larger than any memory" },
    { BYTES(SIZED("K\0", "\x8a\5\0\0\0\0\1\x8a\5\0\0\0\0\1K\0\x87", "K\0K\0K\0\x87")), TP_ERR_FORMAT,
      "larger than any memory" },
    { BYTES(SIZED("K\0", "J\0\0\0\x7f\x85", "K\0\x85")), TP_ERR_UNSUPPORTED, /* 2 G times one element */
      "tensor 't': with it the tensors hold more than 67108864 bytes" },
    { BYTES(DICT(T "ctorch._utils\n_rebuild_tensor_v2\n)R")), TP_ERR_FORMAT,
      "its arguments are not six or seven" },
    { BYTES(DICT(T "ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR")), TP_ERR_FORMAT,
      "are not storage, offset" },
    { BYTES(DICT(T "ctorch._utils\n_rebuild_tensor_v2\n(NNNNNN}NNstR")), TP_ERR_UNSUPPORTED,
      "conjugate or negative" },
    { BYTES(DICT(T "ctorch._utils\n_rebuild_parameter\n(K\1\x89NtR")), TP_ERR_FORMAT,
      "are not a tensor first" },
    { BYTES(DICT(T "ctorch._utils\n_rebuild_parameter\n)R")), TP_ERR_FORMAT, "are not a tensor first" },

    /* storages */
    { BYTES("\x80\x02K\1Q."), TP_ERR_FORMAT, "storage: its arguments are not ('storage', type, key" },
    { BYTES("\x80\x02(X\6\0\0\0module"
            "ctorch\nFloatStorage\n" KEY0 KEY0 "K\4tQ."),
      TP_ERR_FORMAT, "storage: its" },
    { BYTES("\x80\x02" TYPED("X\1\0\0\0F", KEY0, "K\4") "."), TP_ERR_FORMAT, "storage: its" },
    { BYTES("\x80\x02" TYPED("ctorch\nfloat32\n", KEY0, "K\4") "."), TP_ERR_FORMAT,
      "are not of a known type" },
    { BYTES("\x80\x02" TYPED("ccollections\nOrderedDict\n", KEY0, "K\4") "."), TP_ERR_FORMAT,
      "not of a known type" },
    { BYTES("\x80\x02" FLOATS("J\xff\xff\xff\xff") "."), TP_ERR_FORMAT, "storage: its" },
    { BYTES("\x80\x02" FLOATS("G@\x10\0\0\0\0\0\0") "."), TP_ERR_FORMAT, "storage: its" },
    { BYTES("\x80\x02" TYPED("ctorch\nFloatStorage\n", "K\0", "K\4") "."), TP_ERR_FORMAT, "storage: its" },
    { BYTES("\x80\x02" TYPED("ctorch\nFloatStorage\n", "X\3\0\0\0a\0b", "K\4") "."), TP_ERR_FORMAT,
      "of a key" },
    { BYTES("\x80\x02" FLOATS("K\4(K\1K\1K\1t") "."), TP_ERR_UNSUPPORTED, "storage: a view of another one" },
    { BYTES(DICT(T TENSOR "X\1\0\0\0u" REBUILT(FLOATS("K\3"), "K\0", "K\3\x85", "K\1\x85"))), TP_ERR_FORMAT,
      "storage '0': " },
    { BYTES(DICT(T TENSOR "X\1\0\0\0u" REBUILT(TYPED("ctorch\nIntStorage\n", KEY0, "K\4"), "K\0", "K\4\x85",
                                               "K\1\x85"))),
      TP_ERR_FORMAT, "storage '0': 4 elements of " },
};

static void every_pickle_is_the_error_it_should_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        TP_SCOPE;
        tp_memory_reset_peak();
        int64_t before = tp_memory_stats().live_bytes;
        if (read_pickle(pickles[i].pickle, pickles[i].size, BYTES(KEYS FOUR)))
            fail_msg("pickle %zu is taken, which should be: %s", i, pickles[i].piece);
        expect_error(pickles[i].status, pickles[i].piece);
        assert_true(tp_memory_stats().peak_bytes - before < 1000000); /* no claim is believed */
    }
}

/* ---- what follows the object in the older form ---------------------------------------------------------------------- */

static void storages_that_are_not_what_the_pickle_says(void **state)
{
    (void)state;
    static const struct {
        const char *tail;
        size_t size;
        tp_status status;
        const char *piece;
    } tails[] = {
        { BYTES(""), TP_ERR_FORMAT, "pickle: ends at byte" },
        { BYTES("\x80\x02" KEY0 "." FOUR), TP_ERR_FORMAT,
          "keys of the storages are a text, a list is wanted" },
        { BYTES("\x80\x02]."), TP_ERR_FORMAT, "f.pth: storage '0' is missing" },
        { BYTES("\x80\x02](K\1e." FOUR), TP_ERR_FORMAT, "key 0 of the storages is of no tensor" },
        { BYTES("\x80\x02](" KEY0 "X\1\0\0\0"
                "1"
                "e." FOUR),
          TP_ERR_FORMAT, "key 1 of the storages is of no tensor" },
        { BYTES("\x80\x02](" KEY0 KEY0 "e." FOUR FOUR), TP_ERR_FORMAT,
          "key 1 of the storages is there already" },
        { BYTES(KEYS), TP_ERR_FORMAT, "8 bytes wanted, the file ends" },
        { BYTES(KEYS "\4\0\0\0"), TP_ERR_FORMAT, "8 bytes wanted, the file ends" },
        { BYTES(KEYS "\5\0\0\0\0\0\0\0"
                     "aaaabbbbccccdddd"),
          TP_ERR_FORMAT, "storage '0' has 5 elements, the pickle says 4" },
        { BYTES(KEYS "\4\0\0\0\0\0\0\x80"
                     "aaaabbbbccccdddd"),
          TP_ERR_FORMAT, "storage '0' has 9223372036854775812" },
        { BYTES(KEYS "\4\0\0\0\0\0\0\0"
                     "aaaabbbbccccddd"),
          TP_ERR_FORMAT, "storage '0' of 4 elements of f32, the file has 15 bytes for it" },
        { BYTES(KEYS FOUR "x"), TP_ERR_FORMAT, "1 bytes after the last storage" },
    };
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        TP_SCOPE;
        assert_null(read_pickle(BYTES(DICT(T TENSOR)), tails[i].tail, tails[i].size));
        expect_error(tails[i].status, tails[i].piece);
    }
    tp_memory_reset_peak();
    int64_t before = tp_memory_stats().live_bytes; /* 2^62 elements, said twice */
    assert_null(
        read_pickle(BYTES(DICT(T REBUILT(FLOATS("\x8a\x08\0\0\0\0\0\0\0\x40"), "K\0", "K\1\x85", "K\1\x85"))),
                    BYTES(KEYS "\0\0\0\0\0\0\0\x40"
                               "aaaa")));
    expect_error(TP_ERR_FORMAT,
                 "storage '0' of 4611686018427387904 elements of f32, the file has 4 bytes for it");
    assert_true(tp_memory_stats().peak_bytes - before < 1000000);
}

static void what_is_no_file_of_torch_save(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t size;
        tp_status status;
        const char *piece;
    } others[] = {
        { BYTES(""), TP_ERR_FORMAT, "f.pth: byte 0: no file of torch.save: begins with 0x0000" },
        { BYTES("<html>"), TP_ERR_FORMAT, "begins with 0x3c68, a zip file or a pickle is wanted" },
        { BYTES("version https://git-lfs.github.com/spec/v1\n"), TP_ERR_FORMAT, "begins with 0x7665" },
        { BYTES("\x80"), TP_ERR_FORMAT, "pickle: ends at byte 1" },
        { BYTES("\x80\x02}."), TP_ERR_FORMAT, "a pickle, but without its magic number" },
        { BYTES("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x18."), TP_ERR_FORMAT,
          "without its magic number" },
        { BYTES("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02K\1."), TP_ERR_UNSUPPORTED,
          "another protocol version than 1001" },
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_null(read_memory(others[i].file, others[i].size));
        expect_error(others[i].status, others[i].piece);
    }
    char tar[1024] = "pickle";
    memcpy(tar + 257, "ustar", 5);
    assert_null(read_memory(tar, sizeof tar));
    expect_error(TP_ERR_UNSUPPORTED, "the tar form of PyTorch before 0.1.10 is not read");
    assert_null(tp_pth_read(temp_path("nowhere.pth")));
    expect_error(TP_ERR_IO, "nowhere.pth: cannot open: No such file");
    assert_null(tp_weights_read("/tmp"));
    expect_error(TP_ERR_IO, "/tmp: is a folder");
    assert_null(tp_weights_read("tests/data/python.safetensors", .key = "model"));
    expect_error(TP_ERR_ARGUMENT, "is a safetensors file, which has no entry 'model' to choose");
}

/* ---- bombs ------------------------------------------------------------------------------------------------------------ */

typedef struct builder {
    unsigned char *bytes;
    size_t size, room;
} builder;

static void add(builder *b, const void *bytes, size_t n)
{
    assert_true(b->size + n <= b->room);
    memcpy(b->bytes + b->size, bytes, n);
    b->size += n;
}

#define ADD(b, text) add(b, text, sizeof(text) - 1)

/* Dicts that stand twice in each other: some hundred bytes that name 2^30 tensors. */
static void a_dict_that_unfolds_without_end(void **state)
{
    (void)state;
    TP_SCOPE;
    unsigned char bytes[4000];
    builder b = { bytes, 0, sizeof bytes };
    ADD(&b, FRONT "\x80\x02");
    for (int i = 0; i < 30; i++)
        ADD(&b, "}(X\1\0\0\0a");
    ADD(&b, "}" T TENSOR "sq\0");
    for (int i = 0; i < 30; i++) {
        const char again[] = { 'X', 1, 0, 0, 0, 'b', 'h', (char)i, 'u', 'q', (char)(i + 1) };
        add(&b, again, sizeof again);
    }
    ADD(&b, "." KEYS FOUR);
    tp_memory_reset_peak();
    int64_t before = tp_memory_stats().live_bytes;
    assert_null(read_memory(b.bytes, b.size));
    expect_error(TP_ERR_UNSUPPORTED, "f.pth: its dicts stand in each other too often");
    assert_true(tp_memory_stats().peak_bytes - before < 4000000);
}

static void depth_without_end(void **state)
{
    (void)state;
    TP_SCOPE;
    enum { DEPTH = 100000 };
    builder b = { test_malloc(2 * DEPTH + 1000), 0, 2 * DEPTH + 1000 };
    ADD(&b, FRONT "\x80\x02}" T);
    memset(b.bytes + b.size, ']', DEPTH);
    memset(b.bytes + b.size + DEPTH, 'a', DEPTH - 1);
    b.size += 2 * DEPTH - 1;
    ADD(&b, "s.");
    assert_null(read_memory(b.bytes, b.size));
    expect_error(TP_ERR_UNSUPPORTED, "dicts in dicts, more than 32 deep");
    test_free(b.bytes);
}

/* A file of 2^40 bytes, the front and then one pattern for ever. */
static tp_status read_endless(void *context, int64_t offset, void *dst, size_t bytes)
{
    const char *pattern = context;
    unsigned char *to = dst;
    for (size_t i = 0; i < bytes; i++, offset++)
        to[i] = (unsigned char)(offset < (int64_t)sizeof FRONT - 1
                                    ? FRONT[offset]
                                    : pattern[(offset - ((int64_t)sizeof FRONT - 1)) % 2]);
    return TP_OK;
}

static void pickles_without_end(void **state)
{
    (void)state;
    static const char *const patterns[] = { "NN", "\x80\x02" };
    static const char *const pieces[] = { "pickle: has more than 4194304 values",
                                          "pickle: is longer than 67108864 bytes" };
    for (int i = 0; i < 2; i++) {
        file_in in = { .path = "f.pth",
                       .fd = -1,
                       .size = (int64_t)1 << 40,
                       .read = read_endless,
                       .context = (void *)(uintptr_t)patterns[i] };
        tp_memory_reset_peak();
        assert_null(pth_from(&in, &(tp_pth_options){ 0 }));
        expect_error(TP_ERR_UNSUPPORTED, pieces[i]);
        assert_true(tp_memory_stats().peak_bytes < 600000000);
    }
}

/* ---- archives ------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *file;
    tp_status status;
    const char *piece;
} archives[] = {
    { "no_pickle", TP_ERR_FORMAT,
      "bad_no_pickle.pth: byte 0: no file of torch.save: has no conv.zip/data.pkl" },
    { "other_folder", TP_ERR_FORMAT, "has no conv.zip/data.pkl" },
    { "deflated", TP_ERR_UNSUPPORTED, "is compressed, which torch.save never does" },
    { "missing", TP_ERR_FORMAT, "bad_missing.pth: storage '0' is missing" },
    { "short", TP_ERR_FORMAT,
      "bad_short.pth: conv.zip/data/0: has 104 bytes, 27 elements of f32 are wanted" },
    { "long", TP_ERR_FORMAT, "conv.zip/data/0: has 112 bytes, 27 elements" },
    { "byteorder", TP_ERR_FORMAT, "conv.zip/byteorder: byte 0: 'middle', little or big is wanted" },
    { "after", TP_ERR_FORMAT, "1 bytes after the pickle" },
    { "script", TP_ERR_UNSUPPORTED, "is a TorchScript program" },
    { "twice", TP_ERR_FORMAT, "byte 0: pth: two members have one name" },
    { "crc", TP_ERR_FORMAT, "conv.zip/data/0: byte 108: pth: CRC error" },
    { "crc_pickle", TP_ERR_FORMAT, "conv.zip/data.pkl: byte " },
    { "encrypted", TP_ERR_UNSUPPORTED, "is encrypted" },
    { "cut", TP_ERR_FORMAT, "byte 0: pth: " },
};

static void every_archive_is_the_error_it_should_be(void **state)
{
    (void)state;
    need_npz();
    for (size_t i = 0; i < sizeof archives / sizeof *archives; i++) {
        TP_SCOPE;
        char path[100];
        snprintf(path, sizeof path, "tests/data/pth/bad_%s.pth", archives[i].file);
        if (tp_pth_read(path))
            fail_msg("%s is taken", path);
        expect_error(archives[i].status, archives[i].piece);
    }
}

/* Cut at every byte: an error.  Each bit turned: an error or another file, never a crash. */
static void cut_and_changed(const char *path)
{
    static unsigned char file[6000];
    size_t size = get_file(path, file, sizeof file);
    for (size_t cut = 0; cut < size; cut++) {
        TP_SCOPE;
        if (read_memory(file, cut))
            fail_msg("%s is taken, cut at %zu", path, cut);
        tp_status status = tp_error_take(NULL, 0);
        assert_true(status == TP_ERR_FORMAT);
    }
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) {
            TP_SCOPE;
            file[i] ^= (unsigned char)(1 << bit);
            tp_params *p = read_memory(file, size);
            tp_status status = tp_error_take(NULL, 0);
            assert_true(p ? status == TP_OK : status == TP_ERR_FORMAT || status == TP_ERR_UNSUPPORTED);
            file[i] ^= (unsigned char)(1 << bit);
        }
}

static void cut_and_changed_files_do_no_harm(void **state)
{
    (void)state;
    cut_and_changed("tests/data/pth/conv.old.pth");
    cut_and_changed("tests/data/pth/views.old.pth");
    cut_and_changed("tests/data/pth/protocol4.old.pth");
    need_npz();
    cut_and_changed("tests/data/pth/conv.zip.pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frame_of_these_tests_is_read),
        cmocka_unit_test(what_python_2_and_the_first_pytorch_wrote_is_read),
        cmocka_unit_test(every_pickle_is_the_error_it_should_be),
        cmocka_unit_test(storages_that_are_not_what_the_pickle_says),
        cmocka_unit_test(what_is_no_file_of_torch_save),
        cmocka_unit_test(a_dict_that_unfolds_without_end),
        cmocka_unit_test(depth_without_end),
        cmocka_unit_test(pickles_without_end),
        cmocka_unit_test(every_archive_is_the_error_it_should_be),
        cmocka_unit_test(cut_and_changed_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
