"""The plan of a style transfer: everything that follows from its settings and the size of its content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from choices import RANDOM_LAYER
from describe.positions import smallest_input
from errors import ArgumentError
from pipelines.descriptors import Descriptor
from pipelines.memory_bound import parse_memory
from pipelines.resources import Resources, Work, plan_resources
from pipelines.transfer.geometry import Scale, Size, fitting_size, root_two_scales, safe_scale
from pipelines.transfer.inputs import TransferInputs
from pipelines.transfer.resources import BYTES_AT_ONCE, check_devices, max_pixels
from pipelines.transfer.settings import TransferSettings, layer_weights, longer_side, style_shares
from pipelines.transfer.targets import ObjectivePlan
from runs.machine import choose_precision

if TYPE_CHECKING:
    from model.descriptor import DescriptorName
    from model.vgg19 import Pooling


@dataclass(frozen=True)
class TransferPlan:
    """Everything that a style transfer computes with beside its pictures.

    Attributes:
        scales: from coarse to fine.
        objective: what is compared.
        optimizer: "adam" or "lbfgs".
        step_size: of Adam.
        avg_decay: weight that an iterate loses with each later one in their running average.
        init: name of the first picture, where none is given.
        random_seed: from which noise of the first picture is drawn.
        keep_colors: whether the result gets the colours of the content.
        notes: what the user should know before the run begins.
    """

    scales: tuple[Scale, ...]
    objective: ObjectivePlan
    optimizer: str
    step_size: float
    avg_decay: float
    init: str
    random_seed: int
    keep_colors: bool
    notes: tuple[str, ...]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """(1, height, width, 3) of the picture at each scale."""
        return [(1, *scale.size, 3) for scale in self.scales]

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
    resources = _resources(settings, scales)
    devices = check_devices(settings.devices)
    precision, precision_note = choose_precision(settings.precision)
    style_layers, content_layers = (layer_weights(settings, name) for name in ("style_layers", "content_layers"))
    objective = ObjectivePlan(
        descriptor=Descriptor(
            tuple(dict.fromkeys([*style_layers, *content_layers])),
            name=cast("DescriptorName", settings.descriptor),
            pooling=cast("Pooling", settings.pooling),
            weights=settings.weights,
            data_dir=settings.data_dir,
            seed=settings.random_seed,
            precision=precision,
        ),
        devices=devices,
        style_layers=style_layers,
        content_layers=content_layers,
        style_loss=settings.style_loss,
        shares=style_shares(settings.style_weights, len(inputs.styles)),
        content_weight=settings.content_weight,
        tv_weight=settings.tv_weight,
        style_scale_fac=settings.style_scale_fac,
        longest_style=settings.style_size,
        folder=resources.folder,
    )
    _check_sizes(objective, inputs, scales[0].size)
    return TransferPlan(
        scales=scales,
        objective=objective,
        optimizer=settings.optimizer,
        step_size=settings.step_size,
        avg_decay=settings.avg_decay,
        init=str(settings.init),
        random_seed=settings.random_seed,
        keep_colors=settings.keep_colors,
        notes=tuple(note for note in (precision_note, resources.note) if note),
    )


def plan_scales(settings: TransferSettings, content: Size) -> tuple[Scale, ...]:
    """Return the scales, from coarse to fine, of a content of (height, width)."""
    pixels, is_area = longer_side(settings.end_scale)
    end = safe_scale(*content, pixels) if is_area else pixels
    sizes = [fitting_size(*content, longer) for longer in root_two_scales(min(settings.min_scale, end), end)]
    counts = [settings.initial_iterations, *[settings.iterations] * (len(sizes) - 1)]
    return tuple(Scale(size, count) for size, count in zip(sizes, counts, strict=True))


def _resources(settings: TransferSettings, scales: Sequence[Scale]) -> Resources:
    layers = [*layer_weights(settings, "style_layers"), *layer_weights(settings, "content_layers")]
    work = Work(
        size=scales[-1].size,
        pixels=scales[-1].size[0] * scales[-1].size[1],
        pixel_iterations=sum(scale.work for scale in scales),
        layers=layers,
        octaves=1,
        optimizer=settings.optimizer,
        max_pixels=max_pixels(settings.devices),
        bytes_at_once=BYTES_AT_ONCE,
    )
    return plan_resources(work, parse_memory(settings.memory), f"`end_scale` {settings.end_scale}")


def _check_sizes(plan: ObjectivePlan, inputs: TransferInputs, size: Size) -> None:
    """Raise ArgumentError unless the descriptor has an activation of everything at the first scale."""
    layers = [*plan.style_layers, *plan.content_layers]
    least = 1 if RANDOM_LAYER in layers else max(smallest_input(layers))
    if min(size) < least:
        raise ArgumentError(
            f"the content is {size[1]} x {size[0]} at the first scale, too small for the given layers, "
            f"which need {least} pixels per side: choose a larger `min_scale` and `end_scale`"
        )
    for i, style in enumerate(inputs.styles, start=1):
        if min(style.shape[:2]) < least:
            raise ArgumentError(
                f"style {i} of {style.shape[1]} x {style.shape[0]} pixels is too small for the given layers, which "
                f"need {least} pixels per side: choose a larger picture, since styles are not enlarged"
            )
        height, width = plan.style_size(style.shape, size)
        if min(height, width) < least:
            raise ArgumentError(
                f"style {i}: the style is {width} x {height} at the first scale, too small for the given layers, "
                f"which need {least} pixels per side: choose a larger `min_scale`, `style_scale_fac` or `style_size`"
            )
