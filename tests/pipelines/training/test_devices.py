"""Several devices and several processes make the same weights as one with the same batches."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from support.training_cases import make_inputs

from errors import ArgumentError
from model.saving import load_model
from pipelines.training.devices import Devices, find_devices

SCRIPT = """
import sys
from pathlib import Path
from support.training_cases import small_settings
from pipelines.training.train import train_generator
if sys.argv[3] == "two CPUs":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
train_generator(
    small_settings(Path(sys.argv[1]), Path(sys.argv[2]), batch_size=2, num_iterations=3, tv_weight=0.1)
)
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def start(inputs, output, backend, devices="", **variables):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = os.environ | {"PYTHONPATH": path, "KERAS_BACKEND": backend, **variables}
    command = [sys.executable, "-c", SCRIPT, str(inputs), str(output), devices]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(*processes):
    for process in processes:
        try:
            _, errors = process.communicate(timeout=300)
        finally:
            process.kill()
        assert process.returncode == 0, errors[-3000:]


def assert_same_results(one, other):
    expected, found = (load_model(folder / "generator.keras").get_weights() for folder in (one, other))
    moved = 0.0
    for a, b in zip(expected, found, strict=True):
        # Adam's first steps have the learning rate's size whatever the gradient's: rounding shows at tiny gradients.
        np.testing.assert_allclose(b, a, atol=1e-5)
        moved = max(moved, np.abs(a).max())
    assert moved > 0.1
    assert (one / "history.csv").read_text().split("\n")[0] == (other / "history.csv").read_text().split("\n")[0]
    losses = [np.genfromtxt(folder / "history.csv", delimiter=",", skip_header=1) for folder in (one, other)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def test_two_worker_processes_equal_one(inputs, tmp_path):
    """Keras' distribution API under JAX; each worker reads its half of every batch."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    variables = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": address, "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    workers = [
        start(inputs, tmp_path / "two", "jax", KERAS_DISTRIBUTION_PROCESS_ID=str(i), **variables) for i in range(2)
    ]
    finish(*workers)
    finish(start(inputs, tmp_path / "one", "jax"))
    assert_same_results(tmp_path / "one", tmp_path / "two")


def test_two_devices_of_one_process_equal_one(inputs, tmp_path):
    """tf.distribute's MirroredStrategy under TensorFlow, on two virtual devices."""
    finish(start(inputs, tmp_path / "two", "tensorflow", "two CPUs"))
    finish(start(inputs, tmp_path / "one", "tensorflow"))
    assert_same_results(tmp_path / "one", tmp_path / "two")


def test_batch_must_be_divisible():
    with pytest.raises(ArgumentError, match="`batch_size` 3 cannot be divided among 2 devices"):
        Devices(count=2).check_batch_size(3)


def test_several_machines_need_jax(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(ArgumentError, match="TF_CONFIG: training on several machines needs KERAS_BACKEND=jax"):
        find_devices()
