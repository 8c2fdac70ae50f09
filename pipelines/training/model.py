"""The generator, and the Keras model that trains it with its objective."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops

from choices import POLICIES
from errors import ArgumentError, UserError, counted
from model.generators.registry import build_generator
from model.saving import load_model
from model.styles import append_style, freeze_shared, inputs_in_turn, mean_style, style_names
from pipelines.model_library import find_model
from pipelines.stylization.generator import set_precision
from pipelines.training.targets import TrainingObjective


@dataclass(frozen=True)
class AddedStyle:
    """A style that is added to a network of several.

    Attributes:
        network: name or file of the network.
        name: of the style.
    """

    network: str | os.PathLike
    name: str

    def blend(self, precision: str) -> keras.Model:
        """Return the mean of the network's styles as a network of one, which only its normalisations can change.

        Raises:
            UserError: there is no such model, or it is not one of several styles.
            ArgumentError: it has a style of that name.
        """
        added = mean_style(_copy(self._network))
        set_precision(added, precision)
        added.layers[-1].dtype_policy = "float32"  # its values are the picture
        freeze_shared(added)
        return added

    def join(self, trained: keras.Model) -> keras.Model:
        """Return the network with the style that `trained`, once made by `blend`, has learned."""
        return append_style(self._network, self.name, trained)

    @cached_property
    def _network(self) -> keras.Model:
        network = load_model(find_model(os.fspath(self.network), option="`add_style`"))
        names = style_names(network)
        if not names:
            raise UserError(f"`add_style` {self.network}: it has one style; a network with several styles is needed")
        if self.name in names:
            raise ArgumentError(
                f"`style_image`: {self.network} already has a style {self.name!r}; its styles are {', '.join(names)}"
            )
        return network


def _copy(network: keras.Model) -> keras.Model:
    """Return a network of the same weights that shares none of them."""
    copied = keras.models.clone_model(network)
    copied.set_weights(network.get_weights())
    return copied


# The network that extends pictures by mirroring, and by how many pixels: 8 leave a part of the frame, 24 do no more.
BORDERED, MIRRORED_BORDER = "hourglass", 16


@dataclass(frozen=True)
class GeneratorPlan:
    """The network that is trained; see model.generators.registry.

    Attributes:
        model: name of the network.
        mode: "style" or "texture".
        normalization: "instance" or "batch".
        noise_depth: planes of noise, or None: the mode's.
        options: further ones of the network.
        precision: in which it computes.
        initial: name or file of a trained generator to begin with, or None.
        added: the style that is learned beside those of a network, which decides all but the precision; or None.
    """

    model: str
    mode: str
    normalization: str
    noise_depth: int | None
    options: Mapping[str, Any]
    precision: str
    initial: str | os.PathLike | None
    added: AddedStyle | None = None

    def build(self, precision: str | None = None, *, is_new: bool = False) -> keras.Model:
        """Build the network.

        Args:
            precision: in which it computes; None: its own.
            is_new: whether it begins with the weights of `initial`, where some are named; otherwise they are random.

        Raises:
            UserError: `initial` is not a model, or one of another kind or size; see also `AddedStyle.blend`.
        """
        if self.added is not None:
            return self.added.blend(precision or self.precision)
        generator = self._build(precision or self.precision, **self.options)
        if is_new and self.initial is not None:
            self._take_over(self.initial, generator)
        return generator

    def finished(self, generator: keras.Model) -> keras.Model:
        """Return the network that a training leaves, of the generator that it has trained.

        That of a style extends pictures by mirroring, where it can: else the results would have a frame. Training goes
        without, since small crops would become much larger.
        """
        if self.added is not None:
            return self.added.join(generator)
        if self.mode != "style" or self.model != BORDERED:
            return generator
        bordered = self._build("float32", **{"mirrored_border": MIRRORED_BORDER, **self.options})
        bordered.set_weights(generator.get_weights())
        return bordered

    def _build(self, precision: str, **options: Any) -> keras.Model:
        """Build the network with random weights."""
        with _dtype_policy(POLICIES[precision]):
            return build_generator(
                self.model,
                mode=self.mode,
                normalization=self.normalization,
                noise_depth=self.noise_depth,
                **options,
            )

    def _take_over(self, initial: str | os.PathLike, generator: keras.Model) -> None:
        trained = load_model(find_model(os.fspath(initial), option="`initial_generator`"))
        if [weight.shape for weight in trained.weights] != [weight.shape for weight in generator.weights]:
            raise UserError(
                f"`initial_generator` {initial}: its weights do not fit the generator to be trained: `model`, `mode`, "
                "`normalization`, `noise_depth` and the number of styles must be those that it was trained with (it "
                f"has {counted(max(1, len(style_names(trained))), 'style')})"
            )
        generator.set_weights(trained.get_weights())


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class Latest(keras.metrics.Mean):
    """The value of the last step (its mean over devices), where Keras' metrics have means since the epoch's start."""

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take `values` in place of what was there."""
        self.total.assign(values)
        self.count.assign(1.0)


