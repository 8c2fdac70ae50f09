"""The configuration of a `.keras` file: objects of Keras and of this program, in numbers that can be built."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import keras

from errors import UserError

# Deeper nesting is not in models that Keras writes; recursion over the rest is safe.
MAX_NESTING = 64
# Calls of layers, those within models that are called several times counted each time. Keras needs milliseconds and
# about a hundred kilobytes for each.
MAX_CALLS = 2000
# Of the layers together: a sum of thousands takes as long as as many layers.
MAX_TENSORS = 5000
# Of all lists together: Keras makes arrays of them one by one.
MAX_ENTRIES = 200_000
# Of any integer but those that name something; the sizes of weights and of feature maps are checked besides.
MAX_INTEGER = 1 << 24
UNBOUNDED = {"seed", "shared_object_id"}
# Layers may stand before those whose outputs they take; Keras then goes through all again.
MAX_WAITING_STEPS = 200_000
# They run code from the file, or read other files and libraries.
REFUSED = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
# Of Keras' preprocessing layers these alone work on pictures without reading anything else.
PREPROCESSING, HARMLESS = "keras.src.layers.preprocessing.", {"Normalization", "Rescaling", "Resizing", "CenterCrop"}
BASES = (
    keras.Operation,
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
    keras.DTypePolicy,
)
# Layers of this program go through the positions of such windows one by one, or through their rows and columns.
WINDOWS, MAX_WINDOW = ("pool_size", "kernel_size", "strides", "output_size", "size"), 1 << 12
ROW_BY_ROW = {"output_size", "size"}
# Convolutions take memory for the steps between the taps of a kernel, even of a single one.
MAX_DILATION = 1 << 12
# Types of the arrays that a configuration may hold.
NUMBERS = {"bool", "float16", "bfloat16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
# What Keras writes for values that JSON has not; the text says how many numbers they hold.
TENSOR = "__keras_tensor__"
VALUES = {TENSOR, "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"}


def check_config(config: dict[str, Any]) -> None:
    """Raise UserError unless Keras can build `config` in bounded time and memory and without running foreign code."""
    _check_amounts(config)
    kind = _resolve(config)
    if kind is None or not issubclass(kind, keras.Model):
        raise UserError(f"the file holds a {config['class_name']}, not a model")
    calls = _count_calls(config, 0)
    if calls > MAX_CALLS:
        raise UserError(f"the model calls {calls} layers; at most {MAX_CALLS} can be built")


def _check_amounts(config: dict[str, Any]) -> None:
    """Raise UserError where layers take too many inputs, or lists hold too many entries."""
    tensors = entries = 0
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            tensors += value.get("class_name") == TENSOR
            waiting += value.values()
        elif isinstance(value, list):
            entries += len(value)
            waiting += value
    if tensors > MAX_TENSORS:
        raise UserError(f"the layers of the model take {tensors} inputs; at most {MAX_TENSORS} can be built")
    if entries > MAX_ENTRIES:
        raise UserError(f"the configuration has lists of {entries} entries; at most {MAX_ENTRIES} are allowed")


def _count_calls(value: Any, depth: int) -> int:
    """Check all objects and numbers in `value` and return how often layers are called in it."""
    if depth > MAX_NESTING:
        raise UserError(f"the configuration is nested more than {MAX_NESTING} levels deep")
    if isinstance(value, list):
        return sum(_count_calls(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return _count_calls_of(value, depth)
    _check_number("a value", value)
    return 0


def _count_calls_of(value: dict[str, Any], depth: int) -> int:
    kind = _resolve(value) if "class_name" in value else None
    if value.get("unroll"):
        raise UserError("a recurrent layer is unrolled ('unroll'), which creates a layer for every step")
    inner = 0
    for key, item in value.items():
        if key in UNBOUNDED and isinstance(item, int):
            continue
        if isinstance(item, int | float):
            _check_number(key, item)
        else:
            inner += _count_calls(item, depth + 1)
    _check_order(value)
    if kind is None or not issubclass(kind, keras.Operation):
        return inner
    nodes = value.get("inbound_nodes")
    return max(1, len(nodes) if isinstance(nodes, list) else 1) * (1 + inner)


def _check_windows(config: dict[str, Any]) -> None:
    for key in WINDOWS:
        sides = _sides(config, key)
        positions = max(sides, default=0) if key in ROW_BY_ROW else math.prod(sides)
        if positions > MAX_WINDOW:
            raise UserError(f"{key!r} is {config[key]!r:.80}, more than {MAX_WINDOW} positions")


def _check_dilation(config: dict[str, Any]) -> None:
    if max(_sides(config, "dilation_rate"), default=0) > MAX_DILATION:
        raise UserError(f"'dilation_rate' is {config['dilation_rate']!r:.80}, more than {MAX_DILATION}")


def _sides(config: dict[str, Any], key: str) -> list[int]:
    """Return the sides of a window; one number stands for two."""
    sizes = config.get(key)
    return [side for side in (sizes if isinstance(sizes, list) else [sizes] * 2) if isinstance(side, int)]


def _check_number(key: str, value: Any) -> None:
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise UserError(f"{key!r} is {_short(value)}, beyond what a model can have ({MAX_INTEGER})")
    if isinstance(value, float) and value != value:
        raise UserError(f"{key!r} is not a number")


def _short(value: int) -> str:
    return str(value) if abs(value) < 10**18 else "a number of more than 18 digits"


def _resolve(value: dict[str, Any]) -> type | None:
    """Return the class that an object of the configuration is of, None for plain values and functions.

    Raises:
        UserError: it is neither of Keras nor of this program, or can run code or read files.
    """
    name, module = value.get("class_name"), value.get("module")
    if isinstance(name, str) and name in VALUES:
        _check_array(value.get("config"))
        return None
    if not isinstance(name, str) or not isinstance(module, str):
        raise UserError(f"an object of the configuration, {name!r:.80}, does not name its class")
    if name == "function":
        _check_function(value.get("config"), module)
        return None
    kind = _registered(value.get("registered_name")) or _of_keras(module, name)
    if not (isinstance(kind, type) and issubclass(kind, BASES)):
        raise UserError(f"{module}.{name}"[:120] + " is neither a Keras class for networks nor a class of this program")
    home = kind.__module__
    if isinstance(config := value.get("config"), dict):
        _check_dilation(config)
        if not home.startswith("keras"):
            _check_windows(config)
    if kind.__name__ in REFUSED or (home.startswith(PREPROCESSING) and kind.__name__ not in HARMLESS):
        raise UserError(f"layer {name} can run code or read files and is not loaded")
    return kind


def _check_array(config: Any) -> None:
    """Raise UserError where NumPy would make more of a few values than they are: text of a given length, say."""
    dtype = config.get("dtype", "float32") if isinstance(config, dict) else "float32"
    if dtype is not None and dtype not in NUMBERS:
        raise UserError(f"the configuration contains an array of {dtype!r:.80}, not of numbers")


def _registered(name: Any) -> type | None:
    return keras.saving.get_registered_object(name) if isinstance(name, str) else None


def _of_keras(module: str, name: str) -> Any:
    """Return what `name` is in one of Keras' modules, None where there is none. Nothing is imported for it."""
    if module.partition(".")[0] != "keras":
        return None
    owner = sys.modules.get(module)
    return None if owner is None else vars(owner).get(name)


