"""Training on several devices: Keras' distribution API under JAX, tf.distribute under TensorFlow."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras

from errors import ArgumentError, UserError, one_line
from pipelines.startup import quiet_startup
from pipelines.training.data import TrainingBatches
from pipelines.training.stages import Stage

# The variable that tells TensorFlow's workers of each other.
CLUSTER_VARIABLE = "TF_CONFIG"
# The variables that keras.distribution.initialize() reads on each of several machines.
PROCESSES_VARIABLE = "KERAS_DISTRIBUTION_NUM_PROCESSES"
PROCESS_VARIABLE = "KERAS_DISTRIBUTION_PROCESS_ID"
# How TensorFlow and JAX tell that another process is not there any more: neither has an exception of its own for it.
LOST_PROCESS = re.compile(r"Collective ops is aborted|Gloo|NCCL|heartbeat|connection (reset|refused|closed)", re.I)


def is_first_process() -> bool:
    """Return whether this process is the only one of its run, or the one that writes the files.

    Raises:
        ArgumentError: TF_CONFIG has a form that is not allowed.
    """
    if keras.backend.backend() == "tensorflow" and CLUSTER_VARIABLE in os.environ:
        return _worker_of(os.environ[CLUSTER_VARIABLE])[0] == 0
    return int(os.environ.get(PROCESS_VARIABLE, "0")) == 0


@dataclass(frozen=True)
class Devices:
    """What the batch is divided among.

    Attributes:
        process: number of this process; the first one writes the files.
        processes: number of processes, each of which reads its share of every batch.
        replicas: number of devices for which this backend runs the model separately and adds up the gradients
            (TensorFlow); 1 where the batch stays one array that lies on several devices (JAX).
        count: number of all devices.
        distribution: Keras' distribution or TensorFlow's strategy; None: one device.
    """

    process: int = 0
    processes: int = 1
    replicas: int = 1
    count: int = 1
    distribution: Any = None

    def scope(self) -> AbstractContextManager:
        """Return the context in which the model is made."""
        return nullcontext() if self.distribution is None else self.distribution.scope()

    def fit_scope(self) -> AbstractContextManager:
        """Return the context in which the model is trained.

        A model keeps TensorFlow's strategy since it was made. In the strategy's context a process that writes a file
        alone would wait for the others: Keras makes variables then.
        """
        return self.scope() if self.replicas == 1 else nullcontext()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Leave JAX's distribution for a while.

        Inside it every variable is compared among the processes, also those that Keras makes while it saves a file:
        a process that writes alone would wait for the others for ever.
        """
        if self.processes == 1 or self.replicas > 1:
            yield
            return
        keras.distribution.set_distribution(None)
        try:
            yield
        finally:
            keras.distribution.set_distribution(self.distribution)

    @contextmanager
    def losses_told(self) -> Iterator[None]:
        """Raise UserError where the run cannot go on because another of its processes was lost."""
        try:
            yield
        except Exception as error:
            if self.processes == 1 or not LOST_PROCESS.search(str(error)):
                raise
            raise UserError(
                "another process of this run was lost; start all of them again to resume it from the last checkpoint "
                f"({one_line(error)})"
            ) from error

    def check_batch_size(self, stage: Stage) -> None:
        """Raise ArgumentError unless a batch can be divided evenly."""
        if stage.batch_size % self.count:
            raise ArgumentError(
                f"`batch_size` {stage.batch_size} at `image_size` {stage.size}: cannot be divided among {self.count} "
                "devices"
            )

    def feed(self, batches: TrainingBatches) -> Any:
        """Return `batches`, of which this process has its share, as what `fit` takes."""
        if self.replicas == 1:
            return batches
        return _distributed_dataset(batches, self.distribution, self.replicas // self.processes)

    def prepare(self, model: keras.Model) -> None:
        """Give `model` the step that Keras' `fit` takes, where its own cannot run on several workers."""
        if self.processes > 1 and self.replicas > 1:
            model.train_function = _workers_step(model, self.distribution)


def find_devices() -> Devices:
    """Return all devices that this process may use, with those of the other processes (JAX).

    Several machines: on each the same command, with JAX's backend and the variables KERAS_DISTRIBUTION_JOB_ADDRESSES,
    _NUM_PROCESSES and _PROCESS_ID of keras.distribution.initialize(), or with TensorFlow's backend and TF_CONFIG as
    tf.distribute.MultiWorkerMirroredStrategy reads it. PyTorch's backend uses one device.

    Raises:
        ArgumentError: several processes are asked for on a backend that cannot.
    """
    backend = keras.backend.backend()
    for variable, needed in ((PROCESSES_VARIABLE, "jax"), (CLUSTER_VARIABLE, "tensorflow")):
        if variable in os.environ and backend != needed:
            raise ArgumentError(f"{variable}: needs KERAS_BACKEND={needed}, not {backend}")
    if backend == "jax":
        return _jax_devices()
    if backend == "tensorflow":
        return _tensorflow_workers() if CLUSTER_VARIABLE in os.environ else _tensorflow_devices()
    return Devices()


def _jax_devices() -> Devices:
    if PROCESSES_VARIABLE in os.environ:
        with quiet_startup():  # imports TensorFlow where that is installed, which `initialize` would do loudly
            keras.utils.set_random_seed(0)
        keras.distribution.initialize()
    import jax

    names = keras.distribution.list_devices()
    if len(names) == 1:
        return Devices()
    distribution = keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)
    return Devices(jax.process_index(), jax.process_count(), count=len(names), distribution=distribution)


