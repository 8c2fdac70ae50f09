"""Damaged files of other programs' networks, given to the functions that read them; nothing is converted."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.torture.files import Attack, Files, import_caffe_network, import_network, made_elsewhere
from pipelines.command_line import run_script


class ReadFiles(Files):
    """Damaged copies of sound files for one function that reads them."""

    suffix = ""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.sound = self.sound_files()

    def sound_files(self) -> list[Any]:
        """Return what is damaged."""
        raise NotImplementedError

    def damaged(self, source: Any, generator: random.Random) -> bytes:
        """Return a damaged copy."""
        raise NotImplementedError

    def read(self, path: Path) -> object:
        """Read a file."""
        raise NotImplementedError

    def attack(self, number: int) -> Attack:
        """A damaged copy of one of the sound files."""
        generator = self.random(number)
        path = self.folder / f"network{self.suffix}"
        path.write_bytes(self.damaged(generator.choice(self.sound), generator))
        return f"read {self.suffix} {number}", lambda: run_script("read", lambda: self._code(path))

    def _code(self, path: Path) -> int:
        self.read(path)
        return 0


class ReadTorch7(ReadFiles):
    """`.t7` files."""

    suffix = ".t7"

    def sound_files(self) -> list[bytes]:
        """Return those of the tests."""
        from support.torch7_fuzz import sound_files

        return sound_files()

    def damaged(self, source: bytes, generator: random.Random) -> bytes:
        """Return a copy with changed bytes, numbers, lengths or blocks."""
        from support.torch7_fuzz import mutations

        return next(mutations(source, generator.getrandbits(32)))

    def read(self, path: Path) -> object:
        """Read a file."""
        from convert.torch7.file.reader import read_t7

        return read_t7(path)


class _ReadCaffe(ReadFiles):
    """One of the two files of a Caffe network."""

    part = 0

    def sound_files(self) -> list[tuple[bytes, bytes]]:
        """Return the pairs of the tests."""
        from support.caffe_fuzz import sound_files

        return sound_files()

    def damaged(self, source: tuple[bytes, bytes], generator: random.Random) -> bytes:
        """Return a copy of one of the two that differs."""
        from support.caffe_fuzz import mutations

        copies = mutations(source, generator.getrandbits(32))
        return next(pair[self.part] for pair in copies if pair[self.part] != source[self.part])


class ReadPrototxt(_ReadCaffe):
    """Prototxts."""

    suffix = ".prototxt"

    def read(self, path: Path) -> object:
        """Read a file and connect its layers."""
        from convert.caffe.network import read_network

        return read_network(path)


class ReadCaffemodel(_ReadCaffe):
    """Caffemodels."""

    suffix = ".caffemodel"
    part = 1

    def read(self, path: Path) -> object:
        """Read a file."""
        from convert.caffe.file.model_file import read_caffemodel

        return read_caffemodel(path)


class ReadSnapshot(ReadFiles):
    """Caffe's HDF5 snapshots."""

    suffix = ".caffemodel.h5"

    def sound_files(self) -> list[tuple[bytes, bytes]]:
        """Return the networks of the tests as pairs of a prototxt and a snapshot."""
        from support.caffe_fuzz import snapshots

        return snapshots()

    def damaged(self, source: tuple[bytes, bytes], generator: random.Random) -> bytes:
        """Return a copy of a snapshot with changed bytes or blocks."""
        from support.keras_files import damage

        return damage(source[1], generator)

    def read(self, path: Path) -> object:
        """Read a file."""
        from convert.caffe.file.model_file import read_caffemodel

        return read_caffemodel(path)


class ConvertSnapshot(ReadSnapshot):
    """Damaged `.caffemodel.h5` files for import_caffe_weights.py, with sound prototxts."""

    def attack(self, number: int) -> Attack:
        """A damaged copy of one of the sound files."""
        generator = self.random(number)
        prototxt, model = (self.folder / name for name in ("network.prototxt", f"network{self.suffix}"))
        source = generator.choice(self.sound)
        prototxt.write_bytes(source[0])
        model.write_bytes(self.damaged(source, generator))
        return f"damaged {self.suffix} {number}", import_caffe_network(prototxt, model)


class ReadPyTorch(ReadFiles):
    """PyTorch's files, of both formats."""

    suffix = ".pth"
    is_safetensors = False

    def sound_files(self) -> list[bytes]:
        """Return those of the tests that are of this kind."""
        from support.pytorch_fuzz import sound_files

        pickled = b"PK", b"\x80"
        files = made_elsewhere(sound_files)
        return [data for data in files if (not data.startswith(pickled)) == self.is_safetensors]

    def damaged(self, source: bytes, generator: random.Random) -> bytes:
        """Return a copy with changed bytes, also in the members of an archive."""
        from support.pytorch_fuzz import mutations

        return next(mutations(source, generator.getrandbits(32)))

    def read(self, path: Path) -> object:
        """Read a file."""
        from convert.pytorch.reader import read_pytorch

        return read_pytorch(path)


class ReadSafetensors(ReadPyTorch):
    """`.safetensors` files."""

    suffix = ".safetensors"
    is_safetensors = True


class ConvertSafetensors(ReadSafetensors):
    """Damaged `.safetensors` files for import_torch_weights.py."""

    def attack(self, number: int) -> Attack:
        """A damaged copy of one of the sound files."""
        _, _ = super().attack(number)
        return f"damaged .safetensors {number}", import_network(self.folder / f"network{self.suffix}")


READERS: dict[str, Callable[[Path, int], Files]] = {
    f"read {kind.suffix}": kind
    for kind in (ReadTorch7, ReadCaffemodel, ReadPrototxt, ReadSnapshot, ReadPyTorch, ReadSafetensors)
}
