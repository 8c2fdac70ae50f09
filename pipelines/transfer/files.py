"""The files of a style transfer: the picture, the trace, and the state from which an interrupted run resumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from errors import ArgumentError, UserError
from images.formats import WRITABLE_FORMATS
from images.temporary_files import remove_stale
from images.writing import write_deep_tiff, write_image
from options import from_json, to_json
from pipelines.transfer.inputs import named_files
from pipelines.transfer.settings import INITS, TransferSettings, layer_weights
from runs.lock import check_replaceable, hold
from runs.machine import choose_precision
from runs.resuming import Found, Identity, check_resumable
from runs.store import DAMAGE, DamagedError, digest, read_state, write_json, write_state

if TYPE_CHECKING:
    from optimize.state import OptimizerState
    from pipelines.transfer.plan import TransferPlan
    from runs.state import RunState

TRACE = "trace.json"
# Options that do not change the result; the files that others name are compared by what is in them.
NOT_COMPARED = frozenset(
    ("content", "styles", "masks", "proof", "output", "weights", "data_dir", "devices", "save_every", "memory")
)
# The options that name the files, by how what they are begins.
FILES = {
    "content": "content", "style": "styles", "mask": "masks", "init": "init", "proof": "proof", "weights": "weights",
}  # fmt: skip


def files_beside(output: Path) -> tuple[Path, Path, Path]:
    """Return the files that a run writes beside its output: the state, the present picture and the trace."""
    partial = f"{output.stem}.partial{output.suffix}"
    return output.with_name(f"{output.name}.state.npz"), output.with_name(partial), output.with_name(TRACE)


class TransferFiles:
    """What belongs to one output.

    While a run lasts, its present picture stands beside the output, which is replaced at the end alone, or after
    Ctrl-C: a run that fails leaves it as it was.

    Args:
        settings: what is asked for.
        plan: what the run computes with.
    """

    def __init__(self, settings: TransferSettings, plan: TransferPlan) -> None:
        self.settings = settings
        self.plan = plan
        self.output = Path(settings.output)
        self.state, self.partial, self.trace = files_beside(self.output)
        self.digests: dict[str, str] = {}
        self.way_on = "the same command"
        self.is_resumed = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs with this output away, and remove what killed ones have left.

        Raises:
            UserError: another run is at work on this output, or there is no writing the files beside it.
        """
        check_replaceable((self.state, self.partial, self.trace))
        with hold(self.output.with_name(f".{self.output.name}.lock")):
            remove_stale(self.output.absolute().parent)
            yield

    def look_for_run(self, *, resume: bool, restart: bool) -> None:
        """Find out whether an interrupted run goes on, and what the files are that this one reads.

        Args:
            resume: whether there must be one.
            restart: whether to begin anew in any case.

        Raises:
            ArgumentError: there is none to resume, or it has other options.
            UserError: it cannot be read, or there are no weights.
        """
        found = None if restart else self._find()
        if found is None and resume:
            raise ArgumentError(f"`resume`: there is no saved state to resume from ({self.state})")
        files = named_files(self.settings) | self.plan.objective.descriptor.files()
        self.digests = {name: digest(path) for name, path in files.items()}
        if found is not None:
            check_resumable(Identity(_comparable(self.settings), self.digests), found, FILES)
        self.is_resumed = found is not None

    def _find(self) -> Found | None:
        """Return the interrupted run whose state is there, or None.

        Raises:
            DamagedError: it cannot be read.
        """
        try:
            _, about = read_state(self.state)
        except FileNotFoundError:
            return None
        try:
            kept = from_json(TransferSettings, about["settings"])
            identity = Identity(_comparable(kept), dict(about["digests"]))
            return Found(identity, str(self.state))
        except (*DAMAGE, UserError) as error:
            raise self._damaged(error) from error

    def restored(
        self, optimizer: type[OptimizerState], shapes: list[tuple[int, ...]]
    ) -> tuple[RunState, list[dict[str, Any]]] | None:
        """Return the state of the run that goes on, and the iterates up to it; None: it begins anew.

        Args:
            optimizer: class of the optimiser's state.
            shapes: (1, height, width, 3) of the picture at each scale.

        Raises:
            DamagedError: it cannot be read, or is not that of this run.
        """
        if not self.is_resumed:
            return None
        from runs.state import RunState, check_fits  # loads Keras

        arrays, about = read_state(self.state)
        iterates = about.get("iterates")
        try:
            if not isinstance(iterates, list) or not iterates or not all(map(_is_iterate, iterates)):
                raise ValueError("its iterates are not a list of losses")
            state = RunState.from_arrays(_of_this_version(arrays, self.plan.optimizer), optimizer)
            check_fits(state, shapes)
            if state.average is None or np.shape(state.average.total) != state.point.shape:
                raise ValueError("it has no average of its iterates")
            if not state.average.missing < 1:
                raise ValueError("its average has no weight")
        except DAMAGE as error:
            raise self._damaged(error) from error
        return state, iterates

    def _damaged(self, reason: object) -> DamagedError:
        """Return the error for a state that cannot be gone on from."""
        return DamagedError(f"{self.state} is damaged ({reason}); `restart` starts over")

    def is_time_to_save(self, iterations: int) -> bool:
        """Tell whether the run is to be kept after this iteration."""
        return iterations % self.settings.save_every == 0

    def save(self, state: RunState, picture: np.ndarray, iterates: list[dict[str, Any]]) -> None:
        """Keep the state, the present picture and the trace, each whole or not at all."""
        about = {"settings": to_json(self.settings), "digests": self.digests, "iterates": iterates}
        write_state(self.state, state.to_arrays(), about)
        self._write_picture(self.partial, picture)
        self._write_trace(iterates)

    def finish(self, picture: np.ndarray, *, is_complete: bool) -> None:
        """Write a picture (height, width, 3) in [0, 1] as the output; a complete run needs no state any more."""
        self._write_picture(self.output, picture)
        self.partial.unlink(missing_ok=True)
        if is_complete:
            self.state.unlink(missing_ok=True)

    def _write_picture(self, path: Path, picture: np.ndarray) -> None:
        """Write TIFF with 16 bits a channel, other formats with 8."""
        if WRITABLE_FORMATS[path.suffix.lower()] == "TIFF":
            write_deep_tiff(path, picture)
        else:
            write_image(path, picture)

    def _write_trace(self, iterates: list[dict[str, Any]]) -> None:
        """Write the arguments and every iterate."""
        write_json(self.trace, {"arguments": to_json(self.settings), "iterates": iterates})


