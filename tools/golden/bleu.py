"""BLEU and chrF2 of small corpora by sacreBLEU (Post 2018): tests/golden/bleu.json.

python bleu.py; needs sacrebleu (made with 2.6.0).  A corpus is a list of [text, references]; references differ in number.
"""
import json
import pathlib
import random

from sacrebleu.metrics import BLEU, CHRF

random.seed(4)
WORDS = ("the a cat dog sat on mat, mat. runs; \"quoted\" it's 3.5 1,000 10-20 e.g. U.S. (see) [1] 50% $5 &amp; &quot;x&quot; a-b "
         "end. ... ,, .5 5. -3 3- naïve Straße 東京 ¿qué? \u00a0 x/y a_b <skipped> &lt;b&gt; &amp;lt;").split(" ")


def sentence(n):
    return " ".join(random.choice(WORDS) for _ in range(n))


def changed(text):
    words = text.split(" ")
    for _ in range(random.randint(0, 3)):
        words[random.randrange(len(words))] = random.choice(WORDS)
    return " ".join(words[: max(1, len(words) - random.randint(0, 2))])


corpora = [
    [["the cat sat on the mat.", ["the cat sat on the mat."]]],
    [["the cat", ["the cat sat on the mat."]]],
    [["", ["the cat sat."]], ["a dog", ["a dog runs in the park"]]],
    [["nothing alike here at all", ["the cat sat on the mat."]]],
    [["K AE1 T", ["K AE1 T", "K AA1 T S"]], ["D AO1 G Z AH", ["D AO1 G Z"]]],
    [["the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"]]],
    [["a b c d e f", ["a b c x e f g h", "a b d c"]]],
]
for size, most in ((1, 1), (5, 1), (20, 1), (20, 3)):
    corpus = []
    for _ in range(size):
        truth = sentence(random.randint(1, 14))
        corpus.append([changed(truth), [truth] + [changed(truth) for _ in range(random.randint(0, most - 1))]])
    corpora.append(corpus)

out = []
for corpus in corpora:
    texts = [text for text, _ in corpus]
    most = max(len(references) for _, references in corpus)
    streams = [[refs[i] if i < len(refs) else None for _, refs in corpus] for i in range(most)]
    bleu, chrf = BLEU(), CHRF()
    out.append({"corpus": corpus, "bleu": bleu.corpus_score(texts, streams).score, "chrf": chrf.corpus_score(texts, streams).score,
                "signatures": [str(bleu.get_signature()), str(chrf.get_signature())]})
path = pathlib.Path(__file__).parents[2] / "tests/golden/bleu.json"
path.write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
print(path, path.stat().st_size, [(round(o["bleu"], 3), round(o["chrf"], 3)) for o in out])
