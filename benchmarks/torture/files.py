"""Damaged and hostile files, each given to the script or function that reads its kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipelines.command_line import run_script

Attack = tuple[str, Callable[[], int]]
Made = TypeVar("Made")


class Files:
    """Attacks by number: the same number and seed give the same file.

    Args:
        folder: for the files.
        seed: of all.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed

    def random(self, number: int) -> random.Random:
        """Return the random numbers of one attack."""
        return random.Random(f"{self.seed} {number}")

    def attack(self, number: int) -> Attack:
        """Return the name of attack `number` and what carries it out, which returns an exit code."""
        raise NotImplementedError


class KerasFiles(Files):
    """`.keras` files for stylize_tensorflow.py, which runs those that it can load on a small picture."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        from images.writing import write_image

        write_image(folder / "photo.png", np.random.default_rng(0).random((24, 32, 3), np.float32))

    def attack(self, number: int) -> Attack:
        """A damaged copy of a good file."""
        from support.keras_files import mutants

        return f"damaged .keras {number}", self._stylize(next(mutants(self.random(number).getrandbits(32))))

    def _stylize(self, data: bytes) -> Callable[[], int]:
        import stylize_tensorflow

        model, photo = self.folder / "model.keras", self.folder / "photo.png"
        model.write_bytes(data)
        output = str(self.folder / "result.png")
        arguments = ["--input", str(photo), "--output", output, "--model", str(model), "--overwrite"]
        return lambda: stylize_tensorflow.main(arguments)


class CraftedKerasFiles(KerasFiles):
    """`.keras` files that are made to harm."""

    def attack(self, number: int) -> Attack:
        """The crafted file of this number; they come again after the last."""
        from support.keras_files import CRAFTED

        name = list(CRAFTED)[number % len(CRAFTED)]
        return f"crafted .keras: {name}", self._stylize(CRAFTED[name][0]())


class WeightFiles(Files):
    """Damaged `.h5` files of VGG-19's weights, of its first two convolutions."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        from support.vgg_files import write_weights

        write_weights(folder / "good.h5")

    def attack(self, number: int) -> Attack:
        """A damaged copy of a good file."""
        from support.keras_files import damage

        path = self.folder / "weights.h5"
        path.write_bytes(damage((self.folder / "good.h5").read_bytes(), self.random(number)))
        return f"damaged .h5 {number}", lambda: run_script("weights", lambda: self._load(path))

    @staticmethod
    def _load(path: Path) -> int:
        from model.descriptor import build_descriptor

        build_descriptor(["relu1_2"], weights=path)
        return 0


class TorchFiles(Files):
    """Damaged `.t7` files for import_torch_weights.py."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        from support.torch7_fuzz import sound_files

        self.sound = sound_files()

    def attack(self, number: int) -> Attack:
        """A damaged copy of one of the tests' files."""
        from support.torch7_fuzz import mutations

        generator = self.random(number)
        path = self.folder / "network.t7"
        path.write_bytes(next(mutations(generator.choice(self.sound), generator.getrandbits(32))))
        return f"damaged .t7 {number}", import_network(path)


class CaffeFiles(Files):
    """Damaged pairs of .prototxt and .caffemodel for import_caffe_weights.py."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        from support.caffe_fuzz import sound_files

        self.sound = sound_files()

    def attack(self, number: int) -> Attack:
        """A damaged copy of one of the tests' pairs."""
        from support.caffe_fuzz import mutations

        generator = self.random(number)
        prototxt, model = (self.folder / name for name in ("net.prototxt", "net.caffemodel"))
        pair = next(mutations(generator.choice(self.sound), generator.getrandbits(32)))
        for path, data in zip((prototxt, model), pair, strict=True):
            path.write_bytes(data)
        return f"damaged Caffe pair {number}", import_caffe_network(prototxt, model)


class TorchStateDicts(Files):
    """Damaged `.pth` files for import_torch_weights.py."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        from support.pytorch_fuzz import generator_file

        self.sound = made_elsewhere(generator_file)

    def attack(self, number: int) -> Attack:
        """A damaged copy of a good file."""
        from support.keras_files import damage_zip

        path = self.folder / "network.pth"
        path.write_bytes(damage_zip(self.sound, self.random(number)))
        return f"damaged .pth {number}", import_network(path)


def made_elsewhere(make: Callable[[], Made]) -> Made:
    """Return what a function returns in a process of its own, whose libraries take no memory here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(make).result()


def import_network(path: Path) -> Callable[[], int]:
    """Return what imports a Torch7 or PyTorch file with import_torch_weights.py."""
    import import_torch_weights

    arguments = ["--input", str(path), "--output", str(path.with_suffix(".keras"))]
    return lambda: import_torch_weights.main(arguments)


def import_caffe_network(prototxt: Path, model: Path) -> Callable[[], int]:
    """Return what imports a Caffe network with import_caffe_weights.py."""
    import import_caffe_weights

    arguments = ["--prototxt", str(prototxt), "--input", str(model), "--output", str(prototxt.with_suffix(".keras"))]
    return lambda: import_caffe_weights.main(arguments)
