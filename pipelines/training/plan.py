"""The plan of a training run: everything that follows from its settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from errors import ArgumentError
from pipelines.descriptors import Descriptor
from pipelines.training.model import AddedStyle, GeneratorPlan
from pipelines.training.optimizer import LearningRate
from pipelines.training.settings import MODELS, TrainingSettings, distinct_layers
from pipelines.training.stages import Stage, plan_stages
from pipelines.training.targets import ObjectivePlan
from runs.machine import check_memory, choose_precision

# What each generator is given beside the settings. Johnson et al.'s 9x9 last convolution leaves less of the
# transposed convolutions' checkerboard than the 3x3 one of Torch7's texture networks.
GENERATOR_OPTIONS: Mapping[str, dict[str, Any]] = {"johnson": {"last_kernel_size": 9}}
# The network that may have several styles.
SEVERAL_STYLES = "hourglass"
# Planes of noise of texture generators.
NOISE_DEPTH = 3
# What a pixel of a batch takes at least: a few maps of the generator's and the descriptor's first layers, float32.
BYTES_PER_PIXEL = 4 * 64 * 4


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that a training computes with beside its pictures.

    Attributes:
        generator: that is trained.
        objective: that it is trained on.
        rate: of learning.
        ema_momentum: of the averages of the weights, which are the result.
        stages: of the run.
        save_every: iterations between checkpoints.
        seed: of weights, crops and noise.
        threads: that read photos.
        log_dir: folder of TensorBoard's logs, or None.
        notes: what the user should know before the run begins.
    """

    generator: GeneratorPlan
    objective: ObjectivePlan
    rate: LearningRate
    ema_momentum: float
    stages: tuple[Stage, ...]
    save_every: int
    seed: int
    threads: int
    log_dir: str | os.PathLike | None
    notes: tuple[str, ...]

    @property
    def iterations(self) -> int:
        """Steps of the whole run."""
        return self.stages[-1].last

    @property
    def noise_depth(self) -> int:
        """Planes of noise in texture mode."""
        return self.generator.noise_depth or NOISE_DEPTH


def plan_training(settings: TrainingSettings, styles: Sequence[str] = ()) -> TrainingPlan:
    """Return what follows from the settings.

    Args:
        settings: what is asked for.
        styles: names of the styles of a network of several, or of the one that is added.

    Raises:
        ArgumentError: batches are too large for this machine's memory, the network cannot have several styles, or a
            style that is added has no name.
    """
    # Styles take turns in a batch, and diversity is that of two samples.
    multiple = max(1, len(styles), 2 if settings.diversity_weight else 1)
    stages = plan_stages(settings.sizes, settings.batch_size, settings.num_iterations, multiple=multiple)
    for stage in stages:
        pixels = stage.batch_size * stage.size**2
        check_memory(pixels * BYTES_PER_PIXEL, f"`image_size` {stage.size} with `batch_size` {stage.batch_size}")
        check_memory(pixels * 4 * (settings.noise_depth or 0), f"`noise_depth` {settings.noise_depth}")
    model = settings.model or MODELS[settings.mode]
    precision, note = choose_precision(settings.precision)
    return TrainingPlan(
        generator=GeneratorPlan(
            model=model,
            mode=settings.mode,
            normalization=settings.normalization,
            noise_depth=settings.noise_depth,
            options=_generator_options(settings, model, styles),
            precision=precision,
            initial=settings.initial_generator,
            added=_added_style(settings, styles),
        ),
        objective=_plan_objective(settings, precision),
        rate=LearningRate(
            settings.learning_rate,
            settings.learning_rate_decay,
            settings.num_iterations,
            settings.warmup_steps,
            settings.decay_start,
        ),
        ema_momentum=settings.ema_momentum,
        stages=stages,
        save_every=settings.save_every,
        seed=settings.seed,
        threads=settings.threads,
        log_dir=settings.log_dir,
        notes=(note,) if note else (),
    )


def _plan_objective(settings: TrainingSettings, precision: str) -> ObjectivePlan:
    layers = distinct_layers("style_layers", settings.style_layers)
    content_layers = distinct_layers("content_layers", settings.content_layers) if settings.mode == "style" else ()
    layer_weights = settings.style_layer_weights or (1.0,) * len(layers)
    return ObjectivePlan(
        mode=settings.mode,
        content_layers=content_layers,
        layer_weights=dict(zip(layers, layer_weights, strict=True)),
        content_weight=settings.content_weight,
        style_weight=settings.style_weight,
        tv_weight=settings.tv_weight,
        diversity_weight=settings.diversity_weight,
        spectrum_weight=settings.spectrum_weight,
        histogram_weight=settings.histogram_weight,
        consistency_weight=settings.consistency_weight if settings.mode == "style" else 0.0,
        loss_scaling=settings.loss_scaling,
        octaves=settings.pyramid_loss,
        octave_decay=settings.pyramid_decay,
        vgg_no_pad=settings.vgg_no_pad,
        image_sizes=settings.sizes,
        mirrored_border=settings.mirrored_border if settings.mode == "style" else 0,
        # Half precision as a whole: its weights never change, so they need no float32 copy.
        descriptor=Descriptor(
            tuple(dict.fromkeys((*layers, *content_layers))),
            weights=settings.weights,
            data_dir=settings.data_dir,
            precision=precision,
        ),
    )


def _added_style(settings: TrainingSettings, styles: Sequence[str]) -> AddedStyle | None:
    if settings.add_style is None:
        return None
    if not any(styles):
        raise ArgumentError("`add_style` needs the style's name: a mapping from it to its picture")
    return AddedStyle(settings.add_style, styles[0])


def _generator_options(settings: TrainingSettings, model: str, styles: Sequence[str]) -> dict[str, Any]:
    options = {**GENERATOR_OPTIONS.get(model, {}), **settings.generator_options}
    if len(styles) < 2:
        return options
    if model != SEVERAL_STYLES or settings.mode != "style":
        raise ArgumentError(f"`style_image`: several styles need `model` {SEVERAL_STYLES} and `mode` style")
    return options | {"styles": list(styles)}
