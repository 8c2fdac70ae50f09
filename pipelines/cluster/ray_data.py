"""Distributing rows to workers with Ray Data."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from errors import UserError, one_line
from pipelines.cluster.session import Workers

Row = dict[str, Any]

# Blocks of rows that Ray Data hands out: many of them, so that the last workers do not wait for each other long, but
# each is kept account of.
MAX_BLOCKS = 10_000
# How often a row is given to another worker after the one that had it was lost: it may be the row that ends it.
MAX_LOSSES = 3


def results_of(rows: list[Row], worker: type, arguments: tuple[Any, ...], workers: Workers) -> Iterator[Row]:
    """Yield what a worker class makes of each row, in any order; rows of lost workers are given out again.

    Args:
        rows: each has a "number" of its own, and so has its result.
        worker: a class, made once in each process from `arguments`, whose objects take a row and return its result.
        arguments: with which the class is made.
        workers: how many, and what each of them takes.

    Yields:
        The results; {"number": ..., "lost": True} for a row over which 1 + MAX_LOSSES workers were lost.

    Raises:
        UserError: the cluster has gone.
    """
    left = {row["number"]: row for row in rows}
    with _quiet_ray_data():
        for _ in range(1 + MAX_LOSSES):
            for result in _results(list(left.values()), worker, arguments, workers):
                if left.pop(result["number"], None) is not None:
                    yield result
            if not left:
                return
    yield from ({"number": number, "lost": True} for number in left)


def _results(rows: list[Row], worker: type, arguments: tuple[Any, ...], workers: Workers) -> Iterator[Row]:
    import ray

    with warnings.catch_warnings():  # 2.60 says that 2.64 will spell `_never_restarted` otherwise
        warnings.simplefilter("ignore", DeprecationWarning)
        results = ray.data.from_items(rows, override_num_blocks=min(len(rows), MAX_BLOCKS)).map(
            cast("Callable[[Row], Row]", worker),  # the stubs know functions alone
            fn_constructor_args=arguments,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers.count, initial_size=workers.count),
            num_cpus=workers.cpus,
            num_gpus=workers.gpus or None,
            ray_remote_args_fn=_never_restarted,
        )
    try:
        yield from results.iter_rows()
    except ray.exceptions.RayError as error:
        raise UserError(f"the cluster failed: {one_line(error)}") from error


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
    # Ray ends workers that have nothing to do for a moment, and starts others when there is something again; here each
    # loads its model anew.
    context.autoscaling_config.actor_pool_util_downscaling_threshold = -1.0
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
