"""Damaged and hostile files, each given to the script or function that reads its kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipelines.command_line import run_script

Attack = tuple[str, Callable[[], int]]


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

        import import_caffe_weights

        generator = self.random(number)
        paths = [self.folder / name for name in ("net.prototxt", "net.caffemodel")]
        pair = next(mutations(generator.choice(self.sound), generator.getrandbits(32)))
        for path, data in zip(paths, pair, strict=True):
            path.write_bytes(data)
        arguments = ["--prototxt", str(paths[0]), "--input", str(paths[1]), "--output", str(self.folder / "net.keras")]
        return f"damaged Caffe pair {number}", lambda: import_caffe_weights.main(arguments)


class TorchStateDicts(Files):
    """Damaged `.pth` files for import_torch_weights.py."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        import torch
        from support.pytorch_networks import TransformerNet

        torch.save(TransformerNet().state_dict(), folder / "good.pth")

    def attack(self, number: int) -> Attack:
        """A damaged copy of a good file."""
        from support.keras_files import damage_zip

        path = self.folder / "network.pth"
        path.write_bytes(damage_zip((self.folder / "good.pth").read_bytes(), self.random(number)))
        return f"damaged .pth {number}", import_network(path)


def import_network(path: Path) -> Callable[[], int]:
    """Return what imports a Torch7 or PyTorch file with import_torch_weights.py."""
    import import_torch_weights

    arguments = ["--input", str(path), "--output", str(path.with_suffix(".keras"))]
    return lambda: import_torch_weights.main(arguments)
