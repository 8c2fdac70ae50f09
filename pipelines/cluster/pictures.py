"""Pictures of folders and buckets, stylised by the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from errors import UserError
from images.temporary_files import remove_stale
from pipelines.cluster.ray_data import MAX_LOSSES, Row, results_of
from pipelines.cluster.session import check_workers, connected, find_workers
from pipelines.model_library import find_model
from pipelines.stylization.settings import StylizationSettings
from runs.resuming import Note

LOST = f"{1 + MAX_LOSSES} workers were lost over it (too little memory for its size?)"

# Told after every picture: pictures done, and how many there are.
PictureObserver = Callable[[int, int], object]


@dataclass
class ClusterReport:
    """What a run did.

    Attributes:
        written: number of pictures that were stylised.
        skipped: number of pictures whose outputs existed.
        failed: address of what could not be read, stylised or written -> the reason.
        films: of the input folders and buckets, which were left out.
        workers: that the cluster had room for.
        network_seconds: the network's time over all pictures, of all workers together.
        file_seconds: that of reading, resizing and writing them.
        megapixels: their sizes as they went through the network.
        seconds: from the first picture given out to the last one done; the workers' start is part of it.
    """

    written: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    films: list[str] = field(default_factory=list)
    workers: int = 0
    network_seconds: float = 0.0
    file_seconds: float = 0.0
    megapixels: float = 0.0
    seconds: float = 0.0


def stylize_on_cluster(
    inputs: Sequence[str],
    output: str,
    settings: StylizationSettings,
    *,
    cluster: str,
    model: str = "starry_night",
    worker_cpus: int = 1,
    overwrite: bool = False,
    observe: PictureObserver = lambda done, count: None,
    note: Note = lambda line: None,
) -> ClusterReport:
    """Stylise the pictures of folders and buckets on many machines.

    What cannot be done is noted in the report and does not stop the others. Outputs are written whole or not at all, by
    the workers: local paths must lead to the same files on all machines. Another worker does what a lost one had.

    Args:
        inputs: folders, files, `s3://` and `gs://` addresses.
        output: a folder or an address; a file for one local picture.
        settings: what is done to each picture.
        cluster: "local", or a Ray cluster's address (see `pipelines.cluster.session.connected`).
        model: name of a model that ships, or path of a `.keras` file, which is sent to the workers.
        worker_cpus: processor threads of a worker.
        overwrite: write outputs anew that exist.
        observe: told after every picture.
        note: told what could not be used or kept.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or Ray is not installed.
        UserError: the cluster cannot be reached, or the model cannot be loaded.
    """
    check_workers(worker_cpus)
    from pipelines.cluster.plan import plan_pictures
    from pipelines.cluster.worker import Network, PictureWorker

    network = Network(model, find_model(model).read_bytes())
    plan = plan_pictures(inputs, output, overwrite=overwrite)
    report = ClusterReport(skipped=plan.existing, failed=plan.failed, films=plan.films)
    if not plan.rows:
        return report
    with _nothing_left_behind(plan.rows), connected(cluster):
        start = perf_counter()
        workers = find_workers(worker_cpus)
        report.workers = workers.count
        results = results_of(plan.rows, PictureWorker, (network, settings, worker_cpus, overwrite), workers)
        _follow(results, plan.rows, report, observe, note)
        report.seconds = perf_counter() - start
    return report


@contextmanager
def _nothing_left_behind(rows: Sequence[Row]) -> Iterator[None]:
    """Remove afterwards what workers of this machine that were lost, or ended by Ctrl-C, have left beside the outputs.

    What former runs left, on whichever machine, the workers remove.
    """
    from pipelines.cluster.storage import is_bucket

    try:
        yield
    finally:
        for folder in {Path(row["target"]).parent for row in rows if not is_bucket(row["target"])}:
            remove_stale(folder)


def _follow(
    results: Iterable[Row], rows: Sequence[Row], report: ClusterReport, observe: PictureObserver, note: Note
) -> None:
    """Add every result to the report as it comes."""
    for done, result in enumerate(results, start=1):
        _note(result | rows[result["number"]], report, note)
        observe(done, len(rows))


def _note(row: Row, report: ClusterReport, note: Note) -> None:
    if row.get("lost"):
        report.failed[row["source"]] = f"{row['source']}: {LOST}"
        return
    if row["model_error"]:
        raise UserError(row["model_error"])
    for line in row["warnings"].splitlines():
        note(f"warning: {line}")
    if row["error"]:
        report.failed[row["source"]] = row["error"]
        return
    report.written += 1
    report.network_seconds += row["seconds"]
    report.file_seconds += row["file_seconds"]
    report.megapixels += row["megapixels"]