def _comparable(settings: TransferSettings) -> dict[str, Any]:
    """Return the options that change the result, with what stands for those that are left to the program.

    Of files that one of the runs alone has, the other has no digest to differ from.
    """
    resolved = {
        "style_layers": layer_weights(settings, "style_layers"),
        "content_layers": layer_weights(settings, "content_layers"),
        "end_scale": str(settings.end_scale),
        "init": str(settings.init) if str(settings.init) in INITS else "a file",
        "precision": choose_precision(settings.precision)[0],
        "styles": len(settings.styles),
        "masks": len(settings.masks),
        "proof": settings.proof is not None,
    }
    options = {name: value for name, value in to_json(settings).items() if name not in NOT_COMPARED}
    return options | resolved


def _is_iterate(iterate: object) -> bool:
    return (
        isinstance(iterate, Mapping)
        and isinstance(iterate.get("loss"), float)
        and isinstance(iterate.get("terms"), Mapping)
    )


def _of_this_version(arrays: Mapping[str, np.ndarray], optimizer: str) -> dict[str, np.ndarray]:
    """Return the arrays of a state, also where an earlier version wrote it, which had no state of L-BFGS."""
    if "picture" not in arrays:
        return dict(arrays)
    renamed = {"picture": "optimizer_point", "average": "average_total", "missing": "average_missing"}
    if optimizer == "adam":
        renamed |= {name: f"optimizer_{name}" for name in ("first", "second", "steps")}
    counts = {name: arrays[name] for name in ("scale", "scale_iterations", "iterations", "seconds") if name in arrays}
    found = {new: arrays[old] for old, new in renamed.items() if old in arrays} | counts
    found["evaluations"] = arrays.get("iterations", np.asarray(0))
    if optimizer == "adam":
        done = arrays.get("scale_iterations", np.asarray(0))
        found |= {"optimizer_iterations": done, "optimizer_evaluations": done}
    return found
