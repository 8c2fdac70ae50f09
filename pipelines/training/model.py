"""A generator with its objective, as a model that Keras' `fit` can train."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from losses.perceptual import PerceptualLoss


class Latest(keras.metrics.Mean):
    """The value of the last step (its mean over devices), where Keras' metrics have means since the epoch's start."""

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take `values` in place of what was there."""
        self.total.assign(values)
        self.count.assign(1.0)


class TrainingModel(keras.Model):
    """Trains `generator` on `objective`: the loss is the sum of the objective's terms.

    Args:
        generator: from photos, or noise, to pictures.
        objective: a PerceptualLoss; its descriptors are not part of this model's weights.
        batch_shape: (batch, height, width, channels) of the inputs on one device. It is told here because Keras'
            data adapters leave sizes open, for which graphs are slower.
        replicas: number of copies of this model whose gradients are added up.
    """

    def __init__(
        self, generator: keras.Model, objective: PerceptualLoss, *, batch_shape: tuple[int, ...], replicas: int = 1
    ) -> None:
        super().__init__(name="training")
        self.generator = generator
        self.objective = objective
        self.batch_shape = batch_shape
        self.replicas = replicas
        self.trackers = {name: Latest(name=name) for name in ("loss", *objective.term_names)}
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the generator's pictures."""
        return self.generator(ops.reshape(inputs, self.batch_shape), training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of the pictures `y_pred` for the inputs `x`."""
        content = self.objective.content_targets(ops.reshape(x, self.batch_shape))
        pictures = ops.reshape(y_pred, (*self.batch_shape[:3], 3))
        terms = self.objective.terms(ops.cast(pictures, "float32"), content)
        loss = _spoiled(sum(terms.values()), pictures)
        for name, value in {"loss": loss, **terms}.items():
            self.trackers[name].update_state(value)
        return loss / self.replicas

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Return the last step's loss and its terms."""
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the last step's loss and its terms."""
        return {name: tracker.result() for name, tracker in self.trackers.items()}


def _spoiled(loss: Any, pictures: Any) -> Any:
    """Return `loss`, but NaN where the pictures are not finite: rectifiers of some backends make 0 of NaN."""
    return ops.where(ops.isfinite(ops.mean(pictures)), loss, float("nan"))
