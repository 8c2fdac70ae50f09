"""Synthesising textures by optimisation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from errors import ArgumentError
from pipelines.startup import quiet_startup
from pipelines.synthesis.files import RunFolder, new_folder
from pipelines.synthesis.inputs import read_inputs
from pipelines.synthesis.settings import SynthesisSettings

if TYPE_CHECKING:
    from pipelines.synthesis.run import Observer


@dataclass(frozen=True)
class SynthesisReport:
    """What a run did.

    Attributes:
        folder: of the run.
        pictures: the final pictures.
        message: why the optimiser ended, in its words.
        iterations: in all.
        evaluations: in all.
        seconds: in all.
        loss: of the saved pictures, in float32.
        terms: of that loss, by name.
        stopped: whether an observer ended the run.
    """

    folder: Path
    pictures: list[Path]
    message: str
    iterations: int
    evaluations: int
    seconds: float
    loss: float
    terms: dict[str, float]
    stopped: bool


def synthesize(settings: SynthesisSettings, observers: Sequence[Observer] = ()) -> SynthesisReport:
    """Make pictures of the sources' texture and leave them in a new folder in `settings.output_dir`.

    The folder gets the final pictures (`final_F0000.png` ...), one every `save_every` iterations (`I0010_F0000.png`
    ...), `progress.jsonl`, `command.json`, `loss.png`, for several frames `animation.gif` and `animation.mp4`, and the
    state from which `resume` goes on.

    Args:
        settings: what is asked for.
        observers: told after every iteration; each may raise StopIteration to end the run with its result.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or pictures are too small.
        UserError: a file cannot be read, the disk is full, or the loss is not a number any more.
        ImageError: a picture cannot be read or written.
        KeyboardInterrupt: Ctrl-C; the last iteration is saved.
    """
    return _run(settings, None, observers)


def resume(folder: str | os.PathLike, observers: Sequence[Observer] = ()) -> SynthesisReport:
    """Go on with the run in `folder` from its last saved state; see `synthesize`.

    Raises:
        UserError: this is not the folder of a run, or its sources have changed.
    """
    run_folder = RunFolder(Path(folder))
    return _run(run_folder.read_settings(), run_folder, observers)


def _run(settings: SynthesisSettings, folder: RunFolder | None, observers: Sequence[Observer]) -> SynthesisReport:
    inputs = read_inputs(settings)
    if settings.output is not None and not Path(settings.output).absolute().parent.is_dir():
        raise ArgumentError(f"--output {settings.output}: its folder does not exist")
    with quiet_startup():
        from pipelines.synthesis.objective import Objectives
        from pipelines.synthesis.plan import plan_scales
        from pipelines.synthesis.result import write_plot, write_results
        from pipelines.synthesis.run import SynthesisRun
    scales = plan_scales(settings, [source.shape[:2] for source in inputs.sources])
    objectives = Objectives(settings, inputs)
    state = None if folder is None else folder.read_state()
    if folder is None:
        folder = RunFolder(new_folder(settings))
        folder.write_command(settings, inputs.files, str(objectives.loss(scales[-1])))
    run = SynthesisRun(settings, inputs, scales, objectives, folder, state, observers)
    try:
        frames = run.run()
    finally:
        write_plot(folder)
    pictures = write_results(settings, folder, frames)
    loss, terms = run.final_loss(frames)
    return SynthesisReport(
        folder=folder.path,
        pictures=pictures,
        message=run.message,
        iterations=run.state.iterations,
        evaluations=run.state.evaluations,
        seconds=run.state.seconds,
        loss=loss,
        terms=terms,
        stopped=run.stopped,
    )
