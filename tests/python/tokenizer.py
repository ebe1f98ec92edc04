"""tokenizer.py - tokenizers that Taper trains, loaded by Hugging Face's package: the same ids, the same text."""
import os, subprocess, sys, tempfile

try:
    from tokenizers import Tokenizer
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

taper = sys.argv[1]
top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
text = open(os.path.join(top, "docs", "training.md"), encoding="utf-8").read()
other = "naïve 日本 <|endoftext|> [MASK]  x\n\n" + open(os.path.join(top, "README.md"), encoding="utf-8").read()

with tempfile.TemporaryDirectory() as folder:
    source, file = os.path.join(folder, "text.txt"), os.path.join(folder, "tokenizer.json")
    open(source, "w", encoding="utf-8").write(text)
    for kind in ("bpe", "wordpiece", "unigram", "chars", "bytes"):
        words = [taper, "train", "tokenizer", "--data", source, "--kind", kind, "--vocab", "600", "--out", file]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        theirs = Tokenizer.from_file(file)
        for t in (text, other, "", " ", "one"):
            got = subprocess.run([taper, "tokenize", file], input=t.encode(), check=True, capture_output=True).stdout
            ids = [int(i) for i in got.split()]
            assert ids == theirs.encode(t).ids, kind
            back = subprocess.run([taper, "tokenize", file, "--decode"], input=got, check=True, capture_output=True).stdout
            wanted = theirs.decode(ids)
            assert back.decode() == wanted + ("" if wanted.endswith("\n") else "\n"), kind
        print(f"{kind}: {theirs.get_vocab_size()} pieces")
