"""What a training run is asked for, with its defaults, and everything that can be checked before Keras is loaded."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import ArgumentError, unknown_name
from model.generators.registry import GENERATORS
from model.layer_names import resolve_layer

MODES = ("style", "texture")
NORMALIZATIONS = ("instance", "batch")
PRECISIONS = ("float32", "bfloat16")
DECAYS = ("step", "cosine")
LOSS_SCALINGS = ("relative", "absolute")
# What may differ between a run and its continuation; everything else must be the same.
FREE_ON_RESUME = (
    *("data", "style_image", "num_iterations", "save_every", "checkpoints_path", "resume", "threads", "weights"),
    *("data_dir", "log_dir", "initial_generator"),
)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The arguments of `pipelines.training.train.train_generator`; checked when they are made.

    Args:
        style_image: picture whose style or texture is learned.
        data: folder of photos, nested or flat; not used in texture mode.
        mode: "style" (photos become pictures in the style) or "texture" (noise becomes texture).
        model: generator, see model.generators.registry.
        normalization: of the generator, "instance" or "batch".
        initial_generator: a trained generator, file or name, whose weights the run begins with; None: new weights.
        style_size: pixels of the style picture's longer side; 0 keeps its size.
        image_size: side of the square crops (or samples) trained on, in pixels.
        batch_size: pictures a step, of all devices together.
        learning_rate: Adam's at the start.
        learning_rate_decay: "step": times 0.8 every 2000 iterations, as Torch7's texture networks; "cosine": along
            half a cosine down to 0 at the last iteration.
        num_iterations: steps in all.
        content_layers: descriptor's layers whose activations are kept.
        style_layers: descriptor's layers whose Gram matrices are matched.
        style_layer_weights: one for each style layer; None: 1 each.
        content_weight: of the content term.
        style_weight: of the style term.
        tv_weight: of the total variation.
        loss_scaling: "relative" or "absolute", see losses.perceptual.PerceptualLoss.
        pyramid_loss: number of octaves at which style and content are compared.
        pyramid_decay: factor of an octave's losses beside those of the next finer one.
        vgg_no_pad: the descriptor's convolutions have no padding.
        noise_depth: planes of noise; None: 3 in texture mode and none in style mode.
        diversity_weight: of the term that keeps texture samples different.
        save_every: iterations from one checkpoint and preview to the next.
        checkpoints_path: folder of checkpoints, previews, history.csv and the result, generator.keras.
        resume: go on from the last checkpoint there.
        seed: of the weights, the crops and the noise.
        threads: that read photos.
        precision: "float32", or "bfloat16" for mixed precision with float32 weights.
        weights: file of VGG-19's weights; None looks for one.
        data_dir: folder in which it is looked for.
        log_dir: folder for TensorBoard; None: no logs.
        generator_options: further options of the generator, such as its widths.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
    """

    style_image: str | os.PathLike
    data: str | os.PathLike | None = None
    mode: str = "style"
    model: str = "johnson"
    normalization: str = "instance"
    initial_generator: str | os.PathLike | None = None
    style_size: int = 256
    image_size: int = 256
    batch_size: int = 1
    learning_rate: float = 1e-3
    learning_rate_decay: str = "step"
    num_iterations: int = 50000
    content_layers: tuple[str, ...] = ("relu4_2",)
    style_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    style_layer_weights: tuple[float, ...] | None = None
    content_weight: float = 1.0
    style_weight: float = 1.0
    tv_weight: float = 0.0
    loss_scaling: str = "relative"
    pyramid_loss: int = 1
    pyramid_decay: float = 0.9
    vgg_no_pad: bool = False
    noise_depth: int | None = None
    diversity_weight: float = 0.0
    save_every: int = 1000
    checkpoints_path: str | os.PathLike = "checkpoints"
    resume: bool = False
    seed: int = 0
    threads: int = 4
    precision: str = "float32"
    weights: str | os.PathLike | None = None
    data_dir: str | os.PathLike = "model_data"
    log_dir: str | os.PathLike | None = None
    generator_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_numbers()
        for name in ("content_layers", "style_layers"):
            object.__setattr__(self, name, _distinct_layers(name, getattr(self, name)))
        self._check_layer_weights()
        if self.mode == "style" and self.data is None:
            raise ArgumentError("--data is needed in style mode: a folder of photos")
        if self.diversity_weight and (self.mode != "texture" or self.batch_size < 2):
            raise ArgumentError("--diversity-weight needs --mode texture and a --batch-size of at least 2")

    def _check_choices(self) -> None:
        choices = {
            "mode": MODES,
            "model": GENERATORS,
            "normalization": NORMALIZATIONS,
            "precision": PRECISIONS,
            "learning_rate_decay": DECAYS,
            "loss_scaling": LOSS_SCALINGS,
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ArgumentError(unknown_name(option(name), getattr(self, name), known))

    def _check_numbers(self) -> None:
        least = dict.fromkeys(
            ("image_size", "batch_size", "num_iterations", "pyramid_loss", "save_every", "threads"), 1
        )
        least |= dict.fromkeys(("style_size", "seed", "content_weight", "style_weight", "tv_weight"), 0)
        least |= dict.fromkeys(("diversity_weight", "pyramid_decay"), 0)
        for name, bound in least.items():
            value = getattr(self, name)
            if not bound <= value < math.inf:
                raise ArgumentError(f"{option(name)} must be at least {bound}, not {value}")
        if not 0 < self.learning_rate < math.inf:
            raise ArgumentError(f"--learning-rate must be above 0, not {self.learning_rate}")
        if self.style_weight == 0 and self.content_weight == 0:
            raise ArgumentError("--style-weight and --content-weight are both 0: there is nothing to learn")

    def _check_layer_weights(self) -> None:
        weights = self.style_layer_weights
        if weights is None:
            return
        if len(weights) != len(self.style_layers):
            raise ArgumentError(
                f"--style-layer-weights has {len(weights)} numbers for {len(self.style_layers)} style layers"
            )
        if not all(0 <= weight < math.inf for weight in weights):
            raise ArgumentError(f"--style-layer-weights must be at least 0, not {list(weights)}")

    @property
    def layer_weights(self) -> dict[str, float]:
        """Style layer to weight."""
        weights = self.style_layer_weights or (1.0,) * len(self.style_layers)
        return dict(zip(self.style_layers, weights, strict=True))

    @property
    def checkpoints_folder(self) -> Path:
        """`checkpoints_path` as a Path."""
        return Path(self.checkpoints_path)

    def fixed(self) -> dict[str, Any]:
        """Return what a continued run must share with the run that it continues, ready for JSON."""
        values = {name: value for name, value in dataclasses.asdict(self).items() if name not in FREE_ON_RESUME}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def option(name: str) -> str:
    """Return how the command line spells the argument `name`."""
    return "--" + name.replace("_", "-")


def _distinct_layers(name: str, layers: tuple[str, ...]) -> tuple[str, ...]:
    resolved = tuple(resolve_layer(layer) for layer in layers)
    if not resolved:
        raise ArgumentError(f"{option(name)}: no layer is given")
    if len(set(resolved)) != len(resolved):
        raise ArgumentError(f"{option(name)}: a layer stands there twice ({', '.join(resolved)})")
    return resolved