def _check_function(name: Any, module: str) -> None:
    """Raise UserError unless a function of the configuration is one of Keras' activations."""
    if module not in ("builtins", "keras.activations") or not isinstance(name, str):
        raise UserError(f"function {name!r:.80} of {module[:80]} is not an activation of Keras")
    if not callable(getattr(keras.activations, name, None)):
        raise UserError(f"function {name!r:.80} is not an activation of Keras")


def _check_order(config: dict[str, Any]) -> None:
    """Raise UserError where the layers of a model stand in an order that Keras would take too long over."""
    layers = config.get("layers")
    if not isinstance(layers, list):
        return
    seen: set[Any] = set()
    waiting = 0
    for layer in layers:
        if isinstance(layer, dict):
            seen.add(str(layer.get("name")))
            waiting += any(source not in seen for source in _sources(layer.get("inbound_nodes"), 0))
    if waiting * len(layers) > MAX_WAITING_STEPS:
        raise UserError(f"{waiting} of {len(layers)} layers come before the layers whose outputs they take")


def _sources(value: Any, depth: int) -> Iterator[str]:
    """Yield the names of the layers whose outputs the calls in `value` take."""
    if isinstance(value, dict):
        history = value.get("keras_history")
        if isinstance(history, list) and history:
            yield str(history[0])
        value = list(value.values())
    if isinstance(value, list) and depth <= MAX_NESTING:
        for item in value:
            yield from _sources(item, depth + 1)
