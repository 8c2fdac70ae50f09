"""The settings of a style transfer: every option with its description, and the checks that need no files."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from choices import RANDOM_LAYER
from errors import ArgumentError, counted
from model.layer_names import resolve_layer
from options import MAX_ITERATIONS, check, described, option, refuse
from pipelines.memory_bound import parse_memory
from pipelines.outputs import check_picture_name
from pipelines.shared_options import DATA_DIR, DESCRIPTOR, MEMORY, POOLING, PRECISION, WEIGHTS

# Of the first picture; or a file.
INITS = ("content", "gray", "uniform", "normal", "style_stats")
CONTENT_LAYERS = ("relu4_2",)
STYLE_LAYERS = ("relu1_1=256", "relu2_1=64", "relu3_1=16", "relu4_1=4", "relu5_1=1")


@described
@dataclass(frozen=True, kw_only=True)
class TransferSettings:
    """The options of a style transfer; checked when they are made.

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """

    content: str | os.PathLike | None = option("picture that is repainted", kind=Path, flag="CONTENT")
    styles: tuple[str | os.PathLike, ...] = option(
        "pictures that give the style", default=(), kind=Path, flag="STYLE", count="+"
    )
    output: str | os.PathLike = option(
        "file of the result: .png, .jpg, .webp, or .tif with 16 bits",
        default="out.png", short="-o", kind=Path, metavar="FILE",
    )  # fmt: skip
    style_weights: tuple[float, ...] | None = option(
        "weight of each style", short="-sw", kind=float, minimum=0, count="+", commas=True, metavar="WEIGHT",
        default_text="all the same",
    )  # fmt: skip
    devices: tuple[str, ...] = option(
        "one device, or two among which the descriptor is split, such as gpu:0 gpu:1",
        default=(),
        count="+",
        commas=True,
        metavar="NAME",
    )
    random_seed: int = option(
        "seed of the first picture and of random filters", default=0, short="-r", kind=int, minimum=0
    )
    content_weight: float = option("weight of the content term", default=0.015, short="-cw", kind=float, minimum=0)
    tv_weight: float = option(
        "weight of the total variation (squared differences), which makes the result smooth",
        default=2.0,
        short="-tw",
        kind=float,
        minimum=0,
    )
    optimizer: str = option(
        "Adam, which keeps pixels in [0, 1], or L-BFGS, which does not", default="adam", choices=("adam", "lbfgs")
    )
    min_scale: int = option(
        "longer side of the smallest scale, in pixels", default=128, short="-ms", kind=int, minimum=1
    )
    end_scale: int | str = option(
        "longer side of the result, in pixels; 512+: with the area of 512 x 512",
        default=512, short="-s", numbers=True, metavar="PIXELS",
    )  # fmt: skip
    iterations: int = option(
        "iterations at every scale but the first", default=500, short="-i", kind=int, minimum=1, maximum=MAX_ITERATIONS
    )
    initial_iterations: int = option(
        "iterations at the first scale", default=1000, short="-ii", kind=int, minimum=1, maximum=MAX_ITERATIONS
    )
    save_every: int = option(
        "iterations between savings of the picture and the state of the run", default=50, kind=int, minimum=1
    )
    step_size: float = option("step size of Adam", default=0.02, short="-ss", kind=float, above=0)
    avg_decay: float = option(
        "decay of the running average over iterations, which is the result",
        default=0.99, short="-ad", kind=float, minimum=0, below=1,
    )  # fmt: skip
    init: str | os.PathLike = option(
        f"first picture: {', '.join(INITS)}, or a file", default="content", metavar="NAME|FILE"
    )
    style_scale_fac: float = option(
        "longer side of the style pictures relative to that of the result; they are never enlarged",
        default=1.0, kind=float, above=0,
    )  # fmt: skip
    style_size: int | None = option(
        "longer side of the style pictures in pixels, the same at every scale", kind=int, minimum=1
    )
    style_loss: str = option(
        "statistics that make up the style: means and covariances (wasserstein), or Gram matrices",
        default="wasserstein", choices=("wasserstein", "gram"),
    )  # fmt: skip
    content_layers: tuple[str, ...] | None = option(
        "layers at which the content is compared, as LAYER or LAYER=WEIGHT; only the ratios of weights matter",
        count="+", commas=True, metavar="LAYER", default_text=" ".join(CONTENT_LAYERS),
    )  # fmt: skip
    style_layers: tuple[str, ...] | None = option(
        "layers at which the style is compared, in the same form",
        count="+",
        commas=True,
        metavar="LAYER",
        default_text=" ".join(STYLE_LAYERS),
    )
    masks: tuple[tuple[str | os.PathLike, str | os.PathLike], ...] = option(
        "two grey pictures, given once for each style: white where the style is applied to the content, and where "
        "it is taken from the style picture", default=(), kind=Path, flag="--mask", count=2, repeated=True,
        metavar=("CONTENT_MASK", "STYLE_MASK"),
    )  # fmt: skip
    keep_colors: bool = option("keep the colours of the content", default=False, kind=bool)
    proof: str | os.PathLike | None = option(
        "soft proof: convert content and styles to the colours that this CMYK profile can print",
        kind=Path,
        metavar="ICC_PROFILE",
    )
    descriptor: str = option(**DESCRIPTOR)
    pooling: str = option(**POOLING, default="max")
    weights: str | os.PathLike | None = option(**WEIGHTS)
    data_dir: str | os.PathLike = option(**DATA_DIR)
    memory: str | float | None = option(**MEMORY)
    precision: str = option(**PRECISION)

    def __post_init__(self) -> None:
        check(self)
        parse_memory(self.memory)
        for name in ("content_layers", "style_layers"):
            layer_weights(self, name)
        longer_side(self.end_scale)
        if len(self.devices) > 2 or len(set(self.devices)) != len(self.devices):
            raise ArgumentError(f"`devices` must be one or two different ones, not {' '.join(self.devices)}")
        check_picture_name(self.output)
        if self.descriptor == RANDOM_LAYER:
            refuse(self, ("pooling", "weights"), "not for the random descriptor")
        if self.optimizer != "adam":
            refuse(self, ("step_size",), "only for `optimizer` adam")
        if self.style_size is not None:
            refuse(self, ("style_scale_fac",), "not with `style_size`, which sets the size of the style pictures")


def longer_side(end_scale: int | str) -> tuple[int, bool]:
    """Return the pixels that an end scale names, and whether they are the side of a square of the same area."""
    text = str(end_scale)
    digits = text.removesuffix("+")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 10) or int(digits) < 1:
        raise ArgumentError(f"`end_scale` must be pixels, such as 512, or 512+ for its area, not {text}")
    return int(digits), text.endswith("+")


def layer_weights(settings: TransferSettings, name: str) -> dict[str, float]:
    """Return the weights of the "content_layers" or "style_layers", which add up to 1, by layer."""
    entries = getattr(settings, name)
    if entries is None:
        default = {"content_layers": CONTENT_LAYERS, "style_layers": STYLE_LAYERS}[name]
        entries = (RANDOM_LAYER,) if settings.descriptor == RANDOM_LAYER else default
    weights: dict[str, float] = {}
    for entry in entries:
        layer, value = _layer_weight(settings.descriptor, name, str(entry))
        if layer in weights:
            raise ArgumentError(f"`{name}`: {layer} is given twice")
        weights[layer] = value
    if not weights:
        raise ArgumentError(f"`{name}` must be one or more layers")
    return {layer: value / sum(weights.values()) for layer, value in weights.items()}


def _layer_weight(descriptor: str, name: str, entry: str) -> tuple[str, float]:
    layer, equals, weight = entry.partition("=")
    if descriptor != RANDOM_LAYER:
        layer = resolve_layer(layer, name)
    elif layer != RANDOM_LAYER:
        raise ArgumentError(f"`{name}`: the random descriptor has a single layer, {RANDOM_LAYER!r}, not {layer!r}")
    try:
        value = float(weight) if equals else 1.0
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ArgumentError(f"`{name}` {entry}: the weight must be a number above 0")
    return layer, value


def style_shares(weights: tuple[float, ...] | None, count: int) -> tuple[float, ...]:
    """Return the weights of `count` styles, which add up to 1; None: all the same.

    Raises:
        ArgumentError: there are not as many, or all are 0.
    """
    if weights is None:
        return (1 / count,) * count
    if len(weights) != count:
        many, styles = counted(len(weights), "weight"), counted(count, "style")
        raise ArgumentError(f"`style_weights`: {many} for {styles}; each style needs one")
    if not sum(weights):
        raise ArgumentError("`style_weights` must be at least 0, and not all 0")
    return tuple(weight / sum(weights) for weight in weights)
