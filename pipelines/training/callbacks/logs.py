"""TensorBoard logs of a training run: losses, learning rate, previews."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow.core.framework.summary_pb2 import SummaryMetadata

from images.writing import to_bytes
from pipelines.outputs import written_by_tensorflow
from pipelines.training.callbacks.iteration import IterationCallback

EVERY = 10  # iterations
_DATA_CLASSES = {"scalars": 1, "images": 3}  # of TensorBoard's plug-ins


class TensorBoardLogs(IterationCallback):
    """Writes the losses and the learning rate every 10 iterations, and previews when called with them.

    TensorFlow writes the files, on every backend, without the package tensorboard: that is only needed to look at
    them (`tensorboard --logdir FOLDER`).

    Args:
        first: iterations done before.
        last: iterations when the run is complete.
        folder: where TensorBoard looks for logs.
        learning_rate: by iteration, counted from 0.

    Raises:
        OSError: a file cannot be written; by the methods too.
    """

    def __init__(self, first: int, last: int, folder: str | os.PathLike, learning_rate: Callable[[int], float]) -> None:
        super().__init__(first, last)
        self.learning_rate = learning_rate
        self.folder = Path(folder)
        with written_by_tensorflow(self.folder):
            self.writer = tf.summary.create_file_writer(str(folder))

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Write the losses where it is time."""
        if iteration % EVERY and iteration != self.last:
            return
        scalars = {f"loss/{name}": value for name, value in losses.items()}
        scalars["learning_rate"] = self.learning_rate(iteration - 1)
        for name, value in scalars.items():
            self._write("scalars", name, tf.constant(value, tf.float32), iteration)

    def write_preview(self, iteration: int, sheet: np.ndarray) -> None:
        """Write a picture (height, width, 3) in [0, 1]."""
        png = io.BytesIO()
        Image.fromarray(to_bytes(sheet)).save(png, format="PNG")
        height, width, _ = sheet.shape
        # What TensorBoard's image plug-in reads: the sizes as text, then the files.
        self._write("images", "previews", tf.constant([str(width), str(height), png.getvalue()]), iteration)

    def close(self) -> None:
        """Close the file."""
        with written_by_tensorflow(self.folder):
            self.writer.close()

    def _write(self, plugin: str, name: str, tensor: tf.Tensor, iteration: int) -> None:
        metadata = SummaryMetadata(data_class=_DATA_CLASSES[plugin])
        metadata.plugin_data.plugin_name = plugin
        with written_by_tensorflow(self.folder):
            with self.writer.as_default(step=iteration):
                tf.summary.write(name, tensor, metadata=metadata)
            self.writer.flush()