class TrainingModel(keras.Model):
    """Trains `generator` on `objective`: the loss is the sum of the objective's terms.

    Its inputs are photos, or noise; where the objective has the term of consistency, with shifted views of them in
    further channels, see `ShiftedCrops`. Those of some photos, see `viewed`, go through the generator too.

    Args:
        generator: from photos, or noise, to pictures.
        objective: what it is trained on; its descriptors are not part of this model's weights.
        replicas: number of copies of this model whose gradients are added up.

    Attributes:
        batch_shape: (batch, height, width, channels) of the generator's inputs on one device, which `expect` tells.
    """

    def __init__(self, generator: keras.Model, objective: TrainingObjective, *, replicas: int = 1) -> None:
        super().__init__(name="training")
        self.generator = generator
        self.objective = objective
        self.batch_shape: tuple[int, ...] = ()
        self.replicas = replicas
        self.trackers = {name: Latest(name=name) for name in ("loss", *objective.groups)}
        self.built = True

    def expect(self, batch_shape: tuple[int, ...]) -> None:
        """Train on batches of this shape from now on.

        It is told because Keras' data adapters leave sizes open, for which graphs are slower.
        """
        self.batch_shape = batch_shape
        self.make_train_function(force=True)

    @property
    def viewed(self) -> np.ndarray:
        """Numbers of the photos of a batch whose shifted views count too: every other one, or round of all styles."""
        styles = max(1, len(style_names(self.generator)))
        return np.flatnonzero(np.arange(self.batch_shape[0]) // styles % 2 == 0)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the generator's pictures, followed by those of the shifted views."""
        pictures, *others = self._split(inputs)
        if others:
            pictures = ops.concatenate([pictures, others[0]])
        return self.generator(inputs_in_turn(self.generator, pictures), training=training)

    def _split(self, inputs: Any) -> tuple[Any, ...]:
        """Return the photos, or noise; and where there are shifted views, those that count and their shifts."""
        if self.objective.consistency is None:
            return (ops.reshape(inputs, self.batch_shape),)
        *sides, channels = self.batch_shape
        packed = ops.reshape(inputs, (*sides, 2 * channels + 2))
        views = ops.take(packed, self.viewed, axis=0)
        shifts = ops.cast(views[:, 0, 0, 2 * channels :], "int32")
        return packed[..., :channels], views[..., channels : 2 * channels], shifts

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of the pictures `y_pred` for the inputs `x`."""
        photos, *views = self._split(x)
        count, height, width, _ = self.batch_shape
        made = count + len(self.viewed) if views else count
        pictures = ops.cast(ops.reshape(y_pred, (made, height, width, 3)), "float32")
        terms = self.objective.terms(pictures[:count], photos)
        if self.objective.consistency is not None:
            firsts = ops.take(pictures, self.viewed, axis=0)
            terms |= self.objective.consistency.terms(firsts, pictures[count:], views[1])
        loss = _nan_like(sum(terms.values()), photos, pictures)
        for name, value in {"loss": loss, **terms}.items():
            self.trackers[name].update_state(value)
        return loss / self.replicas

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Return the last step's loss and its terms."""
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the last step's loss and its terms."""
        return {name: tracker.result() for name, tracker in self.trackers.items()}


def _nan_like(loss: Any, *arrays: Any) -> Any:
    """Return `loss`, but NaN where the arrays are not finite: rectifiers of some backends make 0 of NaN."""
    return ops.where(ops.isfinite(sum(map(ops.mean, arrays))), loss, float("nan"))
