"""Style transfer by optimisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from errors import UserError
from pipelines.startup import quiet_startup
from pipelines.transfer.inputs import check_sizes, plan_sizes, read_inputs
from pipelines.transfer.settings import TransferSettings

if TYPE_CHECKING:
    from pipelines.transfer.run import Observer


@dataclass(frozen=True)
class TransferReport:
    """What a run did.

    Attributes:
        output: the picture.
        size: (height, width) of it.
        iterations: in all.
        seconds: in all.
        loss: at the last iterate.
        terms: of that loss, by name.
        stopped: whether an observer ended the run.
    """

    output: Path
    size: tuple[int, int]
    iterations: int
    seconds: float
    loss: float
    terms: dict[str, float]
    stopped: bool


def transfer(
    settings: TransferSettings,
    observers: Sequence[Observer] = (),
    *,
    resume: bool = False,
    note: Callable[[str], object] | None = None,
) -> TransferReport:
    """Repaint the content in the style of the styles and write the result, with `trace.json` beside it.

    Pixels are optimised from a small scale to the full one; the result is a running average of the iterates. While it
    lasts `OUTPUT.state.npz` keeps what is needed to go on.

    Args:
        settings: what is asked for.
        observers: told after every iteration; each may raise StopIteration to end the run with its result.
        resume: go on with an interrupted run of the same settings.
        note: told at the start what memory the run will need.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or pictures are too small.
        UserError: the loss is not a number any more, or there is nothing to resume.
        ImageError: a picture cannot be read or written.
        KeyboardInterrupt: Ctrl-C; the averaged picture is saved.
    """
    for name, path in settings.files.items():
        if not path.is_file():
            raise UserError(f"{path}: no such file ({name})")
    inputs = read_inputs(settings)
    sizes = plan_sizes(settings, inputs.content)
    with quiet_startup():
        from pipelines.transfer.files import TransferFiles
        from pipelines.transfer.objective import Objectives, smallest_side
        from pipelines.transfer.resources import check_devices, memory_note
        from pipelines.transfer.run import TransferRun
        from pipelines.transfer.start import first_picture
    check_devices(settings.devices)
    check_sizes(settings, inputs, sizes, smallest_side(settings))
    files = TransferFiles(settings)
    start = files.read_state() if resume else first_picture(settings, inputs, sizes[0])
    if note is not None:
        note(memory_note(sizes))
    run = TransferRun(settings, inputs, sizes, Objectives(settings, inputs), files, start, observers)
    pixels = run.run()
    last = run.iterates[-1]
    return TransferReport(
        output=files.output,
        size=pixels.shape[:2],
        iterations=run.state.iterations,
        seconds=run.state.seconds,
        loss=last["loss"],
        terms=last["terms"],
        stopped=run.stopped,
    )
