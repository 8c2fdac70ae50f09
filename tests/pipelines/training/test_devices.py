"""Several devices and several processes make the same weights as one with the same batches."""

import functools
import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT
from support.backends import quick_compilation
from support.training_cases import make_inputs

from errors import ArgumentError, UserError
from model.saving import load_model
from pipelines.startup import NOTE
from pipelines.training.devices import Devices, find_devices
from pipelines.training.stages import Stage

SCRIPT = """
import json
import sys
from pathlib import Path
from pipelines.startup import quiet_startup
with quiet_startup():
    from support.training_cases import small_settings
    import keras
from pipelines.training.train import train_generator
if sys.argv[3] == "two CPUs":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
train_generator(
    small_settings(Path(sys.argv[1]), Path(sys.argv[2]), batch_size=4, tv_weight=0.1,
                   consistency_weight=0.5, precision="float32", **json.loads(sys.argv[4]))
)
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def start(inputs, output, backend, devices="", num_iterations=3, save_every=250, **variables):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = os.environ | {
        "PYTHONPATH": path,
        "KERAS_BACKEND": backend,
        **quick_compilation(inputs.parent / "compiled"),
        **variables,
    }
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # jax sets it, if a test has imported it, and shows the notes
    run = json.dumps({"num_iterations": num_iterations, "save_every": save_every})
    command = [sys.executable, "-c", SCRIPT, str(inputs), str(output), devices, run]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(*processes):
    for process in processes:
        try:
            _, errors = process.communicate(timeout=300)
        finally:
            process.kill()
        assert process.returncode == 0, errors[-3000:]
        assert not any(map(NOTE.match, errors.encode().splitlines())), errors[:3000]


def assert_same_results(one, other):
    expected, found = (load_model(folder / "generator.keras").get_weights() for folder in (one, other))
    moved = 0.0
    for a, b in zip(expected, found, strict=True):
        # Adam's first steps have the learning rate's size whatever the gradient's: rounding shows at tiny gradients.
        np.testing.assert_allclose(b, a, atol=5e-5)
        moved = max(moved, np.abs(a).max())
    assert moved > 0.1
    assert (one / "history.csv").read_text().split("\n")[0] == (other / "history.csv").read_text().split("\n")[0]
    losses = [np.genfromtxt(folder / "history.csv", delimiter=",", skip_header=1) for folder in (one, other)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def free_ports(count):
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return [f"127.0.0.1:{port}" for port in ports]


def jax_workers():
    """Keras' distribution API: the variables of each of two processes."""
    variables = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": free_ports(1)[0], "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    return [{**variables, "KERAS_DISTRIBUTION_PROCESS_ID": str(i)} for i in range(2)]


def tensorflow_workers():
    """tf.distribute's MultiWorkerMirroredStrategy: the variable of each of two processes."""
    workers = {"worker": free_ports(2)}
    return [{"TF_CONFIG": json.dumps({"cluster": workers, "task": {"type": "worker", "index": i}})} for i in range(2)]


@pytest.fixture(scope="module")
def alone(inputs, tmp_path_factory):
    """The run of one process on one device of each backend, which is there when it is first asked for."""

    @functools.cache
    def run(backend):
        output = tmp_path_factory.mktemp(backend)
        finish(start(inputs, output, backend))
        return output

    return run


@pytest.mark.parametrize(("backend", "make"), [("jax", jax_workers), ("tensorflow", tensorflow_workers)])
def test_two_worker_processes_equal_one(inputs, alone, tmp_path, backend, make):
    """Each worker reads its half of every batch."""
    finish(*[start(inputs, tmp_path, backend, **variables) for variables in make()])
    assert_same_results(alone(backend), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "make"), [("jax", jax_workers), ("tensorflow", tensorflow_workers)])
@pytest.mark.parametrize("killed", [[0], [1], [0, 1]])
def test_killed_processes_resume(inputs, tmp_path, backend, make, killed):
    """Started again after one or both were killed, they end as if nothing had happened."""
    run = {"num_iterations": 9, "save_every": 3}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(*[start(inputs, whole, backend, **run, **variables) for variables in make()])
    processes = [start(inputs, broken, backend, **run, **variables) for variables in make()]
    deadline = time.monotonic() + 300
    while not any(broken.glob("checkpoint-*3.weights.h5")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for number in killed:
        processes[number].kill()
    for process in processes:
        process.communicate(timeout=300)
        assert process.returncode != 0
    finish(*[start(inputs, broken, backend, **run, **variables) for variables in make()])
    for a, b in zip(*(load_model(folder / "generator.keras").get_weights() for folder in (whole, broken)), strict=True):
        np.testing.assert_array_equal(b, a)
    assert (broken / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()


def test_two_devices_of_one_process_equal_one(inputs, alone, tmp_path):
    """tf.distribute's MirroredStrategy under TensorFlow, on two virtual devices."""
    finish(start(inputs, tmp_path, "tensorflow", "two CPUs"))
    assert_same_results(alone("tensorflow"), tmp_path)


def test_batch_must_be_divisible():
    with pytest.raises(ArgumentError, match="`batch_size` 3 at `image_size` 384: cannot be divided among 2 devices"):
        Devices(count=2).check_batch_size(Stage(384, 3, 0, 1))


@pytest.mark.parametrize(
    "told",
    [
        'Graph execution error:\n\nDetected at node X defined at (most recent call last):\n  File "a.py", line 1\n'
        "Collective ops is aborted by: recvmsg:Connection reset by peer\n\t [[{{node X}}]] [Op:__inference_step_1]",
        "UNKNOWN: Gloo all-to-all failed: [pair.cc:538] Read error [127.0.0.1]:33194: Connection reset by peer",
    ],
)
def test_a_lost_process_is_told_in_one_line(told):
    lost = pytest.raises(UserError, match=r"another process of this run was lost.*Connection reset by peer")
    with lost as raised, Devices(processes=2, count=2).losses_told():
        raise RuntimeError(told)
    assert "\n" not in str(raised.value)


def test_other_errors_are_not_taken_for_a_lost_process():
    for devices, told in ((Devices(processes=2, count=2), "a fault"), (Devices(), "Connection reset by peer")):
        with pytest.raises(RuntimeError, match=told), devices.losses_told():
            raise RuntimeError(told)


@pytest.mark.parametrize(
    ("backend", "variable", "value", "message"),
    [
        ("tensorflow", "TF_CONFIG", "{}", "TF_CONFIG must have the form"),
        ("tensorflow", "TF_CONFIG", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "form"),
        ("jax", "TF_CONFIG", "{}", "TF_CONFIG: needs KERAS_BACKEND=tensorflow, not jax"),
        ("torch", "TF_CONFIG", "{}", "TF_CONFIG: needs KERAS_BACKEND=tensorflow, not torch"),
        ("tensorflow", "KERAS_DISTRIBUTION_NUM_PROCESSES", "2", "needs KERAS_BACKEND=jax, not tensorflow"),
    ],
)
def test_variables_of_other_backends_and_forms(monkeypatch, backend, variable, value, message):
    monkeypatch.setattr("keras.backend.backend", lambda: backend)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ArgumentError, match=message):
        find_devices()
