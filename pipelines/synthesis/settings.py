"""What a synthesis is asked for: every option, described once, and what can be checked before files are read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from choices import RANDOM_LAYER, TILEABLE
from errors import ArgumentError
from model.layer_names import LAYER_NAMES, resolve_layer
from options import MAX_ITERATIONS, check, described, option, refuse
from pipelines.memory_bound import parse_memory
from pipelines.outputs import check_picture_name
from pipelines.shared_options import DATA_DIR, DESCRIPTOR, MEMORY, POOLING, PRECISION, WEIGHTS

# Without `octaves`: as many as fit, but no more.
MAX_OCTAVES = 4
# pool1 and relu3_2.
LAYERS = (2, 7)
JOIN_MODES = ("average", "max", "log_euclidean", "affine_invariant", "riemann")
SCHEDULES = ("coarse-to-fine", "single")
# Options that are weights of terms beside Gram matrices, which have 1.
TERMS = (
    "spectrum_weight",
    "histogram_weight",
    "autocorrelation_weight",
    "moment_weight",
    "wasserstein_weight",
    "feature_histogram_weight",
    "correlation_weight",
    "shifted_gram_weight",
)
# Options of how frames differ.
FRAMES = ("loop", "if_weight", "if_shift", "if_order", "if_distance_type", "if_octaves")
_STOCHASTIC = {
    "spectrum_weight": 0.01,
    "histogram_weight": 0.01,
    # Noise, which has next to none, is where its loss is flat: with more weight, some textures stay noise.
    "autocorrelation_weight": 1.0,
    "correlation_weight": 4.0,
}
# Usual weights by `statistics`; what is not named has none.
TERM_WEIGHTS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"gram": {}, "stochastic": _STOCHASTIC, "regular": {**_STOCHASTIC, "shifted_gram_weight": 0.1}}
)
STATISTICS = ("auto", *TERM_WEIGHTS)
# Of mixtures of textures the spectrum is known: it is a mean over the picture.
MORPH_WEIGHTS: Mapping[str, float] = MappingProxyType({"spectrum_weight": 0.01})
# Sources that are so alike to themselves when they are shifted by a period are regular: brickwork, weaves, tiles.
REGULAR = 0.18
# Gram matrices alone, to the edge: what this program did before it had other terms, which runs from then go on with.
GRAM_ALONE: Mapping[str, object] = MappingProxyType({"statistics": "gram", "margin": 0})
SEED_BESIDE_INIT = (("seed",), "not with `init`, which is the initial picture")
Where = Literal["everywhere", "regions", "morph"]
PRESETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        # Snelgrove 2017, "High-Resolution Multi-Scale Neural Texture Synthesis".
        "subjective-functions": {**GRAM_ALONE},
        # Gatys, Ecker & Bethge 2015, "Texture Synthesis Using Convolutional Neural Networks", as in their program.
        "gatys2015": {
            **GRAM_ALONE,
            "octaves": 1,
            "layers": ("relu1_1", "pool1", "pool2", "pool3", "pool4"),
            "descriptor": "vgg19-normalized",
            "pooling": "average",
            "padding_mode": "same",
            "max_iter": 2000,
            "match_histogram": True,
        },
    }
)


def _term_weight(name: str, help: str) -> Any:
    """Return the option of TERMS called `name`, whose usual values are told beside its help."""
    weights = [f"{weights.get(name, 0):g} ({kind})" for kind, weights in TERM_WEIGHTS.items() if kind != "gram"]
    usually = f"set by `statistics`: {', '.join(weights)}; 0 with `guide` or `mul`"
    return option(help, kind=float, minimum=0, default_text=usually)


@described
@dataclass(frozen=True, kw_only=True)
class SynthesisSettings:
    """The options of a synthesis; checked when they are made.

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """

    source: tuple[str | os.PathLike, ...] = option(
        "pictures of the texture, and folders of pictures (without their subfolders)",
        default=(), short="-s", count="+", kind=Path, metavar="FILE_OR_FOLDER",
    )  # fmt: skip
    output_width: int = option("width of the result in pixels", default=512, short="-ow", kind=int, minimum=1)
    output_height: int | None = option(
        "height of the result in pixels", short="-oh", kind=int, minimum=1, default_text="the width"
    )
    octaves: int | None = option(
        "number of scales, each half the size of the one before, at which the statistics are matched",
        short="-o", kind=int, minimum=1, default_text=f"as many as fit, at most {MAX_OCTAVES}",
    )  # fmt: skip
    layers: tuple[str | int, ...] | None = option(
        "layers of the descriptor at which Gram matrices are compared, by name or number",
        short="-l", numbers=True, count="+", commas=True, metavar="LAYER",
        default_text="2 7, or the layer of the random descriptor",
    )  # fmt: skip
    max_iter: int = option(
        "iterations of the optimiser, over all scales",
        default=500, short="-m", kind=int, minimum=1, maximum=MAX_ITERATIONS,
    )  # fmt: skip
    output_prefix: str = option("prefix of the name of the run's folder", default="out", short="-op")
    output_dir: str | os.PathLike = option(
        "folder in which the run's folder is created", default="outputs", kind=Path, metavar="FOLDER"
    )
    output: str | os.PathLike | None = option(
        "also write the result (the first, if there are several) to this file", kind=Path, metavar="FILE"
    )
    save_every: int = option(
        "iterations between savings of the pictures and the state of the run",
        default=10,
        short="-n",
        kind=int,
        minimum=1,
    )
    source_scale: float | None = option("resize the sources by this factor", short="-ss", kind=float, above=0)
    source_width: int | None = option("resize the sources to this width in pixels", short="-sw", kind=int, minimum=1)
    padding_mode: str = option(
        "padding of the descriptor: valid (none) or same (zeros in the convolutions, repeated edges in the pyramid)",
        default="valid", short="-p", choices=("valid", "same"),
    )  # fmt: skip
    statistics: str = option(
        "statistics to match: gram (Gram matrices only), stochastic or regular (with further terms for such textures), "
        "or auto (regular if the sources repeat, otherwise stochastic)",
        default="auto", choices=STATISTICS,
    )  # fmt: skip
    spectrum_weight: float | None = _term_weight(
        "spectrum_weight",
        "weight of the power spectrum, which suppresses high-frequency noise from the descriptor; with histograms, the "
        "finished picture is matched to it up to chance; 0: off",
    )
    histogram_weight: float | None = _term_weight(
        "histogram_weight",
        "weight of the histograms of colours and of detail at every scale, which the finished picture is also matched "
        "to; 0: off",
    )
    autocorrelation_weight: float | None = _term_weight(
        "autocorrelation_weight",
        "weight of the picture's autocorrelation at every scale, which preserves low-frequency contrast; 0: off",
    )
    moment_weight: float | None = _term_weight(
        "moment_weight", "weight of the means and covariances of features; 0: off"
    )
    wasserstein_weight: float | None = _term_weight(
        "wasserstein_weight", "weight of the sliced Wasserstein distance of features; 0: off"
    )
    feature_histogram_weight: float | None = _term_weight(
        "feature_histogram_weight", "weight of the histograms of features; 0: off"
    )
    shifted_gram_weight: float | None = _term_weight(
        "shifted_gram_weight",
        "weight of the Gram matrices of features and shifted features, which preserve rows and lines; 0: off",
    )
    correlation_weight: float | None = _term_weight(
        "correlation_weight",
        "weight of the spatial autocorrelations of the first layer's features, which preserve the arrangement of "
        "details; 0: off",
    )
    margin: int = option(
        "pixels synthesised beyond each edge and cut off, so that the border is as good as the middle",
        default=24, kind=int, minimum=0,
    )  # fmt: skip
    join_mode: str = option(
        "how the Gram matrices of several sources are averaged", default="average", short="-j", choices=JOIN_MODES
    )
    mul: float = option(
        "factor by which the target Gram matrices are multiplied",
        default=1.0, kind=float, minimum=1e-6, maximum=1e6,
    )  # fmt: skip
    count: int = option("number of frames to optimise together", default=1, short="-c", kind=int, minimum=1)
    loop: bool = option(
        "let the first frame follow the last one, so that the animation repeats without a jump; --no-loop: do not "
        "compare the first frame with the last",
        default=True, kind=bool, negatable=True, default_text="on",
    )  # fmt: skip
    if_weight: float = option("weight of the inter-frame loss", default=1.0, kind=float, minimum=0)
    if_shift: float = option(
        "target distance between neighbouring frames: that between the source and the source shifted by this many "
        "pixels",
        default=5.0, kind=float, above=0,
    )  # fmt: skip
    if_order: int = option("number of neighbours to which each frame is compared", default=2, kind=int, minimum=1)
    if_distance_type: str = option(
        "distance between frames: root mean square, or L1 on Laplacian pyramids", default="l2", choices=("l2", "lap1")
    )
    if_octaves: int = option(
        "number of octaves at which frames are compared, at most those of the texture", default=1, kind=int, minimum=1
    )
    seed: str = option(
        "initial picture, noise in the colours of the sources: random (independent pixels) or symmetric (smooth "
        "and symmetric)",
        default="random", choices=("random", "symmetric"),
    )  # fmt: skip
    data_dir: str | os.PathLike = option(**DATA_DIR, short="-d")
    tol: float = option(
        "tolerance for termination: relative decrease of the loss, and largest element of the gradient",
        default=1e-9, kind=float, minimum=0,
    )  # fmt: skip
    descriptor: str = option(**DESCRIPTOR)
    pooling: str = option(**POOLING, default="average")
    weights: str | os.PathLike | None = option(**WEIGHTS)
    tileable: str = option(
        "directions in which the result can be repeated without a seam", default="none", choices=TILEABLE
    )
    schedule: str | None = option(
        "optimise from small to full size, or at full size only",
        choices=SCHEDULES, default_text="coarse-to-fine; single with an initial picture",
    )  # fmt: skip
    optimizer: str = option(
        "SciPy's L-BFGS-B, or L-BFGS that keeps its vectors on the device",
        default="l-bfgs-b", choices=("l-bfgs-b", "lbfgs"),
    )  # fmt: skip
    bounds: bool = option(
        "let pixels leave [0, 1] while optimising; they are clipped only when saved",
        default=True, kind=bool, flag="--no-bounds",
    )  # fmt: skip
    random_seed: int = option("seed of the initial picture and of random filters", default=0, kind=int, minimum=0)
    init: str | os.PathLike | None = option("initial picture", kind=Path, metavar="FILE")
    memory: str | float | None = option(**MEMORY)
    precision: str = option(**PRECISION)
    match_histogram: bool = option(
        "match the histograms of saved pictures to those of the sources", default=False, kind=bool
    )
    guide: tuple[str | os.PathLike, str | os.PathLike] | None = option(
        "label pictures of the source and of the output: each region of the output is filled with the texture of "
        "the source's region of the same colour",
        count=2, kind=Path, metavar=("SOURCE_MASK", "OUTPUT_MASK"),
    )  # fmt: skip
    morph: tuple[str | os.PathLike, str | os.PathLike] | None = option(
        "make a transition from texture A to texture B: from left to right (and back if the result repeats in that "
        "direction), as given by `mask`, or with several frames (`count`) from the first to the last (and back with "
        "`loop`); each is a picture, or the name or file of a texture generator",
        count=2, kind=Path, metavar=("A", "B"),
    )  # fmt: skip
    mask: str | os.PathLike | None = option(
        "picture that sets where the textures of `morph` are: black A, white B, grey a mixture",
        kind=Path,
        metavar="FILE",
    )

    def __post_init__(self) -> None:
        check(self)
        parse_memory(self.memory)
        if self.source_scale is not None and self.source_width is not None:
            raise ArgumentError("`source_scale` and `source_width` exclude each other: give one of them")
        if self.octaves is not None:
            self._check_octaves(self.octaves)
        if self.output is not None:
            check_picture_name(self.output)
        if not self.output_prefix or Path(self.output_prefix).name != self.output_prefix:
            raise ArgumentError(f"`output_prefix` {self.output_prefix!r} must be the beginning of a folder's name")
        resolve_layers(self.descriptor, self.layers)
        self._check_morph()
        self._refuse_idle()

    def _refuse_idle(self) -> None:
        """Raise ArgumentError where options are given that have no effect."""
        if self.descriptor == RANDOM_LAYER:
            refuse(self, ("pooling", "weights"), "not for the random descriptor")
        if self.count == 1:
            refuse(self, FRAMES, "only for several frames (`count`)")
        if self.init is not None:
            refuse(self, *SEED_BESIDE_INIT)
        if self.tileable == "both" and self.margin:
            refuse(self, ("margin",), "not with `tileable` both: such a picture has no edges")

    def _check_morph(self) -> None:
        if self.morph is None:
            if self.mask is not None:
                raise ArgumentError("`mask` needs `morph`: it sets where the two textures are")
            return
        if self.source:
            raise ArgumentError("`source` and `morph` exclude each other: `morph` takes its own two textures")
        if self.guide is not None:
            raise ArgumentError("`guide` and `morph` exclude each other")
        if self.mask is not None and self.count > 1:
            raise ArgumentError("`mask` is for a single picture; several frames (`count`) change from frame to frame")

    def _check_octaves(self, octaves: int) -> None:
        if self.if_octaves > octaves:
            raise ArgumentError(f"`if_octaves` {self.if_octaves} must be at most `octaves`, which is {octaves}")
        height, width = self.size
        if min(width, height).bit_length() < octaves:  # a power of 2 might never be computed
            raise ArgumentError(
                f"an output of {width} x {height} cannot be halved {octaves - 1} times for `octaves` {octaves}"
            )

    def term_weights(self, regularity: float, places: Where = "everywhere") -> dict[str, float]:
        """Return the weights of the terms beside Gram matrices, by the names of their options.

        Args:
            regularity: of the sources, which `statistics` "auto" goes by.
            places: whether the texture is everywhere, in regions, or changes to another.

        Raises:
            ArgumentError: a term that is given is of whole pictures, and there are several textures.
        """
        kind = self.statistics
        if kind == "auto":
            kind = "regular" if regularity >= REGULAR else "stochastic"
        usual = TERM_WEIGHTS[kind]
        if places != "everywhere" and usual:
            # Regions have no spectra of their own.
            usual = MORPH_WEIGHTS if places == "morph" else {}
        if self.mul != 1:
            usual = {}  # multiplied Gram matrices are not those of pictures
        if self.descriptor == RANDOM_LAYER:
            # Its many channels at full size would take gigabytes.
            usual = {**usual, "correlation_weight": 0.0}
        given = {name: getattr(self, name) for name in TERMS}
        for name, value in given.items():
            if value and places != "everywhere" and not (places == "morph" and name in MORPH_WEIGHTS):
                option = "morph" if places == "morph" else "guide"
                raise ArgumentError(f"`{name}` must be 0 with `{option}`: it assumes a single texture")
        return {name: usual.get(name, 0.0) if value is None else value for name, value in given.items()}

    @property
    def size(self) -> tuple[int, int]:
        """Output height and width."""
        return self.output_height or self.output_width, self.output_width


def resolve_layers(descriptor: str, layers: tuple[str | int, ...] | None) -> tuple[str, ...]:
    """Return the names of the layers that are asked for, from the picture upwards; None: those of the descriptor.

    Raises:
        ArgumentError: there is no such layer, or one is given twice.
    """
    if descriptor == RANDOM_LAYER:
        if layers not in (None, (RANDOM_LAYER,)):
            raise ArgumentError(f"`layers`: the random descriptor has a single layer, {RANDOM_LAYER!r}")
        return (RANDOM_LAYER,)
    resolved = tuple(resolve_layer(layer, "layers") for layer in (LAYERS if layers is None else layers))
    if len(set(resolved)) != len(resolved) or not resolved:
        raise ArgumentError(f"`layers` must be one or more different layers, not {' '.join(resolved) or 'none'}")
    return tuple(sorted(resolved, key=LAYER_NAMES.index))