def _tensorflow_devices() -> Devices:
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return Devices()
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    return Devices(replicas=len(devices), count=len(devices), distribution=strategy)


def _tensorflow_workers() -> Devices:
    import tensorflow as tf

    process, processes = _worker_of(os.environ[CLUSTER_VARIABLE])
    if processes == 1:
        return _tensorflow_devices()
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    replicas = strategy.num_replicas_in_sync
    return Devices(process, processes, replicas=replicas, count=replicas, distribution=strategy)


def _worker_of(cluster: str) -> tuple[int, int]:
    """Return the number of this process and that of all processes that TF_CONFIG tells.

    Raises:
        ArgumentError: it has another form.
    """
    try:
        description = json.loads(cluster)
        workers, task = description["cluster"]["worker"], description["task"]
        if task["type"] == "worker" and 0 <= task["index"] < len(workers):
            return task["index"], len(workers)
    except (ValueError, KeyError, TypeError):
        pass
    form = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
    raise ArgumentError(f"{CLUSTER_VARIABLE} must have the form {form}")


def _workers_step(model: keras.Model, strategy: Any) -> Any:
    """Return a step of all workers; Keras' own takes the mean of its losses along an axis that numbers have not."""
    import tensorflow as tf

    @tf.function(autograph=False)
    def step(iterator: Any) -> dict[str, tf.Tensor]:
        losses = strategy.run(model.train_step, args=(next(iterator),))
        return {name: strategy.reduce("MEAN", values, axis=None) for name, values in losses.items()}

    return step


def _distributed_dataset(batches: TrainingBatches, strategy: Any, replicas: int) -> Any:
    """Return a tf.data pipeline whose elements are what one replica takes of a batch.

    Args:
        batches: this process' share of each.
        strategy: TensorFlow's.
        replicas: devices of this process.
    """
    import tensorflow as tf

    shape = batches[0][0].shape

    def read(index: tf.Tensor) -> tf.Tensor:
        samples = tf.numpy_function(lambda i: batches[int(i)][0], [index], tf.float32, stateful=False)
        return tf.ensure_shape(samples, shape)

    def make(context: tf.distribute.InputContext) -> tf.data.Dataset:
        numbers = tf.data.Dataset.range(len(batches))
        read_batches = numbers.map(read, num_parallel_calls=batches.workers, deterministic=True)
        return read_batches.unbatch().batch(shape[0] // replicas, drop_remainder=True).prefetch(2 * replicas)

    return strategy.distribute_datasets_from_function(make)
