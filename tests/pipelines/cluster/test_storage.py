"""Buckets: planned, listed, read and written against moto's S3."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from support.buckets import keys, served_bucket
from support.left_behind import leave_temporary
from support.small_models import inverting_model

from errors import ArgumentError, UserError
from pipelines.cluster import storage
from pipelines.cluster.plan import plan_pictures
from pipelines.cluster.worker import Network, PictureWorker
from pipelines.stylization.settings import StylizationSettings


@pytest.fixture
def bucket(monkeypatch):
    storage._filesystem.cache_clear()
    with served_bucket(monkeypatch) as client:
        yield client


def png(value):
    file = io.BytesIO()
    Image.fromarray(np.full((8, 9, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def put(client, objects):
    for key, content in objects.items():
        client.put_object(Bucket="pictures", Key=key, Body=content)


def test_files_are_listed_fetched_and_put(bucket, tmp_path):
    put(bucket, {"in/a b.png": b"123", "in/sub/c.png": b"4"})
    assert storage.list_files("s3://pictures/in/") == ["a b.png", "sub/c.png"]
    assert storage.list_files("s3://pictures/in/a b.png") == [""]
    assert storage.list_files("s3://pictures/none") == []
    storage.fetch("s3://pictures/in/a b.png", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"123"
    storage.put(tmp_path / "copy", "s3://pictures/out/deep/d.png")
    assert storage.exists("s3://pictures/out/deep/d.png")
    assert not storage.exists("s3://pictures/out/deep/e.png")
    with pytest.raises(OSError, match=r"none\.png"):
        storage.fetch("s3://pictures/none.png", tmp_path / "none")


@pytest.mark.parametrize("address", ["ftp://somewhere/folder", "s3://", "http://a/b"])
def test_unknown_addresses(address):
    with pytest.raises(ArgumentError, match="not an address of files"):
        storage.is_bucket(address)


def test_plan_between_buckets_and_folders(bucket, tmp_path):
    put(bucket, {"in/a.png": b"", "in/sub/b.bmp": b"", "in/.hidden.png": b"", "in/note.txt": b"", "out/a.png": b""})
    plan = plan_pictures(["s3://pictures/in"], "s3://pictures/out", overwrite=False)
    assert plan.rows == [{"number": 0, "source": "s3://pictures/in/sub/b.bmp", "target": "s3://pictures/out/sub/b.png"}]
    assert plan.existing == 1
    assert len(plan_pictures(["s3://pictures/in"], "s3://pictures/out", overwrite=True).rows) == 2
    local = plan_pictures(["s3://pictures/in/a.png"], str(tmp_path), overwrite=False)
    assert local.rows == [{"number": 0, "source": "s3://pictures/in/a.png", "target": str(tmp_path / "a.png")}]
    Image.new("RGB", (2, 2)).save(tmp_path / "mine.png")
    up = plan_pictures([str(tmp_path)], "s3://pictures/new", overwrite=False)
    assert up.rows == [{"number": 0, "source": str(tmp_path / "mine.png"), "target": "s3://pictures/new/mine.png"}]


def test_films_are_left_out_and_named(bucket, tmp_path):
    put(bucket, {"in/a.png": b"", "in/sub/b.mp4": b"", "in/.c.mp4": b""})
    assert plan_pictures(["s3://pictures/in"], str(tmp_path), overwrite=False).films == ["s3://pictures/in/sub/b.mp4"]
    Image.new("RGB", (2, 2)).save(tmp_path / "mine.png")
    (tmp_path / "film.MOV").touch()
    for output in (str(tmp_path / "out"), "s3://pictures/new"):
        plan = plan_pictures([str(tmp_path)], output, overwrite=False)
        assert ([row["source"] for row in plan.rows], plan.films) == (
            [str(tmp_path / "mine.png")],
            [str(tmp_path / "film.MOV")],
        )


def test_what_a_run_wrote_below_its_input_is_no_input_of_the_next(bucket, tmp_path):
    put(bucket, {"in/a.png": b"", "in/out/a.png": b"", "in/outside/b.png": b""})
    plan = plan_pictures(["s3://pictures/in"], "s3://pictures/in/out/", overwrite=True)
    assert [row["source"] for row in plan.rows] == ["s3://pictures/in/a.png", "s3://pictures/in/outside/b.png"]
    (tmp_path / "photos" / "out").mkdir(parents=True)
    for name in ("c.png", "out/c.png"):
        Image.new("RGB", (2, 2)).save(tmp_path / "photos" / name)
    sources = ["s3://pictures/in/a.png", str(tmp_path / "photos")]
    plan = plan_pictures(sources, str(tmp_path / "photos" / "out"), overwrite=True)
    assert [row["source"] for row in plan.rows] == ["s3://pictures/in/a.png", str(tmp_path / "photos" / "c.png")]


def test_local_inputs_of_buckets_must_exist(bucket, tmp_path):
    with pytest.raises(ArgumentError, match=f"`input` {tmp_path}/none.png: no such file or folder"):
        plan_pictures([str(tmp_path / "none.png")], "s3://pictures/out", overwrite=False)


def test_what_stands_where_a_picture_of_a_bucket_will_be_written_is_told_before(bucket, tmp_path):
    put(bucket, {"in/a.png": b"", "in/b.png": b""})
    (tmp_path / "a.png").mkdir()
    for overwrite in (False, True):
        plan = plan_pictures(["s3://pictures/in"], str(tmp_path), overwrite=overwrite)
        assert [row["source"] for row in plan.rows] == ["s3://pictures/in/b.png"]
        assert plan.failed == {
            "s3://pictures/in/a.png": f"s3://pictures/in/a.png: its output {tmp_path}/a.png is a folder"
        }
    (tmp_path / "file").touch()
    with pytest.raises(ArgumentError, match=f"`output` {tmp_path}/file: {tmp_path}/file is not a folder"):
        plan_pictures(["s3://pictures/in"], str(tmp_path / "file"), overwrite=False)


def test_pictures_that_change_their_format_are_told_apart(bucket):
    put(bucket, {"in/a.png": b"", "in/a.bmp": b"", "in/b.bmp": b""})
    plan = plan_pictures(["s3://pictures/in"], "s3://pictures/out", overwrite=False)
    assert sorted(row["target"].removeprefix("s3://pictures/out/") for row in plan.rows) == [
        "a.bmp.png",
        "a.png",
        "b.png",
    ]


def test_plans_that_cannot_be(bucket):
    put(bucket, {"in/a.png": b"", "in/a.bmp": b"", "other/a.png": b"", "text/a.txt": b""})
    with pytest.raises(ArgumentError, match=r"in/a.png and s3://pictures/other/a.png would both be written to a.png"):
        plan_pictures(["s3://pictures/in", "s3://pictures/other"], "s3://pictures/out", overwrite=False)
    with pytest.raises(ArgumentError, match="contains no pictures"):
        plan_pictures(["s3://pictures/text"], "s3://pictures/out", overwrite=False)
    with pytest.raises(ArgumentError, match="must be a folder or a bucket"):
        plan_pictures(["s3://pictures/in/a.png"], "s3://pictures/out.png", overwrite=False)
    with pytest.raises(ArgumentError, match="is an input and would be overwritten"):
        plan_pictures(["s3://pictures/in/a.png"], "s3://pictures/in", overwrite=True)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "invert.keras"
    inverting_model().save(path)
    return Network("invert", path.read_bytes())


@pytest.fixture(autouse=True)
def _no_limit_in_this_process(monkeypatch):
    monkeypatch.setattr("pipelines.cluster.worker._limit_threads", lambda count: None)


def test_a_worker_reads_and_writes_a_bucket(bucket, network):
    put(bucket, {"in/a.png": png(10), "in/bad.png": b"no picture", "out/there.png": b"kept"})
    worker = PictureWorker(network, StylizationSettings(), 1, overwrite=False)
    row = {"source": "s3://pictures/in/a.png", "target": "s3://pictures/out/a.png"}
    done = worker(row)
    assert (done["error"], done["model_error"], done["megapixels"]) == ("", "", 72e-6)
    with Image.open(bucket.get_object(Bucket="pictures", Key="out/a.png")["Body"]) as image:
        assert image.getpixel((0, 0)) == (245, 245, 245)
    bad = worker({"source": "s3://pictures/in/bad.png", "target": "s3://pictures/out/bad.png"})
    assert bad["error"].startswith("s3://pictures/in/bad.png: broken")
    gone = worker({"source": "s3://pictures/in/gone.png", "target": "s3://pictures/out/gone.png"})
    assert "s3://pictures/in/gone.png" in gone["error"]
    assert "\n" not in gone["error"]
    worker({"source": "s3://pictures/in/a.png", "target": "s3://pictures/out/there.png"})
    assert bucket.get_object(Bucket="pictures", Key="out/there.png")["Body"].read() == b"kept"
    assert keys(bucket) == ["in/a.png", "in/bad.png", "out/a.png", "out/there.png"]


def test_a_worker_removes_what_killed_ones_left_beside_its_outputs(network, tmp_path):
    (tmp_path / "a.png").write_bytes(png(10))
    (tmp_path / "out").mkdir()
    left = leave_temporary(tmp_path / "out" / "a.png", ".png")
    worker = PictureWorker(network, StylizationSettings(), 1, overwrite=False)
    assert not worker({"source": str(tmp_path / "a.png"), "target": str(tmp_path / "out" / "a.png")})["error"]
    assert not left.exists()
    assert (tmp_path / "out" / "a.png").exists()


def test_a_model_that_cannot_be_loaded_is_told_by_its_name(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(tmp_path / "dense.keras")
    network = Network("dense.keras", (tmp_path / "dense.keras").read_bytes())
    worker = PictureWorker(network, StylizationSettings(), 1, overwrite=False)
    done = worker({"source": "a.png", "target": "b.png"})
    assert done["model_error"].startswith("dense.keras: the model takes")


def test_a_server_that_is_away_is_one_line(monkeypatch):
    storage._filesystem.cache_clear()
    for name, value in {"ENDPOINT_URL": "http://127.0.0.1:9", "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with pytest.raises(UserError, match="s3://pictures/in: cannot be"):
        storage.list_files("s3://pictures/in")
