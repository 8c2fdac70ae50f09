"""Pictures on real Ray clusters: one on this machine, and two nodes of which one is killed in the middle."""

import importlib.util
import socket
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from support.left_behind import leave_temporary
from support.small_models import inverting_model

from errors import ArgumentError, UserError
from pipelines.cluster import ray_data
from pipelines.cluster.pictures import ClusterReport, _nothing_left_behind, stylize_on_cluster
from pipelines.cluster.session import Workers
from pipelines.stylization.settings import StylizationSettings
from stylize_tensorflow import print_cluster_report

LOOK = StylizationSettings()
# A machine that has much to do must not count as lost, and one that is gone must be noticed soon.
HEALTH = {"health_check_period_ms": 1000, "health_check_timeout_ms": 60_000, "health_check_failure_threshold": 3}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "invert.keras"
    inverting_model().save(path)
    return str(path)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for i in range(12):
        Image.new("RGB", (40, 50), (i, i, i)).save(folder / ("sub" if i % 2 else ".") / f"{i}.png")
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def _light_workers(monkeypatch):
    """Workers import JAX in place of TensorFlow, which takes far longer."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")


def assert_inverted(output):
    written = sorted(path for path in output.rglob("*") if path.is_file())
    assert len(written) == 12
    for path in written:
        assert np.asarray(Image.open(path)).mean() == 255 - int(path.stem)


@pytest.mark.usefixtures("_light_workers")
def test_one_machine(tmp_path, pictures, model):
    output = tmp_path / "out"
    arguments = ["--input", str(pictures), "--output", str(output), "--cluster", "local", "--model", model]
    command = [sys.executable, str(ROOT / "stylize_tensorflow.py"), *arguments]
    first = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert first.returncode == 1
    assert "stylised 12 pictures" in first.stdout
    lines = first.stderr.strip().splitlines()
    assert [line for line in lines if "error" in line] == lines[-1:]
    assert lines[-1].startswith(f"stylize_tensorflow.py: error: {pictures / 'bad.png'}: broken")
    assert_inverted(output)
    (pictures / "bad.png").unlink()
    again = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (again.returncode, again.stdout.count("\n")) == (0, 1)
    assert again.stdout.startswith("skipped 12 ")


@pytest.mark.slow
@pytest.mark.usefixtures("_light_workers")
def test_pictures_of_a_lost_machine_are_done_by_another(tmp_path, pictures, model):
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": HEALTH}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    machines = [cluster.add_node(num_cpus=1) for _ in range(2)]

    def observe(done, count):
        if done == 2 and len(machines) == 2:
            cluster.remove_node(machines.pop(), allow_graceful=False)

    try:
        report = stylize_on_cluster(
            [str(pictures)], str(tmp_path / "out"), LOOK, cluster=cluster.address, model=model, observe=observe
        )
    finally:
        cluster.shutdown()
    assert len(machines) == 1
    assert (report.written, list(report.failed)) == (12, [str(pictures / "bad.png")])
    assert_inverted(tmp_path / "out")


def test_ray_ends_no_worker_that_waits_for_a_moment(monkeypatch):
    """What it takes for the share of busy workers at which one is ended: none is below it."""
    from ray.data import DataContext

    shares = []

    def results(*arguments):
        shares.append(DataContext.get_current().autoscaling_config.actor_pool_util_downscaling_threshold)
        yield {"number": 0}

    monkeypatch.setattr(ray_data, "_results", results)
    before = DataContext.get_current().autoscaling_config.actor_pool_util_downscaling_threshold
    assert list(ray_data.results_of([{"number": 0}], object, (), Workers(2, 1, 0))) == [{"number": 0}]
    assert shares[0] < 0
    assert DataContext.get_current().autoscaling_config.actor_pool_util_downscaling_threshold == before


def test_nothing_of_workers_that_ctrl_c_ended_is_left_beside_the_outputs(tmp_path):
    left = leave_temporary(tmp_path / "a.png", ".png")
    rows = [{"target": str(tmp_path / "a.png")}, {"target": "s3://b/a.png"}]
    with pytest.raises(KeyboardInterrupt), _nothing_left_behind(rows):
        raise KeyboardInterrupt
    assert not left.exists()


def test_films_that_were_left_out_are_told(capsys):
    local, bucket = (ClusterReport(written=1, workers=1, films=[film]) for film in ("in/a.mp4", "s3://b/a.mp4"))
    assert (print_cluster_report(local), print_cluster_report(bucket)) == (0, 0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1::2] == [
        "left out 1 film, to be given by name: in/a.mp4",
        "left out 1 film, films cannot be in buckets: s3://b/a.mp4",
    ]
    assert "with room for 1 worker: " in lines[0]


def test_without_ray_there_is_one_line(monkeypatch, pictures, tmp_path, model):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else find(name, *rest))
    with pytest.raises(ArgumentError, match=r"`cluster` needs Ray.*requirements-cluster.txt"):
        stylize_on_cluster([str(pictures)], str(tmp_path / "out"), LOOK, cluster="local", model=model)


@pytest.mark.parametrize("address", ["nowhere", "", "127.0.0.1", "127.0.0.1:", ":6379", "127.0.0.1:0", "a:99999"])
def test_what_is_no_address(pictures, tmp_path, model, address):
    with pytest.raises(ArgumentError, match=f"`cluster` {address}: must be local, auto or HOST:PORT"):
        stylize_on_cluster([str(pictures)], str(tmp_path / "out"), LOOK, cluster=address, model=model)


def test_an_address_without_a_cluster(pictures, tmp_path, model):
    with socket.socket() as taken:  # which nobody listens to
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"`cluster` {address}: no Ray cluster can be reached there"):
            stylize_on_cluster([str(pictures)], str(tmp_path / "out"), LOOK, cluster=address, model=model)


def test_what_is_wrong_is_told_before_the_cluster_starts(pictures, tmp_path, model):
    with pytest.raises(ArgumentError, match="`worker_cpus` must be at least 1"):
        stylize_on_cluster([str(pictures)], str(tmp_path / "out"), LOOK, cluster="local", model=model, worker_cpus=0)
    with pytest.raises(ArgumentError, match="unknown model"):
        stylize_on_cluster([str(pictures)], str(tmp_path / "out"), LOOK, cluster="local", model="nobody")
