"""How long a training step takes, against the same step in PyTorch (eager), in one run and in turn.

`python -m benchmarks.train --weights VGG19_WEIGHTS` (the file changes nothing about the speed). A step: the johnson
generator forwards and backwards, VGG-19 up to relu4_2 on its pictures, content targets on the photos without gradient,
Adam.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import torch

from benchmarks.measure import print_table
from benchmarks.torch_johnson import Johnson
from images.writing import write_image
from pipelines.training.callbacks.iteration import IterationCallback
from pipelines.training.data import TrainingBatches
from pipelines.training.files import read_styles
from pipelines.training.plan import plan_training
from pipelines.training.run import make_model
from pipelines.training.settings import TrainingSettings

STEPS = 4  # of each turn, of which the first is not counted
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu4_2"
# VGG-19 up to relu4_2 as torchvision numbers it: filters of the convolutions, M for a pooling.
VGG = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512)
STYLE_AFTER = (1, 3, 5, 9)  # convolutions; the content is compared after the last one


class StepTimes(IterationCallback):
    """Notes when each step ends."""

    def __init__(self) -> None:
        super().__init__(0, STEPS)
        self.ends: list[float] = []

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        assert np.isfinite(losses["loss"])
        self.ends.append(time.perf_counter())


def keras_steps(settings: TrainingSettings, batch: np.ndarray) -> Callable[[], list[float]]:
    """Return what runs a few steps of train.py and returns the seconds of each."""
    model = make_model(plan_training(settings), list(read_styles(settings).values()))
    model.expect(batch.shape)

    def run() -> list[float]:
        times = StepTimes()
        batches = TrainingBatches(
            lambda i: batch[i % len(batch)], batch_size=len(batch), count=STEPS, first_sample=0, threads=1
        )
        model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[times])
        return np.diff(times.ends).tolist()

    return run


class TorchDescriptor(torch.nn.Module):
    """VGG-19 with random weights: (style activations, content activations)."""

    mean: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        channels = [3, *(filters for filters in VGG if isinstance(filters, int))]
        self.convolutions = torch.nn.ModuleList(
            torch.nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(channels)
        )
        self.register_buffer("mean", torch.tensor([103.939, 116.779, 123.68])[:, None, None])
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        x = x.flip(1) * 255 - self.mean
        style, convolutions, done = [], iter(self.convolutions), 0
        for entry in VGG:
            if entry == "M":
                x = torch.nn.functional.max_pool2d(x, 2)
                continue
            x = torch.relu(next(convolutions)(x))
            done += 1
            if done in STYLE_AFTER:
                style.append(x)
        return style, x


def torch_gram(x: torch.Tensor) -> torch.Tensor:
    flat = x.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def torch_steps(batch: np.ndarray, style_picture: np.ndarray) -> Callable[[], list[float]]:
    """Return what runs a few steps of the same training in PyTorch and returns the seconds of each."""
    generator, descriptor = Johnson(), TorchDescriptor()
    optimizer = torch.optim.Adam(generator.parameters(), 1e-3)
    photos, source = (torch.tensor(x).permute(0, 3, 1, 2).contiguous() for x in (batch, style_picture[None]))
    with torch.no_grad():
        targets = [torch_gram(features) for features in descriptor(source)[0]]

    def step() -> None:
        with torch.no_grad():
            content_target = descriptor(photos)[1]
        optimizer.zero_grad(set_to_none=True)
        style, content = descriptor(generator(photos))
        loss = ((content - content_target) ** 2).mean() / (content_target**2).mean()
        for features, target in zip(style, targets, strict=True):
            loss = loss + ((torch_gram(features) - target) ** 2).sum((1, 2)).mean() / (target**2).sum()
        loss.backward()
        optimizer.step()
        assert np.isfinite(loss.item())

    def run() -> list[float]:
        times = []
        for _ in range(STEPS):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        return times[1:]

    return run


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", help="VGG-19's weights (default: found or downloaded)")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--runs", type=int, default=4)
    arguments = parser.parse_args()
    size = arguments.image_size
    random = np.random.default_rng(0)
    batch = random.random((arguments.batch_size, size, size, 3), dtype=np.float32)
    style = random.random((size, size, 3), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "style.png"
        write_image(picture, style)
        settings = {
            precision: TrainingSettings(
                style_image=(picture,), data=folder, weights=arguments.weights, batch_size=arguments.batch_size,
                image_size=(size,), precision=precision, model="johnson", consistency_weight=0.0, mirrored_border=0,
            )
            for precision in ("float32", "bfloat16")
        }  # fmt: skip
        jobs = {f"Keras ({keras.backend.backend()}), {name}": keras_steps(s, batch) for name, s in settings.items()}
    jobs = {"PyTorch eager, float32": torch_steps(batch, style), **jobs}
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for run in range(arguments.runs + 1):
        for name, job in jobs.items():
            seconds = job()
            if run > 0:
                times[name].extend(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    base, float32, _ = medians.values()
    rows = [
        (name, f"{seconds:.3f}", f"{seconds / base:.2f}", f"{seconds / float32:.2f}")
        for name, seconds in medians.items()
    ]
    title = f"One training step, batch {arguments.batch_size}, {size}x{size} (medians)"
    print_table(title, ("what", "seconds", "of PyTorch", "of ours in float32"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
