"""`.keras` files: a small good one, damaged ones of it, and ones made to harm."""

from __future__ import annotations

import copy
import io
import json
import random
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import keras
import numpy as np

import layers

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
Members = dict[str, bytes]


@cache
def good_file() -> bytes:
    """Return the `.keras` file of a small picture network with most of what generators are made of."""
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 3))
    x = layers.ReflectionPadding2D(1)(image)
    x = keras.layers.Conv2D(4, 3, strides=2, name="first")(x)
    x = layers.InstanceNormalization()(x)
    x = keras.layers.BatchNormalization()(keras.layers.ReLU()(x))
    inner = keras.Sequential([keras.Input((None, None, 4)), keras.layers.Conv2D(4, 1)])
    x = keras.layers.add([x, inner(x)])
    x = keras.layers.UpSampling2D(2)(x)
    x = layers.CropToMatch()([x, image])
    model = keras.Model(image, keras.layers.Conv2D(3, 1, activation="sigmoid")(x) * 0.9)
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        return path.read_bytes()


def members_of(data: bytes) -> Members:
    """Return the members of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zip_of(members: Members, method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def mutants(seed: int) -> Iterator[bytes]:
    """Yield damaged copies of the good file without end: of the archive's bytes, and of what is in it."""
    generator = random.Random(seed)
    good = good_file()
    members = members_of(good)
    config = json.loads(members[CONFIG])
    while True:
        kind = generator.randrange(4)
        if kind == 0:
            yield damage(good, generator)
        elif kind == 1:
            yield zip_of({**members, CONFIG: json.dumps(_changed(config, generator)).encode()})
        else:
            name = CONFIG if kind == 2 else WEIGHTS
            yield zip_of({**members, name: damage(members[name], generator)})


def damage_zip(data: bytes, generator: random.Random) -> bytes:
    """Return a zip archive damaged as a whole, or one with right check sums and a damaged member."""
    members = members_of(data)
    name = generator.choice([None, *members])
    return damage(data, generator) if name is None else zip_of({**members, name: damage(members[name], generator)})


def damage(data: bytes, generator: random.Random) -> bytes:
    """Return `data` with a few bytes changed, cut, doubled or overwritten."""
    result = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 5, 30))):
        at = generator.randrange(max(1, len(result)))
        length = generator.choice((1, 1, 2, 4, 8, 64))
        kind = generator.randrange(6)
        if kind == 0:
            result[at : at + 1] = bytes([generator.randrange(256)])
        elif kind == 1:
            result[at : at + 1] = bytes([(result[at] if at < len(result) else 0) ^ (1 << generator.randrange(8))])
        elif kind == 2:
            result[at : at + length] = generator.choice((b"\0", b"\xff", b"\x7f")) * length
        elif kind == 3:
            result[at:at] = result[at : at + length]
        elif kind == 4:
            del result[at : at + length]
        elif generator.random() < 0.1:
            del result[at:]
    return bytes(result)


ODD_VALUES = (
    *(None, True, -1, 0, 1, 7, 1_000_000, 10**9, 10**30, 1e308, float("nan"), float("inf"), "", "relu", "x" * 500),
    *([], {}, [[]], [1], [None], {"class_name": "Lambda"}, ["a", 0, 0], "same", "../x", "\x1b[2J\n"),
)


def _changed(config: dict[str, Any], generator: random.Random) -> Any:
    """Return a copy of `config` with a few values replaced, removed or exchanged."""
    config = copy.deepcopy(config)
    for _ in range(generator.choice((1, 1, 1, 2, 4))):
        places = list(_places(config))
        owner, key = generator.choice(places)
        kind = generator.randrange(5)
        if kind <= 1:
            owner[key] = copy.deepcopy(generator.choice(ODD_VALUES))
        elif kind == 2:
            del owner[key]
        elif kind == 3:
            other, other_key = generator.choice(places)
            owner[key] = copy.deepcopy(other[other_key]) if _has(other, other_key) else None
        elif isinstance(owner, list):
            owner.append(copy.deepcopy(owner[key]))
        else:
            owner[generator.choice(("name", "filters", "module", "class_name", "config", "x"))] = owner[key]
    return config


