"""Pictures of folders and buckets, stylised by the machines of a Ray cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from errors import ArgumentError, UserError, one_line
from pipelines.cluster.session import Workers, check_installed, connected, find_workers
from pipelines.model_library import find_model
from pipelines.stylization.settings import StylizationSettings

if TYPE_CHECKING:
    from pipelines.cluster.plan import Row
    from pipelines.cluster.worker import Network

# Blocks of rows that Ray Data hands out: many of them, so that the last workers do not wait for each other long, but
# each is kept account of.
MAX_BLOCKS = 10_000
# How often a picture is given to another worker after the one that had it was lost: it may be the picture that ends it.
MAX_LOSSES = 3

# Told after every picture: pictures done, and how many there are.
PictureObserver = Callable[[int, int], object]


@dataclass
class ClusterReport:
    """What a run did.

    Attributes:
        written: number of pictures that were stylised.
        skipped: number of pictures whose outputs existed.
        failed: address of what could not be read, stylised or written -> the reason.
        workers: that the cluster had room for.
        network_seconds: the network's time over all pictures, of all workers together.
        file_seconds: that of reading, resizing and writing them.
        megapixels: their sizes as they went through the network.
        seconds: from the first picture given out to the last one done; the workers' start is part of it.
    """

    written: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
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
    note: Callable[[str], object] = lambda line: None,
) -> ClusterReport:
    """Stylise the pictures of folders and buckets on many machines.

    What cannot be read, stylised or written is noted in the report and does not stop the others. Outputs are written
    whole or not at all, by the workers: local paths must lead to the same files on all machines. Pictures of a worker
    that is lost are done by another.

    Args:
        inputs: folders, files, `s3://` and `gs://` addresses.
        output: a folder or an address; a file for one local picture.
        settings: what is done to each picture.
        cluster: "local", or a Ray cluster's address (see `pipelines.cluster.session.connected`).
        model: name of a model that ships with the program, or path of a `.keras` file, which is sent to the workers.
        worker_cpus: processor threads of a worker.
        overwrite: write outputs anew that exist.
        observe: told after every picture.
        note: told what of a picture could not be used or kept.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or Ray is not installed.
        UserError: the cluster cannot be reached, or the model cannot be loaded.
    """
    check_installed()
    from pipelines.cluster.plan import plan_pictures
    from pipelines.cluster.worker import Network

    if worker_cpus < 1:
        raise ArgumentError(f"`worker_cpus` must be at least 1, not {worker_cpus}")
    network = Network(model, find_model(model).read_bytes())
    plan = plan_pictures(inputs, output, overwrite=overwrite)
    report = ClusterReport(skipped=plan.existing, failed=plan.failed)
    if plan.rows:
        with connected(cluster), _quiet_ray_data():
            start = perf_counter()
            workers = find_workers(worker_cpus)
            report.workers = workers.count
            for row in _all_done(plan.rows, (network, settings, worker_cpus, overwrite), workers):
                _note(row, report, note)
                observe(report.written + len(report.failed) - len(plan.failed), len(plan.rows))
            report.seconds = perf_counter() - start
    return report


def _note(row: dict[str, Any], report: ClusterReport, note: Callable[[str], object]) -> None:
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


def _all_done(
    rows: list[Row], arguments: tuple[Network, StylizationSettings, int, bool], workers: Workers
) -> Iterator[dict[str, Any]]:
    """Yield what became of every row; those that were lost with their workers are given out again."""
    left = {row["source"]: row for row in rows}
    for _ in range(1 + MAX_LOSSES):
        for done in _done(list(left.values()), arguments, workers):
            if left.pop(done["source"], None) is not None:
                yield done
        if not left:
            return
    for row in left.values():
        reason = f"{row['source']}: {1 + MAX_LOSSES} workers were lost over it (too little memory for its size?)"
        yield {**row, "error": reason, "model_error": "", "warnings": ""}


def _done(
    rows: list[Row], arguments: tuple[Network, StylizationSettings, int, bool], workers: Workers
) -> Iterator[dict[str, Any]]:
    import ray

    from pipelines.cluster.worker import PictureWorker

    given = ray.data.from_items(rows, override_num_blocks=min(len(rows), MAX_BLOCKS))
    results = given.map(
        cast("Callable[[dict[str, Any]], dict[str, Any]]", PictureWorker),  # the stubs know functions alone
        fn_constructor_args=arguments,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers.count, initial_size=workers.count),
        num_cpus=workers.cpus,
        num_gpus=workers.gpus or None,
        ray_remote_args_fn=_never_restarted,
    )
    try:
        yield from results.iter_rows()
    except ray.exceptions.RayError as error:
        raise UserError(f"the cluster gave up: {one_line(error)}") from error


def _never_restarted() -> dict[str, Any]:
    """Return Ray's options of a worker: a lost one's rows come back as missing ones and are given to another.

    Ray's own way, to wait until the lost worker has started again, waits for ever where its machine is gone and the
    others are full.
    """
    return {"max_restarts": 0, "max_task_retries": 0}


@contextmanager
def _quiet_ray_data() -> Iterator[None]:
    """Keep Ray Data's own bars and lines away, and let it go on when a worker is lost."""
    import ray.data

    context = ray.data.DataContext.get_current()
    before = context.copy()
    context.max_errored_blocks = -1
    context.max_consecutive_actor_init_deaths = MAX_LOSSES
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
        ray.data.DataContext._set_current(before)
