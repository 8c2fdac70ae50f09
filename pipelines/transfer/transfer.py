"""Style transfer by optimisation: arrays to arrays, or files to files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from errors import ArgumentError
from images.writing import check_size
from pipelines.outputs import check_file_output, check_not_read
from pipelines.startup import quiet_startup
from pipelines.transfer.files import TransferFiles, files_beside
from pipelines.transfer.inputs import TransferInputs, make_inputs, named_files, proofed, read_inputs
from pipelines.transfer.settings import TransferSettings
from runs.resuming import Note, tell_resumed

if TYPE_CHECKING:
    from pipelines.transfer.plan import TransferPlan
    from pipelines.transfer.run import TransferRun
    from runs.progress import Observer


@dataclass(frozen=True, eq=False)
class Transferred:
    """What a style transfer made.

    Attributes:
        picture: float32 (height, width, 3) in [0, 1].
        iterations: in all.
        seconds: in all.
        loss: at the last iterate.
        terms: of that loss, by name.
        stopped: whether an observer ended the run.
    """

    picture: np.ndarray
    iterations: int
    seconds: float
    loss: float
    terms: dict[str, float]
    stopped: bool

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.picture.shape[:2]


@dataclass(frozen=True, eq=False)
class TransferReport(Transferred):
    """What a style transfer made, and where it is.

    Attributes:
        output: the picture's file.
    """

    output: Path


def transfer_pictures(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    *,
    init: np.ndarray | str | None = None,
    masks: Sequence[tuple[np.ndarray, np.ndarray]] = (),
    observers: Sequence[Observer] = (),
    note: Note = lambda line: None,
    **options: Any,
) -> Transferred:
    """Repaint a picture in memory in the style of others; nothing is written.

    Args:
        content: float32 (height, width, 3) in [0, 1], RGB, as all pictures here.
        styles: one or more.
        init: first picture, of any size, or the name of one of INITS; None: the content.
        masks: for each style a pair of pictures (of the content, of the style), white where they belong together.
        observers: told after every iteration; each may raise StopIteration to end the run with its result.
        note: told what the user should know before the run begins.
        options: further ones of `TransferSettings`, but for those that name files of pictures.

    Raises:
        ArgumentError: an option has a value that is not allowed, or pictures are too small.
        ImageError: the profile of a soft proof cannot be read.
        UserError: there are no weights, or the loss is not a number any more.
    """
    if isinstance(init, str):
        options, init = {**options, "init": init}, None
    settings = TransferSettings(**options)
    inputs = make_inputs(
        proofed(content, settings), [proofed(style, settings) for style in styles], init=init, masks=masks
    )
    plan = _plan(settings, inputs)
    run = _start(plan, inputs, observers)
    _tell_notes(plan, note)
    return Transferred(**_result(run, run.run()))


def transfer(
    settings: TransferSettings,
    observers: Sequence[Observer] = (),
    *,
    resume: bool = False,
    restart: bool = False,
    note: Note = lambda line: None,
) -> TransferReport:
    """Repaint the content in the style of the styles and write the result, with `trace.json` beside it.

    Pixels are optimised from a small scale to the full one; the result is a running average of the iterates. While it
    lasts `OUTPUT.state.npz` keeps what is needed to go on: a run with the same options and pictures does. The output
    itself is written at the end, or at Ctrl-C.

    Args:
        settings: what is asked for.
        observers: told after every iteration; each may raise StopIteration to end the run with its result.
        resume: demand that there is an interrupted run to go on with.
        restart: begin anew, whatever was interrupted.
        note: told what the user should know before the run begins.

    Raises:
        ArgumentError: an option has a value that is not allowed, pictures are too small, or an interrupted run has
            other options.
        UserError: the loss is not a number any more, or there is nothing to resume.
        ImageError: a picture cannot be read or written, or the format of the output cannot hold one of its size.
        KeyboardInterrupt: Ctrl-C; the averaged picture is saved.
    """
    if resume and restart:
        raise ArgumentError("`resume` and `restart` exclude each other")
    check_file_output(settings.output)
    inputs = read_inputs(settings)
    read = [*named_files(settings).values(), settings.weights]
    for written in (settings.output, *files_beside(Path(settings.output))):
        check_not_read(written, read)
    plan = _plan(settings, inputs)
    check_size(Path(settings.output), *plan.scales[-1].size)
    files = TransferFiles(settings, plan)
    with files.held():
        files.look_for_run(resume=resume, restart=restart)
        run = _start(plan, inputs, observers, files)
        _tell_notes(plan, note)
        tell_resumed(note, run.state.iterations, files.state)
        return TransferReport(**_result(run, run.run()), output=files.output)


def _plan(settings: TransferSettings, inputs: TransferInputs) -> TransferPlan:
    with quiet_startup(settings.precision):
        from pipelines.transfer.plan import plan_transfer
    return plan_transfer(settings, inputs)


def _tell_notes(plan: TransferPlan, note: Note) -> None:
    for text in plan.notes:
        note(text)


def _start(
    plan: TransferPlan, inputs: TransferInputs, observers: Sequence[Observer], files: TransferFiles | None = None
) -> TransferRun:
    """Return the run, at its beginning or where its files have it."""
    from pipelines.transfer.run import TransferRun

    return TransferRun(plan, inputs, plan.objective.build(inputs), recorder=files, observers=observers)


def _result(run: TransferRun, picture: np.ndarray) -> dict[str, Any]:
    """Return the fields of what a transfer made."""
    loss, terms = run.last_loss()
    return {
        "picture": picture,
        "iterations": run.state.iterations,
        "seconds": run.state.seconds,
        "loss": loss,
        "terms": terms,
        "stopped": run.stopped,
    }
