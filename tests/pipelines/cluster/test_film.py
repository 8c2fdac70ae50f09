"""Films cut into scenes: the workers' parts, joined, are the film of one process."""

import numpy as np
import pytest
from support.films import write_video
from support.small_models import convolutional_model

from errors import ArgumentError, UserError
from pipelines.cluster import film as module
from pipelines.cluster.film import SceneWorker, find_scenes, stylize_film_on_cluster
from pipelines.cluster.worker import Network
from pipelines.stylization.film.settings import FilmSettings
from pipelines.stylization.film.stylize import open_film, stylize_film

STEADY = FilmSettings(steady=1.0)
CUTS = [0, 4, 9]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.keras"
    convolutional_model().save(path)
    return str(path)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Three scenes, each of which moves a little."""
    path = tmp_path_factory.mktemp("film") / "source.mp4"
    random = np.random.default_rng(3)
    scenes = [np.kron(random.integers(0, 255, (12, 18, 3)), np.ones((8, 8, 1))).astype(np.uint8) for _ in CUTS]
    lengths = np.diff([*CUTS, 12])
    frames = [np.roll(s, i, axis=1)[:64, :96] for s, n in zip(scenes, lengths, strict=True) for i in range(n)]
    write_video(path, frames, sound="aac")
    return path


def in_this_process(rows, worker, arguments, workers):
    """Do what Ray Data does, last rows first."""
    made = worker(*arguments)
    yield from (made(row) for row in reversed(rows))


@pytest.fixture
def _no_cluster(monkeypatch):
    from contextlib import nullcontext

    monkeypatch.setattr(module, "connected", lambda address: nullcontext())
    monkeypatch.setattr(module, "find_workers", lambda cpus: None)
    monkeypatch.setattr(module, "results_of", in_this_process)
    monkeypatch.setattr("pipelines.cluster.worker._limit_threads", lambda count: None)


def test_scenes_begin_at_cuts(source):
    assert find_scenes(open_film(source, STEADY), STEADY) == (CUTS, 12)


def test_without_steadying_scenes_are_as_long_as_parts(source, monkeypatch):
    monkeypatch.setattr(module, "PART_FRAMES", 5)
    settings = FilmSettings(steady=0.0)
    assert find_scenes(open_film(source, settings), settings) == ([0, 5, 10], 12)


@pytest.mark.usefixtures("_no_cluster")
@pytest.mark.parametrize("target", ["film.mp4", "film.gif", "%03d.png"])
def test_joined_scenes_are_the_film_of_one_process(tmp_path, source, model, target):
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
    one = stylize_film(source, tmp_path / "one" / target, STEADY, model=model)
    counts = []
    many = stylize_film_on_cluster(
        source, tmp_path / "many" / target, STEADY, cluster="local", model=model, observe=lambda *n: counts.append(n)
    )
    assert (many.frames, one.frames, counts) == (12, 12, [(4, 12), (9, 12), (12, 12)])
    files = [sorted((tmp_path / name).iterdir()) for name in ("one", "many")]
    assert [path.name for path in files[0]] == [path.name for path in files[1]]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


@pytest.mark.usefixtures("_no_cluster")
@pytest.mark.parametrize("then", ["many", "one"])
def test_an_interrupted_film_goes_on_with_the_scenes_that_are_left(tmp_path, source, model, then):
    path = tmp_path / "film.mp4"
    stylize_film(source, tmp_path / "whole.mp4", STEADY, model=model)

    def interrupt(done, count):
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize_film_on_cluster(source, path, STEADY, cluster="local", model=model, observe=interrupt)
    assert not path.exists()
    if then == "many":
        report = stylize_film_on_cluster(source, path, STEADY, cluster="local", model=model)
    else:
        report = stylize_film(source, path, STEADY, model=model)
    assert (report.resumed_from, report.frames) == (9, 3)
    assert path.read_bytes() == (tmp_path / "whole.mp4").read_bytes()


@pytest.mark.usefixtures("_no_cluster")
def test_what_a_worker_cannot_do_is_told(tmp_path, source, model):
    network = Network("none.keras", b"no model")
    worker = SceneWorker(network, str(source), str(tmp_path / "film.mp4"), STEADY, 1)
    assert worker({"number": 0, "begin": 0, "end": 4})["error"].startswith("none.keras: ")
    with pytest.raises(UserError, match="too many workers were lost over the frames from 4 to 9"):
        list(module._in_order(iter([{"number": 0, "lost": True}]), [{"begin": 4, "end": 9}]))


@pytest.mark.slow
def test_a_film_on_a_real_cluster(tmp_path, source, model):
    stylize_film(source, tmp_path / "one.mp4", STEADY, model=model)
    stylize_film_on_cluster(source, tmp_path / "many.mp4", STEADY, cluster="local", model=model)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "many.mp4").read_bytes()


def test_a_worker_has_at_least_one_thread(source, tmp_path, model):
    with pytest.raises(ArgumentError, match="`worker_cpus` must be at least 1, not 0"):
        stylize_film_on_cluster(source, tmp_path / "out.mp4", STEADY, cluster="local", model=model, worker_cpus=0)
