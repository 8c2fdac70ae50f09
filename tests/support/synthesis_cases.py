"""Syntheses of seconds: small pictures and a shallow descriptor with random weights."""

import json
from pathlib import Path

import numpy as np

from images.writing import write_image
from pipelines.synthesis.settings import GRAM_ALONE, SynthesisSettings
from support.training_cases import smooth_picture, write_descriptor_weights

LAYERS = ("relu1_1", "pool1")


def make_inputs(folder: Path) -> None:
    """Write two textures, a folder of them, label pictures and descriptor weights up to relu2_1."""
    random = np.random.default_rng(0)
    (folder / "folder").mkdir()
    for name in ("stones.png", "folder/a.png", "folder/b.png"):
        write_image(folder / name, smooth_picture(random, 56, 48))
    for name, split in (("source_mask.png", 24), ("output_mask.png", 10)):
        labels = np.zeros((56, 48, 3), np.float32)
        labels[:, split:] = (1, 0, 0)
        write_image(folder / name, labels)
    (folder / "folder" / "notes.txt").write_text("no picture")
    write_descriptor_weights(folder / "vgg.keras", random)


def small_settings(folder: Path, output_dir: Path, **changes) -> SynthesisSettings:
    """Return the settings of a run with Gram matrices alone on what `make_inputs` wrote into `folder`."""
    values = {
        **GRAM_ALONE,
        "source": (folder / "stones.png",),
        "weights": folder / "vgg.keras",
        "layers": LAYERS,
        "output_width": 40,
        "output_height": 32,
        "octaves": 2,
        "max_iter": 6,
        "save_every": 2,
        "schedule": "single",
        "output_dir": output_dir,
    }
    return SynthesisSettings(**{**values, **changes})


def read_progress(folder: Path) -> list[dict]:
    """Return the lines of a run's progress.jsonl."""
    return [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
