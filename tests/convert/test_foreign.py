"""Files of many kinds are called by their names."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
from PIL import Image
from support.torch7_cases import CASES
from support.torch7_fuzz import sound_files
from support.torch7_writer import table, write_t7

from convert.foreign import CAFFEMODEL, HEAD_SIZE, PROTOTXT, TORCH7, name_foreign_file
from convert.torch7.file.reader import read_t7
from errors import UserError


def field(number, content):
    """Return a length-delimited protobuf field, or a varint one for an int."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value):
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def packed(opener, name="a.txt", content=b"x" * 100):
    """Return an archive made by `opener` with one member."""
    buffer = io.BytesIO()
    if opener is zipfile.ZipFile:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def saved(write):
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def picture(form):
    return saved(lambda file: Image.new("RGB", (9, 7)).save(file, form))


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"
LAYER = field(1, b"conv1") + field(2, b"Convolution") + field(7, bytes(10_000))
V1_LAYER = field(4, b"conv1") + field(5, 4) + field(6, bytes(10_000))
NODE = field(1, b"input") + field(2, b"Placeholder") + field(5, b"\x0a\x05dtype")

FOREIGN = {
    "web page": (b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title>", "a web page"),
    "web page with a byte order mark": ("\ufeff<HTML lang='de'>\u00c4".encode(), "a web page"),
    "web page after a comment": (b"<!-- saved -->\n<html>", "a web page"),
    "XHTML": (b'<?xml version="1.0"?>\n<html xmlns="x">', "a web page"),
    "XML": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML page"),
    "JSON": (b'{"message": "Not Found"}', "a JSON text"),
    "index": (
        b'{"metadata": {"total_size": 8}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}',
        "the index of",
    ),
    "JSON list": (b'[\n {"message": 1}]', "a JSON text"),
    "LFS pointer": (LFS, "a Git LFS pointer"),
    "empty": (b"", "empty"),
    "zeros": (bytes(5000), "a row of zero bytes"),
    "HDF5": (saved(lambda file: h5py.File(file, "w").close()), "an HDF5 file"),
    "npy": (saved(lambda file: np.save(file, np.zeros(3))), "a NumPy array file"),
    "npz": (saved(lambda file: np.savez(file, a=np.zeros(3))), "a NumPy archive"),
    "compressed npz": (saved(lambda file: np.savez_compressed(file, a=np.zeros(3))), "a NumPy archive"),
    "gzip": (gzip.compress(b"x"), "a gzip archive"),
    "bzip2": (bz2.compress(b"x"), "a bzip2 archive"),
    "xz": (lzma.compress(b"x"), "an xz archive"),
    "tar": (packed(tarfile), "a tar archive"),
    "zip": (packed(zipfile.ZipFile), "a zip archive"),
    "old program": (
        packed(zipfile.ZipFile, "serialized_exported_program.json"),
        "an exported PyTorch program in the format before PyTorch 2.8",
    ),
    "empty zip": (saved(lambda file: zipfile.ZipFile(file, "w").close()), "an empty zip archive"),
    "PNG": (picture("PNG"), "a PNG picture"),
    "JPEG": (picture("JPEG"), "a JPEG picture"),
    "GIF": (picture("GIF"), "a GIF picture"),
    "WebP": (picture("WEBP"), "a WebP picture"),
    "TIFF": (picture("TIFF"), "a TIFF picture"),
    "PDF": (b"%PDF-1.4\n", "a PDF document"),
    "pickle 2": (pickle.dumps({"a": [1]}, 2), "a Python pickle"),
    "pickle 5": (pickle.dumps({"a": [1]}, 5), "a Python pickle"),
    "safetensors": (struct.pack("<Q", 40) + b'{"a":{"dtype":"F32"}}', "a safetensors file"),
    "LiteRT": (struct.pack("<I", 28) + b"TFL3" + bytes(50), "a LiteRT model (stylize_tensorflow_graph.py runs it)"),
    "ONNX": (
        field(1, 8) + field(2, b"pytorch") + field(7, bytes(9000)),
        "an ONNX model (stylize_tensorflow_graph.py runs it)",
    ),
    "ONNX without producer": (
        field(1, 8) + field(7, b"\x0a\x03abc"),
        "an ONNX model (stylize_tensorflow_graph.py runs it)",
    ),
    "SavedModel": (field(1, 1) + field(2, field(1, b"\x0a\x05serve") + bytes(9000)), "a TensorFlow SavedModel"),
    "GraphDef": (field(1, NODE) + field(1, NODE), "a TensorFlow graph"),
    "caffemodel": (field(1, b"VGG_ILSVRC_19") + field(100, LAYER), CAFFEMODEL),
    "nameless caffemodel": (field(100, LAYER), CAFFEMODEL),
    "V1 caffemodel": (field(1, b"n" * 200) + field(3, b"data") + field(4, 1) + field(2, V1_LAYER), CAFFEMODEL),
    "prototxt": (b'# a net\nname: "VGG"\nlayer {\n  name: "conv1"\n}\n', PROTOTXT),
    "V1 prototxt": (b'input: "data"\ninput_dim: 1\nlayers { type: CONVOLUTION }', PROTOTXT),
    "Lua program": (b"require 'nn'\nlocal model = nn.Sequential()\n", "a text"),
    "compiled Lua": (b"\x1bLJ\x02\x02\x15\x00", "compiled Lua code"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files(tmp_path, name):
    data, kind = FOREIGN[name]
    assert (name_foreign_file(data) or "").startswith(kind)
    path = tmp_path / "model.t7"
    path.write_bytes(data)
    assert name_foreign_file(path) == name_foreign_file(str(path)) == name_foreign_file(data)
    with pytest.raises(UserError) as caught:
        read_t7(path)
    assert str(caught.value) == f"{path} is {name_foreign_file(data)}, not a Torch7 file"


def test_pytorch_files():
    torch = pytest.importorskip("torch")
    state = {"weight": torch.zeros(3)}
    assert name_foreign_file(saved(lambda file: torch.save(state, file))) == "a PyTorch archive"
    old = saved(lambda file: torch.save(state, file, _use_new_zipfile_serialization=False))
    assert name_foreign_file(old) == "a PyTorch file"
    script = saved(lambda file: torch.jit.save(torch.jit.script(torch.nn.ReLU()), file))
    assert name_foreign_file(script) == "a PyTorch archive"
    program = torch.export.export(torch.nn.ReLU(), (torch.zeros(3),))
    assert name_foreign_file(saved(lambda file: torch.export.save(program, file))) == "an exported PyTorch program"


def test_keras_files(tmp_path):
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    assert name_foreign_file(tmp_path / "model.keras") == "a Keras model file"
    assert name_foreign_file(tmp_path / "model.weights.h5") == "an HDF5 file"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_torch7_files(case):
    assert name_foreign_file(case.path) == TORCH7


def test_torch7_files_of_all_formats():
    values = [5.5, -1, "text", True, table(), table("a", 1), "x" * 70_000]
    files = [write_t7(value, mode=mode) for value in values for mode in ("binary", "ascii")]
    assert {name_foreign_file(data[:HEAD_SIZE]) for data in [*files, *sound_files()]} == {TORCH7}


def test_caffe_files(shared):
    folder = shared / "fixtures" / "caffe"
    kinds = {"caffemodel": CAFFEMODEL, "prototxt": PROTOTXT}
    for suffix, kind in kinds.items():
        paths = sorted(folder.glob(f"*.{suffix}"))
        assert len(paths) == 78
        assert {name_foreign_file(path) for path in paths} == {kind}


def test_random_bytes_are_no_known_kind():
    names = [name_foreign_file(np.random.default_rng(seed).bytes(5000)) for seed in range(300)]
    assert names.count(None) >= 298  # two bytes at the start can look like anything


@pytest.mark.parametrize("size", range(1, 40))
def test_heads_of_any_length(size):
    for data, _ in FOREIGN.values():
        name_foreign_file(data[:size])
        name_foreign_file(data[-size:])
    for data in sound_files(2000):
        assert name_foreign_file(data[:size]) in (TORCH7, None, "a text", "a Torch7 file")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError):
        name_foreign_file(tmp_path / "no")
    with pytest.raises(UserError, match="no such file, expected a Torch7 file"):
        read_t7(tmp_path / "no")
    with pytest.raises(UserError, match="name too long"):
        read_t7(tmp_path / ("x" * 5000))
    with pytest.raises(UserError, match="a folder, expected a Torch7 file"):
        read_t7(tmp_path)
