"""sentences.py - what sentence-transformers' files add to tests/golden/presets/bert_sentence, and vectors of texts made with them.

Reads the network that presets.py wrote; writes vocab.txt, modules.json, sentence_bert_config.json, 1_Pooling/config.json and
sentences.safetensors.  Vectors: transformers' BertModel over BertTokenizer's ids, cut to max_seq_length, mean over the tokens, length 1,
as sentence_transformers.models.Pooling and Normalize do it.

    PYTHONPATH=tools/golden python tools/golden/sentences.py
"""
import json
import os

import torch
import transformers
from transformers import BertModel, BertTokenizer

from lib.golden import write_safetensors

FOLDER = "tests/golden/presets/bert_sentence"
LONGEST = 10
TEXTS = ["the cat sat on the mat", "A dog ran!", "the cats were running, and the dog sat on the mats of the cat", "Zürich", "dog"]

words = "the a of and on in cat dog mat sat ran run were was z rich ##s ##ning ##ning ##u ##r ##i ##c ##h ! , .".split()
pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(dict.fromkeys(words))
pieces += [f"[unused{i}]" for i in range(96 - len(pieces))]
os.makedirs(f"{FOLDER}/1_Pooling", exist_ok=True)
with open(f"{FOLDER}/vocab.txt", "w") as f:
    f.write("\n".join(pieces) + "\n")


def write(name, value):
    with open(f"{FOLDER}/{name}", "w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


write("sentence_bert_config.json", {"max_seq_length": LONGEST, "do_lower_case": False})
write("1_Pooling/config.json", {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
                                "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False})
write("modules.json", [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                       for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])])

tokenizer = BertTokenizer(f"{FOLDER}/vocab.txt", do_lower_case=True)
net = BertModel.from_pretrained(FOLDER).eval()
batch = tokenizer(TEXTS, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
print(batch["input_ids"])
with torch.no_grad():
    hidden = net(**batch).last_hidden_state
mask = batch["attention_mask"][:, :, None]
mean = (hidden * mask).sum(1) / mask.sum(1)
write_safetensors(f"{FOLDER}/sentences.safetensors",
                  {"mean": mean, "unit": torch.nn.functional.normalize(mean)}, {"torch": torch.__version__, "transformers": transformers.__version__, "script": "tools/golden/sentences.py", "texts": json.dumps(TEXTS)})
