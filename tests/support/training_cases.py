"""Training runs of seconds: a narrow generator, a shallow descriptor with random weights, a few small photos."""

import csv
from pathlib import Path

import numpy as np

from images.writing import write_image
from pipelines.training.settings import TrainingSettings

NARROW = {
    "hourglass": {"widths": (4, 4, 6), "outer_blocks": 1, "inner_blocks": 1},
    "johnson": {"widths": (4, 8), "blocks": 1},
    "pyramid": {"scales": 3, "filters": 2},
    "skip_unpool": {"widths": (4, 8), "skip_filters": 2},
}


def make_inputs(folder: Path) -> None:
    """Write photos, a style picture and descriptor weights up to relu2_1."""
    random = np.random.default_rng(0)
    (folder / "photos" / "nested").mkdir(parents=True)
    for i in range(5):
        place = folder / "photos" / ("nested" if i % 2 else "")
        write_image(place / f"{i}.png", smooth_picture(random, 40 + 3 * i, 52 - 2 * i))
    write_image(folder / "style.png", smooth_picture(random, 48, 40))
    write_descriptor_weights(folder / "vgg.keras", random)


def smooth_picture(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return a picture of soft blocks, (height, width, 3) in [0, 1]."""
    blocks = random.random((height // 8 + 1, width // 8 + 1, 3), dtype=np.float32)
    return np.kron(blocks, np.ones((8, 8, 1), np.float32))[:height, :width]


def write_descriptor_weights(path: Path, random: np.random.Generator, until: str = "relu2_1") -> None:
    """Write random weights of VGG-19's convolutions up to a layer, which keep the size of activations."""
    from model.saving import save_model
    from model.vgg19 import vgg19

    model = vgg19([until])
    for layer in model.layers:
        if layer.weights:
            kernel = random.normal(0, np.sqrt(2 / np.prod(layer.kernel.shape[:3])), layer.kernel.shape)
            layer.set_weights([kernel, np.zeros(layer.bias.shape)])
    save_model(model, path)


def small_settings(folder: Path, output: Path, **changes) -> TrainingSettings:
    """Return the settings of a run on what `make_inputs` wrote into `folder`."""
    model = changes.get("model", "johnson")
    values = {
        "data": folder / "photos",
        "style_image": (folder / "style.png",),
        "model": model,
        "weights": folder / "vgg.keras",
        "style_size": 0,
        "image_size": 32,
        "style_layers": ("relu1_1", "relu2_1"),
        "content_layers": ("relu2_1",),
        "style_weight": 1.0,
        "tv_weight": 0.0,
        "consistency_weight": 0.0,
        "mirrored_border": 0,
        "learning_rate_decay": "step",
        "warmup_steps": 0,
        "ema_momentum": 0.0,
        "pyramid_loss": 1,
        "num_iterations": 6,
        "save_every": 2,
        "threads": 2,
        "checkpoints_path": output,
        "generator_options": NARROW.get(model, {}),
    }
    if changes.get("mode") == "texture":  # there is nothing to compare the content with
        del values["data"], values["content_layers"]
    return TrainingSettings(**{**values, **changes})


def read_history(output: Path) -> list[dict[str, float]]:
    """Return the lines of a run's history.csv."""
    with (output / "history.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
