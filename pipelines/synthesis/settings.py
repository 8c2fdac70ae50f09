"""What a synthesis is asked for, with its defaults, and everything that can be checked before files are read."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from errors import ArgumentError, unknown_name
from images.formats import WRITABLE_FORMATS
from model.layer_names import resolve_layer

RANDOM_LAYER = "random"
CHOICES = {
    "padding_mode": ("valid", "same"),
    "join_mode": ("average", "max", "log_euclidean", "affine_invariant", "riemann"),
    "if_distance_type": ("l2", "lap1"),
    "seed": ("random", "symmetric"),
    "descriptor": ("vgg19", "vgg19-normalized", "random"),
    "pooling": ("average", "max", "l2"),
    "tileable": ("none", "x", "y", "both"),
    "schedule": ("coarse-to-fine", "single"),
    "optimizer": ("l-bfgs-b", "lbfgs"),
    "precision": ("float32", "bfloat16"),
}
# Gatys, Ecker & Bethge 2015, "Texture Synthesis Using Convolutional Neural Networks", as in their program.
PRESETS = MappingProxyType(
    {
        "gatys2015": {
            "octaves": 1,
            "layers": ("relu1_1", "pool1", "pool2", "pool3", "pool4"),
            "descriptor": "vgg19-normalized",
            "pooling": "average",
            "padding_mode": "same",
            "max_iter": 2000,
            "match_histogram": True,
        }
    }
)


@dataclass(frozen=True, kw_only=True)
class SynthesisSettings:
    """The arguments of `pipelines.synthesis.synthesize.synthesize`; checked when they are made.

    Args:
        source: pictures of the texture, and folders of pictures.
        output: file that gets the first final picture, beside the folder of the run; or None.
        output_width: pixels.
        output_height: pixels; None: as the width.
        octaves: levels of the Gaussian pyramid at which the texture is matched; 1: the full size alone.
        layers: of the descriptor, whose Gram matrices are matched: names or positions, see model.layer_names; None:
            2 and 7 (pool1 and relu3_2), or the single layer of the random descriptor.
        max_iter: iterations of the optimiser, of all scales together.
        output_prefix: how the name of the run's folder begins.
        output_dir: where the run's folder is made.
        save_every: iterations from one saved picture and state to the next.
        source_scale: factor by which the sources are resized.
        source_width: width to which the sources are resized.
        padding_mode: of the descriptor's convolutions and the pyramid: "valid" none; "same" zeros in the
            convolutions, repeated edges in the pyramid.
        join_mode: how the Gram matrices of several sources become one, see losses.joins.
        count: frames made at once.
        mul: factor of the target Gram matrices.
        if_weight: weight of the inter-frame loss, see losses.frames, as for the next four.
        if_shift: pixels of shift that neighbouring frames shall seem to differ by.
        if_order: how many neighbours of each frame are kept at a distance.
        if_distance_type: "l2" or "lap1".
        if_octaves: octaves of the distance.
        seed: "random" noise or "symmetric" noise as the first picture, in the sources' colours.
        data_dir: folder in which the descriptor's weights are looked for.
        tol: ftol and gtol of the optimiser.
        match_histogram: give saved pictures the sources' histograms.
        descriptor: "vgg19", "vgg19-normalized" or "random".
        pooling: of the descriptor.
        weights: file of the descriptor's weights; None looks for one.
        tileable: directions in which the picture continues at its other side.
        schedule: "coarse-to-fine" starts small and refines, "single" works at the full size alone; None: the first,
            but the second with `init`.
        optimizer: "l-bfgs-b" (SciPy's) or "lbfgs" (vectors on the device).
        bounds: keep pixels in [0, 1] while optimising; else they are clipped when saved.
        random_seed: of the first picture and of random filters.
        init: picture to start from.
        precision: of the descriptor; Gram matrices are summed in float32.
        guide: label pictures (of the source, of the output): equal colours go together; or None.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
    """

    source: tuple[str | os.PathLike, ...]
    output: str | os.PathLike | None = None
    output_width: int = 512
    output_height: int | None = None
    octaves: int = 4
    layers: tuple[str | int, ...] | None = None
    max_iter: int = 500
    output_prefix: str = "out"
    output_dir: str | os.PathLike = "outputs"
    save_every: int = 10
    source_scale: float | None = None
    source_width: int | None = None
    padding_mode: str = "valid"
    join_mode: str = "average"
    count: int = 1
    mul: float = 1.0
    if_weight: float = 1.0
    if_shift: float = 5.0
    if_order: int = 2
    if_distance_type: str = "l2"
    if_octaves: int = 1
    seed: str = "random"
    data_dir: str | os.PathLike = "model_data"
    tol: float = 1e-9
    match_histogram: bool = False
    descriptor: str = "vgg19"
    pooling: str = "average"
    weights: str | os.PathLike | None = None
    tileable: str = "none"
    schedule: str | None = None
    optimizer: str = "l-bfgs-b"
    bounds: bool = True
    random_seed: int = 0
    init: str | os.PathLike | None = None
    precision: str = "float32"
    guide: tuple[str | os.PathLike, str | os.PathLike] | None = None

    def __post_init__(self) -> None:
        if not self.source:
            raise ArgumentError("--source is needed: pictures of a texture, or folders of them")
        self._fill_in()
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ArgumentError(unknown_name(option(name), getattr(self, name), known))
        self._check_numbers()
        self._check_combinations()
        object.__setattr__(self, "layers", self._resolved_layers())

    def _fill_in(self) -> None:
        """Replace the values that depend on others."""
        if self.output_height is None:
            object.__setattr__(self, "output_height", self.output_width)
        if self.schedule is None:
            object.__setattr__(self, "schedule", "coarse-to-fine" if self.init is None else "single")
        if self.layers is None:
            object.__setattr__(self, "layers", (RANDOM_LAYER,) if self.descriptor == "random" else (2, 7))

    def _check_numbers(self) -> None:
        whole = (
            "output_width",
            "output_height",
            "octaves",
            "max_iter",
            "save_every",
            "count",
            "if_order",
            "if_octaves",
        )
        for name in (*whole, "source_width"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(f"{option(name)} must be at least 1, not {value}")
        for name in ("source_scale", "mul", "if_shift"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ArgumentError(f"{option(name)} must be above 0, not {value}")
        for name in ("if_weight", "tol", "random_seed"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ArgumentError(f"{option(name)} must be at least 0, not {getattr(self, name)}")

    def _check_combinations(self) -> None:
        if self.source_scale is not None and self.source_width is not None:
            raise ArgumentError("--source-scale and --source-width exclude each other: give one of them")
        if self.if_octaves > self.octaves:
            raise ArgumentError(f"--if-octaves {self.if_octaves} must be at most --octaves, which is {self.octaves}")
        if min(self.output_width, self.output_height) < 2 ** (self.octaves - 1):
            raise ArgumentError(
                f"an output of {self.output_width} x {self.output_height} cannot be halved {self.octaves - 1} times "
                f"for --octaves {self.octaves}"
            )
        if self.output is not None and Path(self.output).suffix.lower() not in WRITABLE_FORMATS:
            raise ArgumentError(f"--output {self.output}: the name must end in {', '.join(sorted(WRITABLE_FORMATS))}")
        if not self.output_prefix or Path(self.output_prefix).name != self.output_prefix:
            raise ArgumentError(f"--output-prefix {self.output_prefix!r} must be the beginning of a folder's name")

    def _resolved_layers(self) -> tuple[str, ...]:
        if self.descriptor == "random":
            if tuple(self.layers) != (RANDOM_LAYER,):
                raise ArgumentError(f"--layers: the random descriptor has a single layer, {RANDOM_LAYER!r}")
            return (RANDOM_LAYER,)
        resolved = tuple(resolve_layer(layer) for layer in self.layers)
        if len(set(resolved)) != len(resolved) or not resolved:
            raise ArgumentError(f"--layers must be one or more different layers, not {' '.join(resolved) or 'none'}")
        return resolved

    @property
    def size(self) -> tuple[int, int]:
        """Output height and width."""
        return self.output_height, self.output_width

    @property
    def wraps(self) -> tuple[bool, bool]:
        """Whether the output repeats (vertically, horizontally)."""
        return self.tileable in ("y", "both"), self.tileable in ("x", "both")

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON keeps them, with absolute paths, so that a run can go on from anywhere."""
        values = dataclasses.asdict(self)
        for name in ("source", "guide"):
            values[name] = values[name] and [str(Path(path).absolute()) for path in values[name]]
        for name in ("init", "output", "weights", "output_dir", "data_dir"):
            values[name] = values[name] and str(Path(values[name]).absolute())
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SynthesisSettings:
        """Return the settings that `to_json` kept."""
        lists = {name: tuple(values[name]) for name in ("source", "layers", "guide") if values[name] is not None}
        return cls(**{**values, **lists})


def option(name: str) -> str:
    """Return how the command line spells the argument `name`."""
    return "--" + name.replace("_", "-")
