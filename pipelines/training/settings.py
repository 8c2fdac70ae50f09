"""The settings of a training run: every option with its description, and the checks that need no Keras."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from choices import LOSS_SCALINGS, MODES, NORMALIZATIONS, PRECISIONS_OR_AUTO
from errors import ArgumentError, counted
from model.generators.registry import GENERATORS
from model.layer_names import resolve_layer
from options import MAX_ITERATIONS, check, described, option, refuse

DECAYS = ("step", "cosine")
# The generator where none is asked for: those of the models that ship.
MODELS = {"style": "hourglass", "texture": "pyramid"}
# Of which more would not read any faster; a system refuses to start some thousands.
MAX_THREADS = 256
# In the folder of checkpoints: the result, and the folder of previews with its files.
RESULT, PREVIEWS, PREVIEW = "generator.keras", "previews", "iteration-*.png"


@described
@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The options of a training; checked when they are made.

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """

    data: str | os.PathLike | None = option(
        "folder of photos to train on, with its subfolders; not needed for a texture", kind=Path, metavar="FOLDER"
    )
    style_image: tuple[str | os.PathLike, ...] = option(
        "picture whose style or texture is learned; several give one network with these styles, named after the files "
        "(model hourglass; each batch contains every style equally often)",
        default=(), kind=Path, count="+", metavar="FILE", default_text="none",
    )  # fmt: skip
    mode: str = option(
        "style: photos become pictures in the style; texture: noise becomes texture", default="style", choices=MODES
    )
    model: str | None = option(
        "architecture of the generator", choices=GENERATORS, default_text="hourglass for a style, pyramid for a texture"
    )
    normalization: str = option("normalisation of the generator", default="instance", choices=NORMALIZATIONS)
    initial_generator: str | os.PathLike | None = option(
        "start from the weights of this trained generator", metavar="NAME_OR_FILE", default_text="new weights"
    )
    add_style: str | os.PathLike | None = option(
        "network with several styles to which the style of the style picture is added: the architecture is that of the "
        "network, the new style starts as the mean of its styles, and only the normalisations of the new style are "
        "trained",
        metavar="NAME_OR_FILE", default_text="none",
    )  # fmt: skip
    style_size: int = option(
        "longer side of the style picture in pixels; 0 keeps its size", default=384, kind=int, minimum=0
    )
    image_size: int | tuple[int, ...] = option(
        "side of the training crops in pixels; several sizes give one stage each, with equal shares of the iterations; "
        "batches shrink as the crops grow, if possible",
        default=(256, 384), kind=int, minimum=2, count="+", commas=True, metavar="PIXELS",
    )  # fmt: skip
    batch_size: int = option(
        "pictures per step, in total over all devices; with several crop sizes, in the first stage",
        default=1, kind=int, minimum=1,
    )  # fmt: skip
    learning_rate: float = option("learning rate of Adam after the warm-up", default=1e-3, kind=float, above=0)
    warmup_steps: int = option(
        "iterations during which the learning rate rises linearly", default=100, kind=int, minimum=0
    )
    learning_rate_decay: str = option(
        "step: times 0.8 every 2000 iterations; cosine: constant at first, then along half a cosine to 0 at the last "
        "iteration",
        default="cosine", choices=DECAYS,
    )  # fmt: skip
    decay_start: float = option(
        "share of the run after which the cosine begins", default=0.5, kind=float, minimum=0, below=1
    )
    ema_momentum: float = option(
        "the result is an exponential moving average of the weights with this momentum; 0: the last weights",
        default=0.999, kind=float, minimum=0, below=1,
    )  # fmt: skip
    num_iterations: int = option("steps of the whole run", default=10000, kind=int, minimum=1, maximum=MAX_ITERATIONS)
    content_layers: tuple[str, ...] = option(
        "VGG-19 layers at which the content is compared",
        default=("relu4_1",),
        count="+",
        commas=True,
        metavar="LAYER",
    )
    style_layers: tuple[str, ...] = option(
        "VGG-19 layers at which Gram matrices are compared",
        default=("relu1_1", "relu2_1", "relu3_1", "relu4_1"), count="+", commas=True, metavar="LAYER",
    )  # fmt: skip
    style_layer_weights: tuple[float, ...] | None = option(
        "weight of each style layer", kind=float, minimum=0, count="+", commas=True, metavar="NUMBER",
        default_text="1 each",
    )  # fmt: skip
    content_weight: float = option("weight of the content term", default=1.2, kind=float, minimum=0)
    style_weight: float = option("weight of the style term", default=20.0, kind=float, minimum=0)
    tv_weight: float = option(
        "weight of the total variation, which makes the result smooth", default=0.3, kind=float, minimum=0
    )
    diversity_weight: float = option(
        "weight of the term that keeps the samples of a batch different (textures, batches of 2 and more)",
        default=0.0, kind=float, minimum=0,
    )  # fmt: skip
    spectrum_weight: float = option(
        "weight of the power spectrum, which suppresses high-frequency noise from VGG-19 (textures)",
        default=0.0, kind=float, minimum=0,
    )  # fmt: skip
    histogram_weight: float = option(
        "weight of the histograms of colours and of detail at every scale, which suppresses spots of rare colours "
        "(textures)",
        default=0.0, kind=float, minimum=0,
    )  # fmt: skip
    consistency_weight: float = option(
        "weight of the term that compares the results of a photo and of the same photo shifted by some pixels (styles; "
        "every other photo of a batch)",
        default=50.0, kind=float, minimum=0,
    )  # fmt: skip
    loss_scaling: str = option(
        "terms of the loss relative to the size of their targets, or absolute as in the Torch7 trainer",
        default="relative", choices=LOSS_SCALINGS,
    )  # fmt: skip
    pyramid_loss: int = option(
        "number of scales, each half the size of the one before, at which the style is compared",
        default=2, kind=int, minimum=1,
    )  # fmt: skip
    pyramid_decay: float = option(
        "weight of each scale relative to the next finer one", default=0.25, kind=float, minimum=0
    )
    mirrored_border: int = option(
        "width in pixels by which pictures are extended by mirroring before they enter VGG-19, so that results have no "
        "frame (styles)",
        default=8, kind=int, minimum=0,
    )  # fmt: skip
    vgg_no_pad: bool = option("no padding in the convolutions of VGG-19", default=False, kind=bool)
    noise_depth: int | None = option(
        "number of noise planes in the input", kind=int, minimum=0, default_text="3 for a texture, none for a style"
    )
    save_every: int = option("iterations between checkpoints, each with a preview", default=250, kind=int, minimum=1)
    checkpoints_path: str | os.PathLike = option(
        "folder of checkpoints, previews, history.csv and the result, generator.keras",
        default="checkpoints", kind=Path, metavar="FOLDER",
    )  # fmt: skip
    resume: bool = option(
        "do not report an error if the run in the folder is already complete",
        default=False,
        kind=bool,
    )
    restart: bool = option("start over: checkpoints of an earlier run are removed", default=False, kind=bool)
    seed: int = option("seed of weights, crops and noise", default=0, kind=int, minimum=0, below=2**32)
    threads: int = option("threads that read photos", default=4, kind=int, minimum=1, maximum=MAX_THREADS)
    precision: str = option(
        "precision of the computation (weights stay in float32); auto: bfloat16 if it is faster on this processor",
        default="auto", choices=PRECISIONS_OR_AUTO,
    )  # fmt: skip
    weights: str | os.PathLike | None = option(
        "file of VGG-19's weights", kind=Path, metavar="FILE", default_text="found or downloaded"
    )
    data_dir: str | os.PathLike = option(
        "folder to search for VGG-19's weights", default="model_data", kind=Path, metavar="FOLDER"
    )
    log_dir: str | os.PathLike | None = option(
        "write TensorBoard logs into this folder (see the README for how to view them)", kind=Path, metavar="FOLDER"
    )
    generator_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.image_size, Integral):
            object.__setattr__(self, "image_size", (self.image_size,))
        check(self)
        if not self.sizes:
            raise ArgumentError("`image_size`: no size is given")
        if not isinstance(self.generator_options, Mapping):
            raise ArgumentError(f"`generator_options` must be a dict, {{name: value}}, not {self.generator_options!r}")
        for name in ("content_layers", "style_layers"):
            distinct_layers(name, getattr(self, name))
        weights = self.style_layer_weights
        if weights is not None and len(weights) != len(self.style_layers):
            raise ArgumentError(
                f"`style_layer_weights`: {counted(len(weights), 'weight')} for "
                f"{counted(len(self.style_layers), 'style layer')}; each layer needs one"
            )
        if weights is not None and not any(weights):
            raise ArgumentError("`style_layer_weights` must not all be 0: the style would not be learned")
        if self.style_weight == 0 and self.content_weight == 0:
            raise ArgumentError("`style_weight` and `content_weight` are both 0: there is nothing to learn")
        if self.diversity_weight and (self.mode != "texture" or self.batch_size < 2):
            raise ArgumentError("`diversity_weight` needs `mode` texture and a `batch_size` of at least 2")
        if self.mode == "texture" and self.noise_depth == 0:
            raise ArgumentError("`noise_depth` must be at least 1 for `mode` texture, not 0")
        for name in ("spectrum_weight", "histogram_weight"):
            if getattr(self, name) and self.mode != "texture":
                raise ArgumentError(f"`{name}` needs `mode` texture")
        if self.add_style is not None:
            self._check_added_style()
        self._refuse_idle()
        if self.resume and self.restart:
            raise ArgumentError("`resume` and `restart` exclude each other")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides of the crops of all stages, in pixels."""
        return (self.image_size,) if isinstance(self.image_size, int) else self.image_size

    def _refuse_idle(self) -> None:
        """Raise ArgumentError where options are given that have no effect."""
        if self.mode == "texture":
            weights = ("content_weight", "consistency_weight", "mirrored_border")  # a texture has 0 of them
            idle = {"data", "content_layers"} | {name for name in weights if getattr(self, name)}
            refuse(self, idle, "only for `mode` style, not for a texture")
        if self.learning_rate_decay != "cosine":
            refuse(self, ("decay_start",), "only for `learning_rate_decay` cosine")

    def _check_added_style(self) -> None:
        if self.mode != "style" or len(self.style_image) > 1:
            raise ArgumentError("`add_style` needs `mode` style and one `style_image`")
        if self.initial_generator is not None:
            raise ArgumentError("`add_style` and `initial_generator` exclude each other")
        refuse(self, ("model", "normalization", "noise_depth"), "not with `add_style`, whose network decides it")


def distinct_layers(name: str, layers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the resolved names of the layers that the option `name` asks for.

    Raises:
        ArgumentError: there is none, one is unknown, or one stands there twice.
    """
    resolved = tuple(resolve_layer(layer, name) for layer in layers)
    if not resolved:
        raise ArgumentError(f"`{name}`: no layer is given")
    if len(set(resolved)) != len(resolved):
        raise ArgumentError(f"`{name}`: a layer is given twice ({', '.join(resolved)})")
    return resolved
