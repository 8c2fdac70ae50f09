"""Style transfers of seconds: small pictures and a shallow descriptor with random weights."""

import json
from pathlib import Path

import numpy as np

from images.writing import write_image
from pipelines.transfer.settings import TransferSettings
from support.training_cases import smooth_picture, write_descriptor_weights


def make_inputs(folder: Path) -> None:
    """Write a content, two styles, one too thin, masks and descriptor weights up to relu2_1."""
    random = np.random.default_rng(0)
    sizes = {"content": (40, 60), "style": (50, 44), "other": (36, 48)}
    for name, size in sizes.items():
        write_image(folder / f"{name}.png", smooth_picture(random, *size))
    left = np.zeros((40, 60, 3), np.float32)
    left[:, :30] = 1
    for name, mask in {"left": left, "right": 1 - left, "black": 0 * left, "thin": left[:1]}.items():
        write_image(folder / f"{name}.png", mask)
    write_descriptor_weights(folder / "vgg.keras", random)


def small_values(folder: Path, output: Path) -> dict[str, object]:
    """Return the arguments of a run at 30 x 20, 42 x 28 and 60 x 40 pixels on what `make_inputs` wrote."""
    return {
        "content": folder / "content.png",
        "styles": (folder / "style.png",),
        "output": output,
        "weights": folder / "vgg.keras",
        "style_layers": ("relu1_1=4", "relu2_1=1"),
        "content_layers": ("relu2_1",),
        "min_scale": 30,
        "end_scale": 60,
        "initial_iterations": 6,
        "iterations": 4,
        "save_every": 3,
    }


def small_settings(folder: Path, output: Path, **changes) -> TransferSettings:
    """Return the settings of a small run."""
    return TransferSettings(**{**small_values(folder, output), **changes})


def read_trace(folder: Path) -> list[dict]:
    """Return the iterates of a run's trace.json."""
    return json.loads((folder / "trace.json").read_text())["iterates"]
