"""npy.py - NumPy reads what Taper writes and the other way round: npy and npz, every type, every layout."""
import os, tempfile, zipfile
from taper import *

SHAPES = [(), (1,), (0,), (7,), (3, 4), (0, 5), (2, 3, 4), (1, 2, 1, 3, 2, 1, 2, 2), (30000, 3)]


def layouts(x):
    yield x
    if x.ndim:  # NumPy gives a scalar a dimension here
        yield np.asfortranarray(x)
    yield x.astype(x.dtype.newbyteorder(">"))
    if x.ndim > 1:
        yield np.asfortranarray(x.astype(x.dtype.newbyteorder(">")))


def arrays_of_every_type(path):
    for dtype in NUMPY_DTYPES:
        for dims in SHAPES:
            x = example(dtype, dims)
            for y in layouts(x):
                for version in [(1, 0), (2, 0), (3, 0)]:
                    with open(path, "wb") as f:
                        np.lib.format.write_array(f, y, version)
                    with scope():
                        same(array(check(tp_npy_read(path.encode()))), x)
                        if y.dtype.isnative:
                            mapped = check(tp_npy_map(path.encode()))
                            same(array(mapped), x)
                            if y.size > 1 and not y.flags.c_contiguous:
                                assert tp_stride(mapped, 0) == 1
            with scope():
                check(tp_npy_write(path.encode(), tensor(x)))
                same(np.load(path), x)
                if x.ndim > 1:
                    check(tp_npy_write(path.encode(), tp_transpose(tensor(x), 0, -1)))
                    same(np.load(path), np.ascontiguousarray(x.swapaxes(0, -1)))


def names_and_arrays():
    content = {f"{dtype.name}.{i}": example(dtype, dims) for dtype in NUMPY_DTYPES for i, dims in enumerate(SHAPES)}
    content.update({"arr_0": np.arange(5), "../up": np.ones(2), "größe": np.ones(3), "a b/c": np.zeros((2, 2))})
    return content


def read_npz(path, wanted):
    with scope():
        p = check(tp_npz_read(path.encode()))
        assert tp_params_count(p) == len(wanted)
        for i, (name, x) in enumerate(wanted.items()):
            assert tp_params_name(p, i).decode() == name
            same(array(tp_params_at(p, i)), x)
        for name, x in list(wanted.items())[::7]:
            same(array(check(tp_npz_read_one(path.encode(), name.encode()))), x)


def archives(path):
    wanted = names_and_arrays()
    for save in (np.savez, np.savez_compressed):
        save(path, **wanted)
        read_npz(path, wanted)
        save(path, **{k: np.asfortranarray(v) if v.ndim else v for k, v in wanted.items()})
        read_npz(path, wanted)
    for compressed in (False, True):
        with scope():
            p = check(tp_params_new())
            for name, x in wanted.items():
                check(tp_params_add(p, name.encode(), tensor(x)))
            check(tp_params_add(p, b"turned", tp_transpose(tensor(example("float32", (500, 300))), 0, 1)))
            check(tp_npz_write_opt(path.encode(), p, NpzOptions(c.sizeof(NpzOptions), compressed)))
        got = np.load(path)
        assert list(got) == list(wanted) + ["turned"]
        for name, x in wanted.items():
            same(got[name], x)
        same(got["turned"], np.ascontiguousarray(example("float32", (500, 300)).T))
        assert zipfile.ZipFile(path).testzip() is None
        kinds = {info.compress_type for info in zipfile.ZipFile(path).infolist()}
        assert kinds == {zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED}, kinds
        read_npz(path, {**wanted, "turned": got["turned"]})
    np.savez(path)
    read_npz(path, {})
    with scope():
        check(tp_npz_write_opt(path.encode(), tp_params_new(), None))
    assert list(np.load(path)) == []
    read_npz(path, {})


with tempfile.TemporaryDirectory() as folder:
    arrays_of_every_type(os.path.join(folder, "x.npy"))
    try:
        archives(os.path.join(folder, "x.npz"))
    except RuntimeError as e:
        if "built without libzip" not in str(e):
            raise
        print("npz left out:", e)
print("npy: all well")