def _has(owner: Any, key: Any) -> bool:
    return key in owner if isinstance(owner, dict) else key < len(owner)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def changed_config(change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return the good file with its configuration changed in place by `change`."""
    members = members_of(good_file())
    config = json.loads(members[CONFIG])
    change(config)
    return zip_of({**members, CONFIG: json.dumps(config).encode()})


def changed_weights(change: Callable[[h5py.File], None]) -> bytes:
    """Return the good file with its weights changed in place by `change`."""
    members = members_of(good_file())
    file = io.BytesIO(members[WEIGHTS])
    with h5py.File(file, "r+") as opened:
        change(opened)
    return zip_of({**members, WEIGHTS: file.getvalue()})


def layer_of(config: dict[str, Any], kind: str, number: int = 0) -> dict[str, Any]:
    """Return the configuration of a layer of class `kind`, the first or the given one."""
    return [layer for layer in config["config"]["layers"] if layer["class_name"] == kind][number]


def _set(kind: str, **values: Any) -> bytes:
    return changed_config(lambda config: layer_of(config, kind)["config"].update(values))


def _replaced(**values: Any) -> bytes:
    """The rectifier replaced by another object."""
    return changed_config(lambda config: layer_of(config, "ReLU").update(values))


def _layer(name: str, values: dict[str, Any]) -> bytes:
    return _replaced(module="keras.layers", class_name=name, config={"name": "x", **values}, registered_name=None)


def _chain(length: int) -> list[dict[str, Any]]:
    shape = {"shape": [None, None, None, 3], "dtype": "float32"}

    def layer(number: int) -> dict[str, Any]:
        history = {"class_name": "__keras_tensor__", "config": {**shape, "keras_history": [f"r{number - 1}", 0, 0]}}
        kind = "ReLU" if number else "InputLayer"
        config = {"name": f"r{number}"} | ({} if number else {"batch_shape": [None, None, None, 3]})
        nodes = [{"args": [history], "kwargs": {}}] if number else []
        return _object("keras.layers", kind, config) | {"name": f"r{number}", "inbound_nodes": nodes}

    return [layer(number) for number in range(length)]


def _object(module: str, name: str, config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def chain_file(length: int, *, backwards: bool = False) -> bytes:
    """Return a model of `length` layers in a row, which may stand in the file last one first."""
    layers = _chain(length)
    config = {
        "name": "chain",
        "trainable": True,
        "layers": layers[::-1] if backwards else layers,
        "input_layers": [["r0", 0, 0]],
        "output_layers": [[f"r{length - 1}", 0, 0]],
    }
    members = members_of(good_file())
    empty = io.BytesIO()
    h5py.File(empty, "w").close()
    model = _object("keras.src.models.functional", "Functional", config)
    return zip_of({**members, CONFIG: json.dumps(model).encode(), WEIGHTS: empty.getvalue()})


def _calls_of_calls(levels: int, calls: int) -> bytes:
    """A model that calls a model several times that calls a model several times ..."""
    inner: dict[str, Any] = _object("keras.layers", "ReLU", {"name": "relu"})
    for level in range(levels):
        shape = [None, None, None, 3]
        tensor = {"shape": shape, "dtype": "float32"}
        first = _object("keras.layers", "InputLayer", {"name": f"i{level}", "batch_shape": shape})
        sources = [[f"i{level}", 0, 0], *([f"m{level}", call, 0] for call in range(calls - 1))]
        nodes = [
            {"args": [{"class_name": "__keras_tensor__", "config": {**tensor, "keras_history": source}}], "kwargs": {}}
            for source in sources
        ]
        config = {
            "name": f"level{level}",
            "trainable": True,
            "layers": [
                first | {"name": f"i{level}", "inbound_nodes": []},
                inner | {"name": f"m{level}", "inbound_nodes": nodes},
            ],
            "input_layers": [[f"i{level}", 0, 0]],
            "output_layers": [[f"m{level}", calls - 1, 0]],
        }
        inner = _object("keras.src.models.functional", "Functional", config)
    return zip_of({**members_of(good_file()), CONFIG: json.dumps(inner).encode()})


def _config_of(text: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    return zip_of({**members_of(good_file()), CONFIG: text}, method)


def _with_member(name: str, data: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    return zip_of({**members_of(good_file()), name: data}, method)


def _kernel(change: Callable[[h5py.Group, str], None]) -> bytes:
    """The good file with the kernel of its first layer replaced."""

    def replace(file: h5py.File) -> None:
        group = file["layers/conv2d/vars"]
        del group["0"]
        change(group, "0")

    return changed_weights(replace)


def _external(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (3, 3, 3, 4), "f4", external=[("/etc/hostname", 0, 432)])


def _virtual(group: h5py.Group, name: str) -> None:
    layout = h5py.VirtualLayout((3, 3, 3, 4), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (3, 3, 3, 4))
    group.create_virtual_dataset(name, layout)


def _bomb(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (30_000, 30_000, 3, 4), "f4", chunks=(1000, 1000, 3, 4), compression="gzip")


def _loop(group: h5py.Group, name: str) -> None:
    group[name] = group.parent


def _values(value: float) -> Callable[[], bytes]:
    def change(file: h5py.File) -> None:
        file["layers/conv2d/vars/0"][0, 0, 0, 0] = value

    return lambda: changed_weights(change)


def _flagged() -> bytes:
    """The good file with the flag of encryption at each member."""
    data = bytearray(good_file())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(signature, at + 1)
    return bytes(data)


def _false_size() -> bytes:
    """The good file whose weights say that they are 3 GB."""
    data = bytearray(good_file())
    at = data.rfind(b"PK\1\2")
    data[at + 24 : at + 28] = (3 << 30).to_bytes(4, "little")
    return bytes(data)


def _chunk_bomb(group: h5py.Group, name: str) -> None:
    """A small dataset whose one chunk is unpacked to 256 MB."""
    made = group.create_dataset(
        name, (3, 3, 3, 4), "f4", maxshape=(None,) * 4, chunks=(256, 256, 256, 4), compression="gzip"
    )
    made[...] = 1


def _many_names(count: int) -> bytes:
    """The good file with so many more members, all empty."""
    return zip_of({**members_of(good_file()), **{f"assets/{number}": b"" for number in range(count)}})


def _twice() -> bytes:
    """The good file with another configuration of the same name."""
    file = io.BytesIO(good_file())
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(CONFIG, b"{}")
    return file.getvalue()


def _link() -> bytes:
    """The good file whose weights are a symbolic link."""
    members = members_of(good_file())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(CONFIG, members[CONFIG])
        link = zipfile.ZipInfo(WEIGHTS)
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return file.getvalue()


def _value(kind: str, values: dict[str, Any]) -> bytes:
    return _set("ReLU", max_value={"class_name": kind, "config": values})


def _own(name: str, values: dict[str, Any]) -> bytes:
    """The rectifier replaced by a layer of this program."""
    kind = getattr(layers, name)
    registered = keras.saving.get_registered_name(kind)
    return _replaced(
        module=kind.__module__, class_name=name, config={"name": "x", **values}, registered_name=registered
    )


def _recurrent(**values: Any) -> bytes:
    """A recurrent network over many steps."""
    image = _object("keras.layers", "InputLayer", {"name": "i", "batch_shape": [None, 1_000_000, 3]})
    lstm = _object("keras.layers", "LSTM", {"name": "r", "units": 1, **values})
    return _config_of(json.dumps(_object("keras", "Sequential", {"name": "s", "layers": [image, lstm]})).encode())


def _many_sources(count: int) -> bytes:
    """The sum with so many inputs, all the same."""

    def change(config: dict[str, Any]) -> None:
        node = layer_of(config, "Add")["inbound_nodes"][0]
        node["args"] = [[node["args"][0][0]] * count]

    return changed_config(change)


DEFLATED, LZMA = zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA
LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEAAAA=", "defaults": None, "closure": None}}
# Name -> (what makes the file, what its one line must say).
CRAFTED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not a .keras file"),
    "empty zip": (lambda: zip_of({}), "there is no config.json"),
    "no weights": (lambda: zip_of({CONFIG: members_of(good_file())[CONFIG]}), "no model.weights.h5"),
    "other members": (lambda: _with_member("assets/../../x.py", b"x"), "a model has"),
    "numpy weights": (lambda: _with_member("model.weights.npz", b"x"), "a model has"),
    "encrypted": (_flagged, "encrypted"),
    "size of weights": (_false_size, "bytes, more than"),
    "lzma": (lambda: zip_of(members_of(good_file()), LZMA), "compressed in a way"),
    "config bomb": (lambda: _config_of(b" " * (64 << 20), DEFLATED), "config.json has 67108864 bytes"),
    "weights bomb": (lambda: _with_member(WEIGHTS, bytes(64 << 20), DEFLATED), "model.weights.h5 has 67108864 bytes"),
    "nested json": (lambda: _config_of(b"[" * 1_000_000), "nested too deeply"),
    "nested config": (lambda: _config_of(b'{"a":' * 500 + b"1" + b"}" * 500), "does not name its class"),
    "config of a list": (lambda: _config_of(b"[]"), "does not describe a model"),
    "config of a number": (lambda: _config_of(b"1" * 100_000), "is not JSON"),
    "config of bytes": (lambda: _config_of(b"\xff\xfe\x00"), "is not JSON"),
    "a layer alone": (lambda: _config_of(json.dumps(_object("keras.layers", "ReLU", {})).encode()), "not a model"),
    "filters": (lambda: _set("Conv2D", filters=10**9), "'filters' is 1000000000"),
    "many filters": (
        lambda: changed_config(lambda config: layer_of(config, "Conv2D", -1)["config"].update(filters=10**7)),
        "weights, the file has",
    ),
    "padding": (lambda: _layer("ZeroPadding2D", {"padding": 10**6}), "feature map"),
    "upsampling": (lambda: _set("UpSampling2D", size=[10**5, 10**5]), "feature map"),
    "not a number": (lambda: _set("ReLU", negative_slope=float("nan")), "is not a number"),
    "huge number": (lambda: _set("ReLU", max_value=10**400), "more than 18 digits"),
    "negative": (lambda: _set("UpSampling2D", size=[-1, -1]), "'size' argument must be"),
    "lambda": (lambda: _layer("Lambda", {"function": LAMBDA}), "can run code"),
    "lambda in an activation": (lambda: _set("Conv2D", activation=LAMBDA), "name its class"),
    "saved model": (lambda: _layer("TFSMLayer", {"filepath": "/tmp/x"}), "can run code or read files"),
    "vocabulary": (lambda: _layer("StringLookup", {"vocabulary": "/etc/passwd"}), "can run code or read files"),
    "os.system": (lambda: _replaced(module="os", class_name="system", config={}), "os.system is neither"),
    "module to import": (lambda: _replaced(module="keras_hub.models", class_name="X", config={}), "is neither"),
    "function": (
        lambda: _set("Conv2D", activation=_object("builtins", "function", "exec")),
        "function 'exec' is not an activation",
    ),
    "keras function": (
        lambda: _set("Conv2D", activation=_object("keras.utils", "function", "get_file")),
        "is not an activation",
    ),
    "keras class": (lambda: _replaced(module="keras.utils", class_name="Progbar", config={}), "is neither"),
    "legacy": (lambda: changed_config(lambda config: layer_of(config, "ReLU").pop("module")), "name its class"),
    "backwards": (lambda: chain_file(1900, backwards=True), "come before"),
    "long chain": (lambda: chain_file(5000), "layers; at most"),
    "calls of calls": (lambda: _calls_of_calls(10, 10), "layers; at most"),
    "cycle": (
        lambda: changed_config(
            lambda config: layer_of(config, "ReLU").update(inbound_nodes=layer_of(config, "Add")["inbound_nodes"])
        ),
        "loops",
    ),
    "other shapes": (lambda: _kernel(lambda group, name: group.create_dataset(name, (2, 2), "f4")), "first"),
    "text as weights": (lambda: _kernel(lambda group, name: group.create_dataset(name, data="x")), "not numbers"),
    "external link": (
        lambda: _kernel(lambda group, name: group.__setitem__(name, h5py.ExternalLink("/etc/hostname", "x"))),
        "external link",
    ),
    "soft link": (lambda: _kernel(lambda group, name: group.__setitem__(name, h5py.SoftLink("/x"))), "soft link"),
    "external values": (lambda: _kernel(_external), "another file"),
    "virtual values": (lambda: _kernel(_virtual), "virtual"),
    "bomb of values": (lambda: _kernel(_bomb), "more memory than"),
    "groups in themselves": (lambda: _kernel(_loop), "within themselves"),
    "damaged weights": (lambda: _with_member(WEIGHTS, zlib.compress(b"x" * 99)), "HDF5 file is damaged"),
    "NaN": (_values(np.nan), "first/kernel contains NaN"),
    "infinity": (_values(-np.inf), "first/kernel contains infinite values"),
    "beyond": (_values(2e10), "first/kernel contains 2e+10"),
    "chunk bomb": (lambda: _kernel(_chunk_bomb), "more memory than"),
    "many members": (lambda: _many_names(3000), "list of members"),
    "a member twice": (_twice, "a name twice"),
    "symbolic link": (_link, "HDF5 file is damaged"),
    "array of long texts": (lambda: _value("__numpy__", {"value": [1, 1], "dtype": "S400000000"}), "not of numbers"),
    "tensor of objects": (lambda: _value("__tensor__", {"value": [1, 1], "dtype": "object"}), "not of numbers"),
    "inputs of a sum": (lambda: _many_sources(30_000), "take 30"),
    "initial values": (
        lambda: _set(
            "Conv2D", kernel_initializer=_object("keras.initializers", "Constant", {"value": [[0] * 1000] * 1000})
        ),
        "entries; at most",
    ),
    "unrolled": (lambda: _recurrent(unroll=True), "unrolled"),
    "window": (lambda: _own("DilatedMaxPooling2D", {"pool_size": [3000, 3000]}), "positions"),
    "rows": (lambda: _own("AdaptivePooling2D", {"output_size": [1, 10**6], "mode": "max"}), "positions"),
    "sum over channels": (lambda: _own("LocalResponseNormalization", {"size": 10**6}), "positions"),
}
