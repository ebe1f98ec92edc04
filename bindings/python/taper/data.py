"""data - the library's datasets, transforms and its loader, which makes batches in threads of its own."""
import ctypes as c
from typing import Any, Iterator, Optional, Tuple

from ._c import Object, check, done, fill, lib, made, path, struct, text
from ._tensor import Tensor, borrowed, tensor

_Batch, _LoaderOptions = struct("tp_batch"), struct("tp_loader_options")


class Dataset(Object):
    """Examples by number.  len(d), d[i] -> (x, y), d.classes, d.shape."""

    def __len__(self) -> int:
        return int(lib.tp_dataset_count(self))

    @property
    def shape(self) -> Tuple[int, ...]:
        """Of one example; -1: differs."""
        s = lib.tp_dataset_shape(self)
        return tuple(s.dim[:s.ndim])

    @property
    def classes(self) -> int:
        """0: a regression."""
        return int(lib.tp_dataset_classes(self))

    def class_name(self, label: int) -> str:
        return text(lib.tp_dataset_class_name(self, label))

    def __getitem__(self, i: int) -> Tuple[Tensor, Any]:
        if not -len(self) <= i < len(self):
            raise IndexError(f"there are {len(self)} examples, none at {i}")
        sample = struct("tp_sample")()
        try:
            done(lib.tp_dataset_load, self, i % len(self), c.byref(sample))
            dims = sample.shape.dim[:sample.shape.ndim]
            n = 1
            for d in dims:
                n *= d
            x = tensor(memoryview(c.string_at(sample.x, 4 * n)).cast("f") if n else b"", dtype="float32").reshape(dims)
            targets = lib.tp_dataset_targets(self)
            y = [sample.y] if targets == 1 or not sample.targets else list((c.c_double * targets).from_address(sample.targets))
            values: Any = [int(v) for v in y] if self.classes else y
            return x, values[0] if len(values) == 1 else values
        finally:
            lib.tp_sample_free(c.byref(sample))

    def subset(self, first: int, count: int) -> "Dataset":
        return _dataset(made(lib.tp_subset, self, first, count))

    def shuffled(self, seed: int = 0) -> "Dataset":
        return _dataset(made(lib.tp_shuffled, self, seed))


def _dataset(p: int) -> Dataset:
    d = object.__new__(Dataset)
    d._p = p
    return d


def mnist(folder: Any, train: bool = True) -> Dataset:
    return _dataset(made(lib.tp_mnist, path(folder), not train))


def cifar10(folder: Any, train: bool = True) -> Dataset:
    return _dataset(made(lib.tp_cifar10, path(folder), not train))


def image_folder(folder: Any, channels: int = 3, size: int = 224) -> Dataset:
    return _dataset(made(lib.tp_image_folder, path(folder), channels, size))


def csv(file: Any, **options: Any) -> Dataset:
    """target=, delimiter=, header=, regression=: tp_csv_options in taper/data.h."""
    return _dataset(made(lib.tp_csv_opt, path(file), c.byref(fill(struct("tp_csv_options")(), options, "csv"))))


def text_windows(file: Any, train: bool = True, **options: Any) -> Dataset:
    """window=, bytes=, tokenizer= ...: tp_text_options in taper/data.h."""
    return _dataset(made(lib.tp_text_opt, path(file), not train, c.byref(fill(struct("tp_text_options")(), options, "text"))))


def open(file: Any, train: bool = True, **options: Any) -> Dataset:
    """What a person means by a path; kind=, channels=, image_size= ...: tp_data_options in taper/data.h."""
    return _dataset(made(lib.tp_data_open_opt, path(file), not train, c.byref(fill(struct("tp_data_options")(), options, "data"))))


def tensors(x: Tensor, y: Tensor, classes: int = 0) -> Dataset:
    """From memory: x (N, ...), y (N) integers for classes, floats for a regression."""
    return _dataset(made(lib.tp_tensor_dataset, x, y, classes))


class Transform(Object):
    """Steps that run in order, as the shell writes them: "randomcrop=32:4 hflip normalize=0.5/0.25"."""

    def __init__(self, steps: str) -> None:
        self._p = made(lib.tp_transform_parse, steps.encode())


class Loader:
    """Batches (x, y) of a dataset; each for loop goes through it once.  Options: shuffle, seed, drop_last, workers, bucket, streams.
    A shuffled loader takes another order in each epoch: that of seed + the number of the epoch."""

    def __init__(self, dataset: Dataset, batch_size: int, transform: Any = None, shuffle: bool = False, seed: int = 0,
                 **options: Any) -> None:
        self.dataset, self.batch_size, self.epoch = dataset, batch_size, 0
        self.transform: Optional[Transform] = Transform(transform) if isinstance(transform, str) else transform
        self.options = {"shuffle": shuffle, "transform": self.transform, **options}
        self.seed = seed
        self._count = int(lib.tp_loader_batches(self._open(seed, workers=-1)))  # what is wrong is told here

    def _open(self, seed: int, **options: Any) -> "_Opened":
        o = fill(_LoaderOptions(), {**self.options, "seed": seed, **options}, "Loader")
        return _Opened(made(lib.tp_loader_new_opt, self.dataset, self.batch_size, c.byref(o)))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Tuple[Tensor, Tensor]]:
        opened = self._open(self.seed + self.epoch)
        self.epoch += 1
        batch = _Batch()
        while lib.tp_loader_next(opened, c.byref(batch)):
            yield borrowed(batch.x), borrowed(batch.y)
        check()


class _Opened(Object):
    def __init__(self, p: int) -> None:
        self._p = p
