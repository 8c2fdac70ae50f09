"""The worker on the machines of a cluster: loads one model once, and stylises one picture after the other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from errors import UserError
from images.errors import ImageError, ImageWarning
from images.temporary_files import remove_stale
from pipelines.cluster.storage import exists, fetch, is_bucket, put
from pipelines.startup import quiet_startup
from pipelines.stylization.plan import Job
from pipelines.stylization.settings import StylizationSettings
from runtimes.terminal import reason_of

if TYPE_CHECKING:
    from pipelines.stylization.files import Timing
    from pipelines.stylization.generator import Stylizer


@dataclass(frozen=True)
class Network:
    """A model as it is sent to workers, which need not have its file.

    Attributes:
        name: of it in messages.
        content: of its `.keras` file.
    """

    name: str
    content: bytes

    def load(self, *, precision: str, style: Mapping[str, float], threads: int) -> Stylizer:
        """Return the network with a blend of its styles, ready to run in so many threads.

        Raises:
            UserError: it cannot be loaded.
        """
        with quiet_startup(precision), TemporaryDirectory() as folder:
            _limit_threads(threads)
            from pipelines.stylization.styles import load_styles

            path = Path(folder) / "model.keras"
            path.write_bytes(self.content)
            try:
                return load_styles(path, precision=precision, style=style)
            except UserError as error:
                raise type(error)(str(error).replace(str(path), self.name)) from error


def _limit_threads(count: int) -> None:
    """Let the backend use `count` threads: else each worker would take the whole machine."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(1)


class PictureWorker:
    """Stylises the pictures of rows; Ray Data makes one in each worker process.

    Args:
        network: the model.
        settings: what is done to each picture.
        threads: number that the backend may use.
        overwrite: write outputs that exist anew; else they are those of a worker that was lost later.
    """

    def __init__(self, network: Network, settings: StylizationSettings, threads: int, overwrite: bool) -> None:
        self.settings = settings
        self.overwrite = overwrite
        self.model_error = ""
        self._tidied: set[Path] = set()
        try:
            self.generator = network.load(precision=settings.precision, style=settings.style, threads=threads)
        except UserError as error:  # every row tells it: an exception here would be Ray's, and start the worker anew
            self.model_error = str(error)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Stylise one picture.

        Args:
            row: the "number" and the addresses "source" and "target".

        Returns:
            The row with "error" (empty where all went well), "model_error", "warnings" (a line each), and the "seconds"
            of the network, the "file_seconds" beside it and the "megapixels".
        """
        done: dict[str, Any] = {**row, "error": "", "model_error": self.model_error, "warnings": ""}
        done |= {"seconds": 0.0, "file_seconds": 0.0, "megapixels": 0.0}
        if self.model_error:
            return done
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", ImageWarning)
            try:
                done |= self._stylized(row)
            except (UserError, ImageError, OSError, MemoryError) as error:
                message = " ".join(reason_of(error).split()) or type(error).__name__
                done["error"] = message if row["source"] in message else f"{row['source']}: {message}"
        return done | {"warnings": "\n".join(" ".join(str(warning.message).split()) for warning in caught)}

    def _stylized(self, row: dict[str, Any]) -> dict[str, float]:
        if not self.overwrite and exists(row["target"]):
            return {}
        self._tidy(row["target"])
        with local_job(row) as job:
            timing = self._timed(job, row)
        return {
            "seconds": timing.stylize_seconds,
            "file_seconds": timing.file_seconds,
            "megapixels": timing.megapixels,
        }

    def _tidy(self, target: str) -> None:
        """Remove what killed workers of this machine left in the folder of an output, once for each folder."""
        folder = Path(target).parent
        if not is_bucket(target) and folder not in self._tidied:
            self._tidied.add(folder)
            remove_stale(folder)

    def _timed(self, job: Job, row: dict[str, Any]) -> Timing:
        from pipelines.stylization.files import stylize_file

        try:
            return stylize_file(job, self.generator, self.settings)
        except (UserError, ImageError) as error:
            message = str(error).replace(str(job.source), row["source"]).replace(str(job.target), row["target"])
            raise UserError(message) from error


@contextmanager
def local_job(row: dict[str, Any]) -> Iterator[Job]:
    """Yield local files for a row's addresses: of objects in buckets there are copies inside."""
    with TemporaryDirectory() as folder:
        source, target = (Path(row[name]) for name in ("source", "target"))
        if is_bucket(row["source"]):
            source = Path(folder) / f"source{source.suffix}"
            fetch(row["source"], source)
        if is_bucket(row["target"]):
            target = Path(folder) / f"target{target.suffix}"
        yield Job(source, target)
        if is_bucket(row["target"]):
            put(target, row["target"])
