"""Synthesising textures by optimisation: from pictures in memory, or from files into a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from errors import ArgumentError
from images.writing import check_size
from options import refuse
from pipelines.outputs import check_file_output, check_folder_output, check_not_read
from pipelines.startup import quiet_startup
from pipelines.synthesis.folder.command import check_unchanged, read_settings
from pipelines.synthesis.folder.files import RunFolder, open_folder
from pipelines.synthesis.inputs import SynthesisInputs, make_inputs, read_inputs, with_files
from pipelines.synthesis.settings import SEED_BESIDE_INIT, SynthesisSettings
from pipelines.synthesis.texture import Texture
from runs.resuming import Note, tell_resumed

if TYPE_CHECKING:
    from pipelines.synthesis.plan import SynthesisPlan
    from pipelines.synthesis.run import SynthesisRun
    from pipelines.synthesis.targets import Objectives
    from runs.progress import Observer


@dataclass(frozen=True, eq=False)
class SynthesisReport(Texture):
    """What a synthesis made, and where it is.

    Attributes:
        folder: where the run keeps its files.
        pictures: the final pictures.
        output: where the first of them is too, if that was asked for.
    """

    folder: Path
    pictures: list[Path]
    output: str | os.PathLike | None


def synthesize_pictures(
    sources: Sequence[np.ndarray],
    *,
    init: np.ndarray | None = None,
    guide: Sequence[np.ndarray] | None = None,
    morph: bool = False,
    mask: np.ndarray | None = None,
    observers: Sequence[Observer] = (),
    note: Note = lambda line: None,
    **options: Any,
) -> Texture:
    """Make pictures of the texture of pictures in memory; nothing is written.

    Args:
        sources: pictures of the texture, float32 (height, width, 3) in [0, 1], RGB.
        init: picture to start from, of any size, or None: noise.
        guide: label pictures (of the source, of the output), float32 (height, width, 3) in [0, 1]: regions of equal
            colour correspond; or None.
        morph: whether the picture, or the frames where there are several, change from the first of two sources to the
            second.
        mask: picture of where they do, float32 (height, width, 3) in [0, 1], black the first, or None.
        observers: told after every iteration; each may raise StopIteration to end the run with its result.
        note: told what the user should know before the run begins.
        options: further ones of `SynthesisSettings`, but for those that name files of pictures.

    Raises:
        ArgumentError: an option has a value that is not allowed, or pictures are too small.
        UserError: there are no weights, or the loss is not a number any more.
    """
    settings = SynthesisSettings(**options)
    if init is not None:
        refuse(settings, *SEED_BESIDE_INIT)
    inputs = make_inputs(
        sources,
        init=init,
        guide=guide,
        is_morph=morph,
        mask=mask,
        source_scale=settings.source_scale,
        source_width=settings.source_width,
    )
    plan = _plan(settings, inputs)
    run = _start(plan, inputs, observers, _objectives(plan, inputs, note))
    return Texture(**_result(run, run.run()))


def synthesize(
    settings: SynthesisSettings,
    observers: Sequence[Observer] = (),
    *,
    restart: bool = False,
    note: Note = lambda line: None,
) -> SynthesisReport:
    """Make pictures of the sources' texture and leave them in a new folder in `settings.output_dir`.

    The folder gets the final pictures (`final_F0000.png` ...), one every `save_every` iterations (`I0010_F0000.png`
    ...), `progress.jsonl`, `command.json`, `loss.png`, for several frames `animation.gif` and `animation.mp4`, and the
    state from which an interrupted run goes on: where the latest folder of this name holds one with the same options
    and pictures, this run does.

    Args:
        settings: what is asked for.
        observers: told after every iteration; each may raise StopIteration to end the run with its result.
        restart: begin anew in another folder, whatever was interrupted.
        note: told what the user should know before the run begins.

    Raises:
        ArgumentError: an option has a value that is not allowed, pictures are too small, or an interrupted run has
            other options.
        UserError: a file cannot be read, the disk is full, or the loss is not a number any more.
        ImageError: a picture cannot be read or written.
        KeyboardInterrupt: Ctrl-C; the last iteration is saved.
    """
    settings = with_files(settings)
    inputs = read_inputs(settings)
    _check_output(settings, inputs)
    plan = _plan(settings, inputs)
    objectives = _objectives(plan, inputs, note)
    with open_folder(
        settings,
        plan,
        inputs.files | plan.objective.descriptor.files(),
        describe=lambda: str(objectives.loss(plan.scales[-1])),
        restart=restart,
    ) as folder:
        return _run_in(folder, _start(plan, inputs, observers, objectives, folder), note)


def resume(
    folder: str | os.PathLike,
    observers: Sequence[Observer] = (),
    *,
    output: str | os.PathLike | None = None,
    note: Note = lambda line: None,
) -> SynthesisReport:
    """Go on with the run in `folder` from its last saved state; see `synthesize`.

    Args:
        folder: where the run keeps its files.
        observers: as for `synthesize`.
        output: file for the first final picture. A run that was to write one outside its folder does so only if it
            is named here: the folder may be somebody else's.
        note: as for `synthesize`.

    Raises:
        ArgumentError: the run has an output outside of its folder, which is not confirmed.
        UserError: this is not the folder of a run, its files have changed, or another run is using this folder.
    """
    settings = read_settings(Path(folder))
    if output is None and settings.output is not None and not _is_inside(settings.output, Path(folder)):
        raise ArgumentError(
            f"`resume` {folder}: its `output`, {settings.output}, is outside that folder: give it again to confirm"
        )
    settings = replace(settings, output=settings.output if output is None else output)
    inputs = read_inputs(settings)
    _check_output(settings, inputs)
    plan = _plan(settings, inputs)
    check_unchanged(Path(folder), inputs.files | plan.objective.descriptor.files())
    with RunFolder(Path(folder), settings.save_every, settings.output).held() as run_folder:
        objectives = _objectives(plan, inputs, note)
        run = _start(plan, inputs, observers, objectives, run_folder)
        if not run.state.iterations:
            note(f"{folder}: there is no saved state, so the run starts at its beginning")
        return _run_in(run_folder, run, note)


def _check_output(settings: SynthesisSettings, inputs: SynthesisInputs) -> None:
    """Check that `output` and `output_dir` can be written.

    Raises:
        ArgumentError: they cannot, or an input would be overwritten.
        ImageError: the format of `output` cannot hold a picture of this size.
    """
    if settings.output is not None:
        check_file_output(settings.output)
        check_size(Path(settings.output), *settings.size)
        check_not_read(settings.output, [*inputs.files.values(), settings.weights])
    check_folder_output(settings.output_dir, name="output_dir")


def _is_inside(path: str | os.PathLike, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _plan(settings: SynthesisSettings, inputs: SynthesisInputs) -> SynthesisPlan:
    with quiet_startup(settings.precision):
        from losses.pictures.regularity import regularity
        from pipelines.synthesis.places.morph import Morph
        from pipelines.synthesis.plan import plan_synthesis
    is_told = settings.statistics != "auto"
    repeated = 0.0 if is_told else float(np.mean([regularity(source) for source in inputs.sources]))
    morph = None
    if inputs.is_morph:
        if inputs.mask is not None and settings.count > 1:
            raise ArgumentError("`mask` is for a single picture; several frames (`count`) change from frame to frame")
        morph = Morph(inputs.mask, settings.count, settings.loop)
    return plan_synthesis(
        settings,
        inputs.source_sizes,
        has_start=inputs.init is not None,
        has_regions=bool(inputs.output_masks),
        morph=morph,
        regularity=repeated,
    )


def _objectives(plan: SynthesisPlan, inputs: SynthesisInputs, note: Note) -> Objectives:
    """Return the losses, and tell the plan's notes when nothing stands in their way, missing weights for one."""
    objectives = plan.objective.build(inputs)
    objectives.loss(plan.scales[-1])
    for text in plan.notes:
        note(text)
    return objectives


def _start(
    plan: SynthesisPlan,
    inputs: SynthesisInputs,
    observers: Sequence[Observer],
    objectives: Objectives,
    folder: RunFolder | None = None,
) -> SynthesisRun:
    """Return the run, at its beginning or where the folder's state has it."""
    from pipelines.synthesis.run import SynthesisRun

    return SynthesisRun(plan, inputs, objectives, recorder=folder, observers=observers)


def _run_in(folder: RunFolder, run: SynthesisRun, note: Note) -> SynthesisReport:
    """Run to the end and leave everything in the folder."""
    tell_resumed(note, run.state.iterations, folder.path)
    result = _result(run, run.run())
    run.complete()  # only now: where the loss of the picture is interrupted the same command tells it
    return SynthesisReport(**result, folder=folder.path, pictures=folder.pictures, output=folder.output)


def _result(run: SynthesisRun, frames: np.ndarray) -> dict[str, Any]:
    """Return the fields of a Texture."""
    loss, terms = run.final_loss(frames)
    return {
        "frames": frames,
        "message": run.message,
        "iterations": run.state.iterations,
        "evaluations": run.state.evaluations,
        "seconds": run.state.seconds,
        "loss": loss,
        "terms": terms,
        "stopped": run.stopped,
    }
