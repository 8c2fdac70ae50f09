"""What a style transfer is asked for, with its defaults, and everything that can be checked before files are read."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import ArgumentError, UserError, unknown_name
from images.formats import WRITABLE_FORMATS
from model.layer_names import resolve_layer

RANDOM_LAYER = "random"
CHOICES = {
    "optimizer": ("adam", "lbfgs"),
    "style_loss": ("wasserstein", "gram"),
    "pooling": ("max", "average", "l2"),
    "descriptor": ("vgg19", "vgg19-normalized", "random"),
    "precision": ("float32", "bfloat16"),
}
INITS = ("content", "gray", "uniform", "normal", "style_stats")
CONTENT_LAYERS = ("relu4_2",)
STYLE_LAYERS = ("relu1_1=256", "relu2_1=64", "relu3_1=16", "relu4_1=4", "relu5_1=1")
# These say where a run computes and how often it saves; a run may go on with others.
FREE = ("devices", "save_every")


@dataclass(frozen=True, kw_only=True)
class TransferSettings:
    """The arguments of `pipelines.transfer.transfer.transfer`; checked when they are made.

    Args:
        content: picture that shall be repainted.
        styles: pictures in whose style.
        output: file of the result; its suffix names the format.
        style_weights: one for each style, in any unit; None: all the same.
        devices: one or two of Keras' device names; two share the descriptor, the first takes block 1. Empty: Keras'.
        random_seed: of the first picture and of random filters.
        content_weight: of the content loss.
        tv_weight: of the total variation.
        optimizer: "adam", with pixels kept in [0, 1], or "lbfgs", without.
        min_scale: longer side of the first, smallest scale, pixels: none is below it.
        end_scale: longer side of the result, pixels; "512+": that of a picture with the area of 512 x 512.
        iterations: of every scale but the first.
        initial_iterations: of the first scale.
        save_every: iterations from one saved picture and state to the next.
        step_size: of Adam.
        avg_decay: of the running average of iterates, which is the result.
        init: picture to begin with: "content", "gray", "uniform", "normal", "style_stats", or a file.
        style_scale_fac: longer side of the styles over that of the result.
        style_size: longer side of the styles at every scale; None: by `style_scale_fac`. Styles are never enlarged.
        style_loss: "wasserstein" or "gram".
        content_layers: of the descriptor, "layer" or "layer=weight"; the weights' sum does not matter. None: relu4_2.
        style_layers: likewise; None: relu1_1 to relu5_1 with weights 256, 64, 16, 4, 1.
        masks: for each style a pair of pictures (of the content, of the style), light where they belong together;
            empty: the styles are blended.
        keep_colors: give the result the content's colours.
        proof: ICC profile of a CMYK press; content and styles are reduced to its colours.
        descriptor: "vgg19", "vgg19-normalized" or "random".
        pooling: of the descriptor.
        weights: file of the descriptor's weights; None looks for one.
        data_dir: folder in which they are looked for.
        precision: of the descriptor; moments and losses are float32.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: a file does not exist.
    """

    content: str | os.PathLike
    styles: tuple[str | os.PathLike, ...]
    output: str | os.PathLike = "out.png"
    style_weights: tuple[float, ...] | None = None
    devices: tuple[str, ...] = ()
    random_seed: int = 0
    content_weight: float = 0.015
    tv_weight: float = 2.0
    optimizer: str = "adam"
    min_scale: int = 128
    end_scale: int | str = 512
    iterations: int = 500
    initial_iterations: int = 1000
    save_every: int = 50
    step_size: float = 0.02
    avg_decay: float = 0.99
    init: str | os.PathLike = "content"
    style_scale_fac: float = 1.0
    style_size: int | None = None
    style_loss: str = "wasserstein"
    content_layers: tuple[str, ...] | None = None
    style_layers: tuple[str, ...] | None = None
    masks: tuple[tuple[str | os.PathLike, str | os.PathLike], ...] = ()
    keep_colors: bool = False
    proof: str | os.PathLike | None = None
    descriptor: str = "vgg19"
    pooling: str = "max"
    weights: str | os.PathLike | None = None
    data_dir: str | os.PathLike = "model_data"
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ArgumentError(unknown_name(option(name), getattr(self, name), known))
        self._fill_in_layers()
        self._check_numbers()
        self._check_styles()
        self._check_files()

    def _fill_in_layers(self) -> None:
        for name, usual in (("content_layers", CONTENT_LAYERS), ("style_layers", STYLE_LAYERS)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, (RANDOM_LAYER,) if self.descriptor == "random" else usual)
            self.layer_weights(name)

    def layer_weights(self, name: str) -> dict[str, float]:
        """Return the weights of the "content_layers" or "style_layers", which add up to 1, by layer."""
        weights: dict[str, float] = {}
        for entry in getattr(self, name):
            layer, _, weight = str(entry).partition("=")
            layer = self._resolved(layer)
            try:
                value = float(weight) if weight else 1.0
            except ValueError:
                value = math.nan
            if not 0 < value < math.inf:
                raise ArgumentError(f"{option(name)} {entry}: the weight must be a number above 0")
            if layer in weights:
                raise ArgumentError(f"{option(name)}: {layer} is given twice")
            weights[layer] = value
        if not weights:
            raise ArgumentError(f"{option(name)} must be one or more layers")
        return {layer: value / sum(weights.values()) for layer, value in weights.items()}

    def _resolved(self, layer: str) -> str:
        if self.descriptor != "random":
            return resolve_layer(layer)
        if layer != RANDOM_LAYER:
            raise ArgumentError(f"the random descriptor has a single layer, {RANDOM_LAYER!r}, not {layer!r}")
        return layer

    def _check_numbers(self) -> None:
        object.__setattr__(self, "end_scale", self._parsed_end_scale())
        for name in ("min_scale", "iterations", "initial_iterations", "save_every", "style_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(f"{option(name)} must be at least 1, not {value}")
        for name in ("step_size", "style_scale_fac"):
            if not 0 < getattr(self, name) < math.inf:
                raise ArgumentError(f"{option(name)} must be above 0, not {getattr(self, name)}")
        for name in ("content_weight", "tv_weight", "random_seed"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ArgumentError(f"{option(name)} must be at least 0, not {getattr(self, name)}")
        if not 0 <= self.avg_decay < 1:
            raise ArgumentError(f"--avg-decay must be at least 0 and below 1, not {self.avg_decay}")
        if len(self.devices) > 2 or len(set(self.devices)) != len(self.devices):
            raise ArgumentError(f"--devices must be one or two different ones, not {' '.join(self.devices)}")

    def _parsed_end_scale(self) -> int | str:
        """Return the end scale as a number, or with its "+"."""
        text = str(self.end_scale)
        digits = text.removesuffix("+")
        if not digits.isdecimal() or int(digits) < 1:
            raise ArgumentError(f"--end-scale must be pixels, such as 512, or 512+ for its area, not {text}")
        return text if text.endswith("+") else int(text)

    def _check_styles(self) -> None:
        count = len(self.styles)
        if not count:
            raise ArgumentError("a style picture is needed, or several")
        if self.style_weights is not None:
            if len(self.style_weights) != count:
                raise ArgumentError(
                    f"--style-weights: {len(self.style_weights)} weights for {count} styles; each style needs one"
                )
            if not all(0 <= weight < math.inf for weight in self.style_weights) or not sum(self.style_weights):
                raise ArgumentError("--style-weights must be at least 0, and not all 0")
        if self.masks and len(self.masks) != count:
            raise ArgumentError(f"--mask: {len(self.masks)} pairs for {count} styles; each style needs one")

    def _check_files(self) -> None:
        output = Path(self.output)
        if output.suffix.lower() not in WRITABLE_FORMATS:
            raise ArgumentError(f"--output {output}: the name must end in {', '.join(sorted(WRITABLE_FORMATS))}")
        if not output.absolute().parent.is_dir():
            raise ArgumentError(f"--output {output}: its folder does not exist")
        if not os.access(output.absolute().parent, os.W_OK) or output.is_dir():
            raise ArgumentError(f"--output {output}: cannot be written there")
        if str(self.init) not in INITS and not Path(self.init).is_file():
            raise ArgumentError(f"{unknown_name('--init', str(self.init), INITS)}, nor is it a file")
        named = {"--proof": self.proof, "--weights": self.weights}
        for name, path in named.items():
            if path is not None and not Path(path).is_file():
                raise UserError(f"{name} {path}: no such file")

    @property
    def shares(self) -> tuple[float, ...]:
        """The styles' weights, which add up to 1."""
        weights = self.style_weights or (1.0,) * len(self.styles)
        return tuple(weight / sum(weights) for weight in weights)

    @property
    def files(self) -> dict[str, Path]:
        """Every picture and profile that the settings name, by what it is."""
        files = {"content": self.content, **{f"style {i}": path for i, path in enumerate(self.styles, start=1)}}
        for i, (first, second) in enumerate(self.masks, start=1):
            files |= {f"mask {i} of the content": first, f"mask {i} of the style": second}
        if str(self.init) not in INITS:
            files["init"] = self.init
        if self.proof is not None:
            files["proof"] = self.proof
        return {name: Path(path) for name, path in files.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON keeps them."""
        return _as_json(dataclasses.asdict(self))

    def differences(self, kept: Mapping[str, Any]) -> list[str]:
        """Return the options whose values are not those that `to_json` kept, but for FREE ones."""
        own = self.to_json()
        return [option(name) for name in own if name not in FREE and own[name] != kept.get(name)]


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_json(entry) for name, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_as_json(entry) for entry in value]
    return str(value) if isinstance(value, os.PathLike) else value


def option(name: str) -> str:
    """Return how the command line spells the argument `name`."""
    if name in ("content", "styles"):
        return name
    return "--mask" if name == "masks" else "--" + name.replace("_", "-")
