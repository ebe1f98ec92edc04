#!/usr/bin/env python3
"""npz.py - archives of arrays, well formed by NumPy and malformed by hand: tests/data/npz/, fuzz/corpus/npz/.

good_*.npz    numpy.savez and savez_compressed
bad_*.npz     one thing wrong in each; test_bad_npz.c says what

Made with NumPy 2.4.6 and Python 3.11; no randomness, fixed dates: the same files again.
"""
import io, os, struct, zipfile, zlib
import numpy as np

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
folder, corpus = os.path.join(top, "tests", "data", "npz"), os.path.join(top, "fuzz", "corpus", "npz")
os.makedirs(folder, exist_ok=True)
os.makedirs(corpus, exist_ok=True)


def npy(array, shape=None):
    """The bytes of an npy file; shape is a lie in its header."""
    f = io.BytesIO()
    np.save(f, array)
    data = f.getvalue()
    if shape:
        start = 10 + struct.unpack("<H", data[8:10])[0]
        text = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': {shape}, }}"
        data = data[:10] + text.ljust(start - 11).encode() + b"\n" + data[start:]
    return data


class Member:
    """One member; what is not given is as it should be."""
    def __init__(self, name, data, method=0, flags=0, raw=None, **lies):
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.name, self.method, self.flags = name, method, flags
        self.raw = raw if raw is not None else squeeze.compress(data) + squeeze.flush() if method == 8 else data
        self.crc, self.size, self.stored = zlib.crc32(data), len(data), len(self.raw)
        self.__dict__.update(lies)

    def fields(self):
        return struct.pack("<HHHHHIII", 20, self.flags, self.method, 0, 33, self.crc, self.stored, self.size)

    def local(self):
        return b"PK\3\4" + self.fields() + struct.pack("<HH", len(self.name), 0) + self.name + self.raw

    def central(self, offset):
        return b"PK\1\2" + struct.pack("<H", 20) + self.fields() + struct.pack("<HHHHHII", len(self.name), 0, 0, 0, 0, 0,
                                                                             offset) + self.name


def archive(file, *members, count=None, tail=b"", at=None):
    body, central = b"", b""
    for i, m in enumerate(members):
        central += m.central(at[i] if at else len(body))
        body += m.local()
    n = len(members) if count is None else count
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, n, n, len(central), len(body), 0)
    with open(os.path.join(folder, file), "wb") as f:
        f.write(body + central + end + tail)


x, y = np.arange(6, dtype="<f4").reshape(2, 3), np.arange(3, dtype="<i8")
for save, name in ((np.savez, "good_stored"), (np.savez_compressed, "good_deflated")):
    for where in (folder, corpus):
        save(os.path.join(where, name + ".npz"), x=x, y=y)
np.savez(os.path.join(corpus, "empty.npz"))
np.savez_compressed(os.path.join(corpus, "long_name.npz"), **{"x" * 400: y, "a": x})
np.savez_compressed(os.path.join(corpus, "types.npz"), a=np.zeros((2, 0), "f8"), b=np.array(True), c=np.asfortranarray(x),
                    d=x.astype(">f2"))

good = npy(x)
archive("good_by_hand.npz", Member(b"x.npy", good), Member(b"y.npy", npy(y), 8))
archive("good_up.npz", Member(b"../a.npy", good), Member(b"/etc/b.npy", npy(y)))  # names, not paths
archive("good_no_suffix.npz", Member(b"x", good))
archive("bad_crc.npz", Member(b"x.npy", good, crc=zlib.crc32(good) ^ 1))
archive("bad_crc_deflated.npz", Member(b"x.npy", good, 8, crc=zlib.crc32(good) ^ 1))
archive("bad_duplicate.npz", Member(b"x.npy", good), Member(b"x.npy", npy(y)))
archive("bad_same_key.npz", Member(b"x.npy", good), Member(b"x", npy(y)))
archive("bad_encrypted.npz", Member(b"x.npy", good, flags=1, raw=b"twelve bytes" + good))
archive("bad_method.npz", Member(b"x.npy", good, 12))
archive("bad_stored_size.npz", Member(b"x.npy", good, size=len(good) + 4))
archive("bad_stored_more.npz", Member(b"x.npy", good, stored=10**6, size=10**6))
archive("bad_deflated_less.npz", Member(b"x.npy", good, 8, size=len(good) - 4))  # inflates to more than it declares
archive("bad_deflated_more.npz", Member(b"x.npy", npy(x, "(3, 3)"), 8, size=len(good) + 12))
archive("bad_claims.npz", Member(b"x.npy", npy(x, "(1000000000,)"), 8, size=4 * 10**9 + 128))
archive("bad_4_gb.npz", Member(b"x.npy", good, 8, size=2**32 - 2))
archive("bad_shape.npz", Member(b"x.npy", npy(x, "(1000000000000,)"), 8))
archive("bad_short.npz", Member(b"x.npy", npy(x, "(3, 3)")))
archive("bad_long.npz", Member(b"x.npy", npy(x, "(2, 2)"), 8))
archive("bad_head.npz", Member(b"x.npy", good[:8] + b"\xff\x7f" + good[10:40]))
archive("bad_no_npy.npz", Member(b"x.npy", good), Member(b"readme.txt", b"not an array"))
archive("bad_folder.npz", Member(b"x/", b""))
archive("bad_objects.npz", Member(b"x.npy", npy(np.zeros(2), "(2,)").replace(b"<f8", b"|O ")))
archive("bad_deflate.npz", Member(b"x.npy", good, 8, raw=b"\xff" * 40))
archive("bad_cut.npz", Member(b"x.npy", good, 8, raw=Member(b"", good, 8).raw[:-9]))
archive("bad_count.npz", Member(b"x.npy", good), count=9)
archive("bad_tail.npz", Member(b"x.npy", good), tail=b"more")
bomb = Member(b"x.npy", npy(np.zeros(250000, "f4")), 8)
archive("bad_overlap.npz", bomb, *[Member(b"%d.npy" % i, npy(np.zeros(250000, "f4")), 8) for i in range(3)],
        at=[0, 0, 0, 0])
archive("bad_name.npz", Member(b"x\n\x1b[31m.npy", good[:100]))
with open(os.path.join(folder, "bad_empty.npz"), "wb") as f:
    pass
with open(os.path.join(folder, "bad_npy.npz"), "wb") as f:
    f.write(good)
