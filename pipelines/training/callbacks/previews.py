"""Previews: pictures of the generator during training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from images.writing import write_image
from model.noise import takes_noise
from model.styles import inputs_in_turn
from pipelines.training.callbacks.iteration import diverged
from pipelines.training.settings import PREVIEWS


class Previews:
    """What the generator makes of fixed inputs, as PNG files: the photos above, the pictures below.

    Args:
        generator: under the image contract, or from noise to pictures.
        inputs: (count, height, width, channels), photos or noise.
        folder: of the run; `previews/iteration-00001000.png` ... are written into it; or None.
        watchers: called with the iteration and the sheet (height, width, 3).
    """

    def __init__(
        self,
        generator: keras.Model,
        inputs: np.ndarray,
        folder: Path | None,
        watchers: tuple[Callable[[int, np.ndarray], None], ...] = (),
    ) -> None:
        self.generator = generator
        self.inputs = inputs
        self.folder = folder
        self.watchers = watchers
        if folder is not None:
            (folder / PREVIEWS).mkdir(exist_ok=True)

    def __call__(self, iteration: int) -> None:
        """Write the sheet of `iteration`."""
        sheet = self.sheet()
        if not np.isfinite(sheet).all():
            raise diverged(self.folder, iteration, "the generator's pictures are")
        if self.folder is not None:
            write_image(self.folder / PREVIEWS / f"iteration-{iteration:08d}.png", sheet)
        for watch in self.watchers:
            watch(iteration, sheet)

    def sheet(self) -> np.ndarray:
        """Return what the generator makes now, float32 (height, width, 3)."""
        pictures = [self._picture(number) for number in range(len(self.inputs))]
        sheet = np.concatenate(np.clip(pictures, 0, 1), axis=1)
        if not takes_noise(self.generator):
            sheet = np.concatenate([np.concatenate(self.inputs, axis=1), sheet], axis=0)
        return sheet.astype(np.float32)

    def _picture(self, number: int) -> np.ndarray:
        inputs = inputs_in_turn(self.generator, self.inputs[number : number + 1], first=number)
        return keras.ops.convert_to_numpy(self.generator(inputs, training=False))[0]
