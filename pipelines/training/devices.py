"""Training on several devices: Keras' distribution API under JAX, tf.distribute under TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras

from errors import ArgumentError
from pipelines.training.data import TrainingBatches

# The variables that keras.distribution.initialize() reads on each of several machines.
PROCESSES_VARIABLE = "KERAS_DISTRIBUTION_NUM_PROCESSES"
PROCESS_VARIABLE = "KERAS_DISTRIBUTION_PROCESS_ID"


def is_first_process() -> bool:
    """Return whether this process is the only one of its run, or the one that writes the files."""
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
        """Return the context in which the model is made and trained."""
        return nullcontext() if self.distribution is None else self.distribution.scope()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Leave JAX's distribution for a while.

        Inside it every variable is compared among the processes, also those that Keras makes while it saves a file:
        a process that writes alone would wait for the others for ever.
        """
        if self.processes == 1:
            yield
            return
        keras.distribution.set_distribution(None)
        try:
            yield
        finally:
            keras.distribution.set_distribution(self.distribution)

    def check_batch_size(self, batch_size: int) -> None:
        """Raise ArgumentError unless a batch can be divided evenly."""
        if batch_size % self.count:
            raise ArgumentError(f"`batch_size` {batch_size} cannot be divided among {self.count} devices")

    def feed(self, batches: TrainingBatches) -> Any:
        """Return `batches`, of which this process has its share, as what `fit` takes."""
        return batches if self.replicas == 1 else _distributed_dataset(batches, self.distribution, self.replicas)


def find_devices() -> Devices:
    """Return all devices that this process may use, with those of the other processes (JAX).

    Several machines: on each, JAX's backend and the variables KERAS_DISTRIBUTION_JOB_ADDRESSES, _NUM_PROCESSES and
    _PROCESS_ID of keras.distribution.initialize(). PyTorch's backend uses one device.

    Raises:
        ArgumentError: several processes are asked for on a backend that cannot.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        return _jax_devices()
    for variable in (PROCESSES_VARIABLE, "TF_CONFIG"):
        if variable in os.environ:
            raise ArgumentError(f"{variable}: training on several machines needs KERAS_BACKEND=jax, not {backend}")
    return _tensorflow_devices() if backend == "tensorflow" else Devices()


def _jax_devices() -> Devices:
    if PROCESSES_VARIABLE in os.environ:
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


def _distributed_dataset(batches: TrainingBatches, strategy: Any, replicas: int) -> Any:
    """Return a tf.data pipeline whose elements are what one replica takes of a batch."""
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
