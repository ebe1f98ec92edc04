"""text - tokenizers: text to numbers and back."""
import ctypes as c
from typing import Any, List, Optional, Sequence, Tuple

from ._c import Object, check, done, fill, lib, made, path, scope, struct, text
from ._tensor import Tensor


class Tokenizer(Object):
    """From a file or folder: tokenizer.json, GPT-2's and BERT's vocabularies, SentencePiece's .model, llama2.c's tokenizer.bin."""

    def __init__(self, file: Any) -> None:
        self._p = made(lib.tp_tokenizer_load, path(file))

    @property
    def kind(self) -> str:
        return text(lib.tp_tokenizer_kind(self))

    def __len__(self) -> int:
        return int(lib.tp_tokenizer_count(self))

    def token_to_id(self, token: str) -> Optional[int]:
        i = lib.tp_tokenizer_id(self, token.encode())
        return None if i < 0 else int(i)

    def id_to_token(self, i: int) -> Optional[str]:
        piece = lib.tp_tokenizer_piece(self, i)
        return None if piece is None else text(piece)

    def encode(self, text: str, add_special_tokens: bool = True, **options: Any) -> List[int]:
        """plain_text, begin, end: tp_tokenizer_encode_options in taper/text.h."""
        return self._encode(text, add_special_tokens, options)[0]

    def encode_with_offsets(self, text: str, add_special_tokens: bool = True, **options: Any) -> Tuple[List[int], List[Tuple[int, int]]]:
        """The bytes that each token comes from, too."""
        return self._encode(text, add_special_tokens, {**options, "offsets": True})

    def _encode(self, words: str, special: bool, options: Any) -> Tuple[List[int], List[Tuple[int, int]]]:
        o = fill(struct("tp_tokenizer_encode_options")(), {**options, "no_special": not special}, "encode")
        data = words.encode()
        with scope():
            tokens = lib.tp_tokenizer_encode_opt(self, data, len(data), c.byref(o))
            check(not tokens)
            n = lib.tp_tokens_count(tokens)
            ids = list((c.c_int32 * n).from_address(lib.tp_tokens_ids(tokens))) if n else []
            spans: List[Tuple[int, int]] = []
            if o.offsets:
                begin, end = c.c_int64(), c.c_int64()
                for i in range(n):
                    lib.tp_tokens_span(tokens, i, c.byref(begin), c.byref(end))
                    spans.append((begin.value, end.value))
            return ids, spans

    def decode(self, ids: "Sequence[int] | Tensor", skip_special_tokens: bool = True) -> str:
        numbers = ids.tolist() if isinstance(ids, Tensor) else list(ids)
        array = (c.c_int32 * len(numbers))(*numbers)
        o = fill(struct("tp_tokenizer_decode_options")(), {"keep_special": not skip_special_tokens}, "decode")
        size = done(lib.tp_tokenizer_decode_opt, self, array, len(numbers), None, 0, c.byref(o))
        room = c.create_string_buffer(size + 1)
        done(lib.tp_tokenizer_decode_opt, self, array, len(numbers), room, size + 1, c.byref(o))
        return room.raw[:size].decode(errors="replace")

    @staticmethod
    def train(text_file: Any, out: Any, **options: Any) -> "Tokenizer":
        """Learns from a text file and writes a tokenizer.json: kind="bpe", vocabulary=8000 ... (tp_tokenizer_train_options)."""
        o = fill(struct("tp_tokenizer_train_options")(), options, "Tokenizer.train")
        done(lib.tp_tokenizer_train_opt, path(text_file), path(out), c.byref(o))
        return Tokenizer(out)


def pretrained_tokenizer(folder: Any) -> Tokenizer:
    """That of a network's folder."""
    t = object.__new__(Tokenizer)
    t._p = made(lib.tp_pretrained_tokenizer, path(folder), None)
    return t
