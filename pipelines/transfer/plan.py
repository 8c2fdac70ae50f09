"""What follows from the options of a style transfer and the size of its content: everything that it computes with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from choices import RANDOM_LAYER
from errors import ArgumentError
from model.vgg19 import smallest_input
from optimize.schedule import fitting_size, root_two_scales, safe_scale
from pipelines.precision import choose_precision
from pipelines.transfer.inputs import TransferInputs
from pipelines.transfer.resources import bytes_needed, check_devices, memory_note
from pipelines.transfer.settings import TransferSettings, layer_weights, longer_side, style_shares
from runs.memory import check_memory

if TYPE_CHECKING:
    from model.descriptor import DescriptorName
    from model.vgg19 import Pooling

Size = tuple[int, int]


@dataclass(frozen=True)
class Scale:
    """One size of the schedule.

    Attributes:
        size: (height, width) of the picture.
        iterations: to be done at this size.
    """

    size: Size
    iterations: int

    @property
    def work(self) -> int:
        """Pixels times iterations."""
        return self.size[0] * self.size[1] * self.iterations


@dataclass(frozen=True)
class DescriptorPlan:
    """Which network describes the pictures, and where; see model.descriptor.build_descriptor.

    Attributes:
        name: of the descriptor.
        pooling: of the network.
        weights: file, or None.
        data_dir: folder that is searched for weights.
        seed: of random filters.
        precision: in which it computes.
        devices: one or two of Keras' device names; empty: Keras' own choice.
    """

    name: DescriptorName
    pooling: Pooling
    weights: str | os.PathLike | None
    data_dir: str | os.PathLike
    seed: int
    precision: str
    devices: tuple[str, ...]


@dataclass(frozen=True)
class ObjectivePlan:
    """What is compared, with which weights.

    Attributes:
        style_layers: weights of the style's layers, which add up to 1.
        content_layers: likewise of the content's.
        style_loss: "wasserstein" or "gram".
        shares: of the styles, which add up to 1.
        content_weight: of the content loss.
        tv_weight: of the total variation.
        style_scale_fac: longer side of the styles over that of the result.
        style_size: longer side of the styles at every scale; None: by `style_scale_fac`.
    """

    style_layers: Mapping[str, float]
    content_layers: Mapping[str, float]
    style_loss: str
    shares: tuple[float, ...]
    content_weight: float
    tv_weight: float
    style_scale_fac: float
    style_size: int | None


@dataclass(frozen=True)
class TransferPlan:
    """Everything that a style transfer computes with beside its pictures.

    Attributes:
        scales: from coarse to fine.
        descriptor: what describes the pictures.
        objective: what is compared.
        optimizer: "adam" or "lbfgs".
        step_size: of Adam.
        avg_decay: of the running average of iterates.
        init: name of the first picture, where none is given.
        random_seed: of the first picture.
        keep_colors: whether the result gets the colours of the content.
        notes: what the user should know before the run begins.
    """

    scales: tuple[Scale, ...]
    descriptor: DescriptorPlan
    objective: ObjectivePlan
    optimizer: str
    step_size: float
    avg_decay: float
    init: str
    random_seed: int
    keep_colors: bool
    notes: tuple[str, ...]

    @property
    def max_iterations(self) -> int:
        """Iterations of all scales."""
        return sum(scale.iterations for scale in self.scales)


def plan_transfer(settings: TransferSettings, inputs: TransferInputs) -> TransferPlan:
    """Return what follows from the settings and the pictures.

    Raises:
        ArgumentError: a picture is too small for the layers, the result too large for this machine's memory, a device
            is not there, or there are not as many weights as styles.
    """
    scales = plan_scales(settings, inputs.content.shape[:2])
    check_memory(bytes_needed(scales[-1].size), f"`end_scale` {settings.end_scale}")
    check_devices(settings.devices)
    precision, precision_note = choose_precision(settings.precision)
    objective = ObjectivePlan(
        style_layers=layer_weights(settings, "style_layers"),
        content_layers=layer_weights(settings, "content_layers"),
        style_loss=settings.style_loss,
        shares=style_shares(settings.style_weights, len(inputs.styles)),
        content_weight=settings.content_weight,
        tv_weight=settings.tv_weight,
        style_scale_fac=settings.style_scale_fac,
        style_size=settings.style_size,
    )
    _check_sizes(objective, inputs, scales[0].size)
    return TransferPlan(
        scales=scales,
        descriptor=DescriptorPlan(
            name=cast("DescriptorName", settings.descriptor),
            pooling=cast("Pooling", settings.pooling),
            weights=settings.weights,
            data_dir=settings.data_dir,
            seed=settings.random_seed,
            precision=precision,
            devices=settings.devices,
        ),
        objective=objective,
        optimizer=settings.optimizer,
        step_size=settings.step_size,
        avg_decay=settings.avg_decay,
        init=str(settings.init),
        random_seed=settings.random_seed,
        keep_colors=settings.keep_colors,
        notes=tuple(note for note in (precision_note, memory_note(scales[-1].size)) if note),
    )


def plan_scales(settings: TransferSettings, content: Size) -> tuple[Scale, ...]:
    """Return the scales, from coarse to fine, of a content of (height, width)."""
    pixels, is_area = longer_side(settings.end_scale)
    end = safe_scale(*content, pixels) if is_area else pixels
    sizes = [fitting_size(*content, longer) for longer in root_two_scales(min(settings.min_scale, end), end)]
    counts = [settings.initial_iterations, *[settings.iterations] * (len(sizes) - 1)]
    return tuple(Scale(size, count) for size, count in zip(sizes, counts, strict=True))


def style_size(plan: ObjectivePlan, style: Sequence[int], size: Size) -> Size:
    """Return the (height, width) of a style, given its own, for a scale of (height, width); it is never enlarged."""
    height, width = style[:2]
    longer = plan.style_size or max(1, round(max(size) * plan.style_scale_fac))
    return (height, width) if max(height, width) <= longer else fitting_size(height, width, longer)


def _check_sizes(plan: ObjectivePlan, inputs: TransferInputs, size: Size) -> None:
    """Raise ArgumentError unless the descriptor has an activation of everything at the first scale."""
    layers = [*plan.style_layers, *plan.content_layers]
    least = 1 if RANDOM_LAYER in layers else max(smallest_input(layers))
    if min(size) < least:
        raise ArgumentError(
            f"the content is {size[1]} x {size[0]} at the first scale, too small for the layers asked for, "
            f"which need {least} pixels a side: choose a larger `min_scale` and `end_scale`"
        )
    for i, style in enumerate(inputs.styles, start=1):
        height, width = style_size(plan, style.shape, size)
        if min(height, width) < least:
            raise ArgumentError(
                f"style {i}: the style is {width} x {height} at the first scale, too small for the layers asked for, "
                f"which need {least} pixels a side: choose a larger `min_scale`, `style_scale_fac` or `style_size`"
            )
