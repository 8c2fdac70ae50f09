"""The files of a style transfer: the picture, the trace, and the state from which an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from errors import UserError
from images.deep_writing import write_deep_tiff
from images.formats import WRITABLE_FORMATS
from images.writing import whole_file, write_image
from optimize.averaging import RunningAverage
from pipelines.transfer.settings import TransferSettings

TRACE = "trace.json"


@dataclass(frozen=True, eq=False)
class State:
    """Where a run stands; pictures are arrays or tensors.

    Attributes:
        picture: the iterate, float32 (1, height, width, 3).
        average: of the iterates, not yet corrected, of the same shape.
        missing: what the average's weights lack to add up to 1.
        first: Adam's first moment, of the same shape.
        second: Adam's second moment.
        steps: of Adam.
        scale: number of the scale, 0 for the smallest.
        scale_iterations: done at this scale.
        iterations: done in all.
        seconds: spent so far.
    """

    picture: Any
    average: Any
    missing: float
    first: Any
    second: Any
    steps: int
    scale: int
    scale_iterations: int
    iterations: int
    seconds: float

    def numpy(self) -> State:
        """Return the state with arrays."""
        names = ("picture", "average", "first", "second")
        return replace(self, **{name: ops.convert_to_numpy(getattr(self, name)) for name in names})

    def result(self) -> np.ndarray:
        """Return the averaged picture, (height, width, 3) in [0, 1]."""
        average = RunningAverage(ops.convert_to_numpy(self.average)[0], self.missing)
        return np.clip(average.value(), 0, 1)


class TransferFiles:
    """Writes and reads what belongs to one output.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: TransferSettings) -> None:
        self.settings = settings
        self.output = Path(settings.output)
        self.state = self.output.with_name(f"{self.output.name}.state.npz")
        self.trace = self.output.with_name(TRACE)
        self.digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in settings.files.items()}

    def write_picture(self, pixels: np.ndarray) -> None:
        """Write (height, width, 3) in [0, 1] as the output: TIFF with 16 bits a channel, other formats with 8."""
        if WRITABLE_FORMATS[self.output.suffix.lower()] == "TIFF":
            write_deep_tiff(self.output, pixels)
        else:
            write_image(self.output, pixels)

    def write_state(self, state: State, iterates: list[dict[str, Any]]) -> None:
        """Keep the state, and the trace within it, whole or not at all."""
        about = {"settings": self.settings.to_json(), "digests": self.digests, "iterates": iterates}
        with whole_file(self.state) as file:
            np.savez(file, about=json.dumps(about), **vars(state.numpy()))

    def read_state(self) -> tuple[State, list[dict[str, Any]]]:
        """Return the state that was kept last and the iterates up to it.

        Raises:
            UserError: there is none, it is damaged, or it belongs to a run with other settings or pictures.
        """
        try:
            with np.load(self.state, allow_pickle=False) as arrays:
                values = {name: arrays[name] for name in arrays.files}
            about = json.loads(values.pop("about").item())
            state = State(**{name: value if value.ndim else value.item() for name, value in values.items()})
        except FileNotFoundError as error:
            raise UserError(f"--resume: there is no state to go on from ({self.state})") from error
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"--resume: {self.state} is damaged ({error})") from error
        if different := self.settings.differences(about["settings"]):
            raise UserError(f"--resume: the interrupted run had other values of {', '.join(different)}")
        for name, digest in self.digests.items():
            if about["digests"].get(name) != digest:
                raise UserError(f"--resume: the {name} ({self.settings.files[name]}) has changed since")
        return state, about["iterates"]

    def remove_state(self) -> None:
        """Remove the state of a finished run."""
        self.state.unlink(missing_ok=True)

    def write_trace(self, iterates: list[dict[str, Any]]) -> None:
        """Write the arguments and every iterate."""
        content = {"arguments": self.settings.to_json(), "iterates": iterates}
        with whole_file(self.trace) as file:
            file.write(json.dumps(content, indent=1, ensure_ascii=False).encode())
