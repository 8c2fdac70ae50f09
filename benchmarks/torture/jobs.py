"""Runs of seconds of the scripts, which are killed, resumed and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WEIGHTS, PICTURE, STYLE, PHOTOS = "vgg.keras", "content.png", "style.png", "photos"


@dataclass(frozen=True)
class Job:
    """A run of a script.

    Attributes:
        name: what it does.
        script: file at the project's root.
        arguments: for it, made of the folders of the inputs and of the outputs.
        complete: what the same command says where there is nothing left to do; "": it does all anew.
    """

    name: str
    script: str
    arguments: Callable[[Path, Path], list[str]]
    complete: str = ""

    def command(self, inputs: Path, outputs: Path) -> list[str]:
        """Return the script and its arguments."""
        return [self.script, *self.arguments(inputs, outputs)]


def write_inputs(folder: Path) -> None:
    """Write what the jobs read: a few photos, weights of a descriptor, a network of each format."""
    from support.small_models import convolutional_model
    from support.torch7_cases import SHIPPED_CASES
    from support.training_cases import smooth_picture, write_descriptor_weights

    from images.writing import write_image
    from model.saving import save_model

    random = np.random.default_rng(0)
    (folder / PHOTOS).mkdir()
    for number in range(12):
        write_image(folder / PHOTOS / f"{number:02}.png", smooth_picture(random, 60, 80))
    write_image(folder / PICTURE, smooth_picture(random, 40, 60))
    write_image(folder / STYLE, smooth_picture(random, 48, 40))
    write_descriptor_weights(folder / WEIGHTS, random)
    save_model(convolutional_model(), folder / "network.keras")
    network = next(case for case in SHIPPED_CASES if case.name == "tn_johnson_small")
    (folder / "network.t7").write_bytes(network.path.read_bytes())


def _synthesis(inputs: Path, outputs: Path) -> list[str]:
    picture, weights = str(inputs / STYLE), str(inputs / WEIGHTS)
    sizes = ["-ow", "48", "-oh", "40", "-o", "2", "-m", "60", "-n", "5"]
    terms = ["-l", "relu1_1", "pool1", "--statistics", "gram"]  # more terms take longer to compile than all else
    return ["-s", picture, "--weights", weights, *terms, *sizes, "--output-dir", str(outputs)]


def _transfer(inputs: Path, outputs: Path) -> list[str]:
    pictures = [str(inputs / PICTURE), str(inputs / STYLE)]
    layers = ["--style-layers", "relu1_1=4", "relu2_1=1", "--content-layers", "relu2_1"]
    scales = ["--min-scale", "30", "--end-scale", "60", "-ii", "30", "-i", "20", "--save-every", "4"]
    return [*pictures, "-o", str(outputs / "result.png"), "--weights", str(inputs / WEIGHTS), *layers, *scales]


def _training(inputs: Path, outputs: Path) -> list[str]:
    files = ["--data", str(inputs / PHOTOS), "--style-image", str(inputs / STYLE), "--weights", str(inputs / WEIGHTS)]
    sizes = ["--image-size", "32", "--style-size", "0", "--num-iterations", "12", "--save-every", "3"]
    layers = ["--style-layers", "relu1_1", "relu2_1", "--content-layers", "relu2_1"]
    options = ["--precision", "float32", "--batch-size", "1"]
    return [*files, *sizes, *layers, *options, "--checkpoints-path", str(outputs)]


def _import(inputs: Path, outputs: Path) -> list[str]:
    return ["--input", str(inputs / "network.t7"), "--output", str(outputs / "network.keras")]


def _export(inputs: Path, outputs: Path) -> list[str]:
    output = str(outputs / "network.tflite")
    return ["--input", str(inputs / "network.keras"), "--output", output, "--format", "litert", "--size", "64x64"]


def _stylizing(inputs: Path, outputs: Path) -> list[str]:
    output = str(outputs / "results")
    return ["--input", str(inputs / PHOTOS), "--output", output, "--model", str(inputs / "network.keras")]


SYNTHESIS = Job("synthesis", "synthesize.py", _synthesis)
TRANSFER = Job("transfer", "style_transfer.py", _transfer)
TRAINING = Job("training", "train.py", _training, complete="an earlier run, which is complete")
JOBS = {
    job.name: job
    for job in (
        SYNTHESIS,
        TRANSFER,
        TRAINING,
        Job("import", "import_torch_weights.py", _import),
        Job("export", "export_model.py", _export),
        Job("stylising a folder", "stylize_tensorflow.py", _stylizing),
    )
}
