"""The second input of a model of several styles: their weights, and their names as the file has them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runtimes.graph import GraphError, TensorInfo
from runtimes.messages import Table, fields

if TYPE_CHECKING:
    import numpy as np

# Its axes: (batch, styles).
STYLE_RANK = 2
# Where exported files have a record of their origin, as JSON; that of several styles has their names. A SavedModel has
# it as a file in EXTRA, the folder that TensorFlow leaves to whoever writes one.
RECORD, STYLES, EXTRA = "texture_nets_provenance", "styles", "assets.extra"
# Weights of the styles in their order, or by their names.
Weights = Sequence[float] | Mapping[str, float]


class StyleError(GraphError):
    """Weights of styles that are none, or do not fit the model; the message says why."""


def is_style_input(given: TensorInfo) -> bool:
    """Say whether an input takes the weights of styles, which are several."""
    return given.shape is not None and len(given.shape) == STYLE_RANK and given.shape[1] != 1


def parse_weights(texts: Sequence[str]) -> Weights:
    """Return weights given as numbers, or as NAME=WEIGHT, or NAME for the weight 1.

    Raises:
        StyleError: there are numbers and names, a weight is no number, or a style is named twice.
    """
    numbers = [number for number in map(_number, texts) if number is not None]
    if len(numbers) == len(texts):
        return numbers
    if numbers:
        raise StyleError("either a weight for each style or NAME=WEIGHT is needed, not both")
    return parse_named_weights(texts)


def parse_named_weights(texts: Sequence[str]) -> dict[str, float]:
    """Return weights given as NAME=WEIGHT, or NAME for the weight 1.

    Raises:
        StyleError: a weight is no number, or a style is named twice.
    """
    named: dict[str, float] = {}
    for text in texts:
        name, weight = text.rsplit("=", 1) if "=" in text else (text, "1")
        if name in named:
            raise StyleError(f"{name} is given twice")
        value = _number(weight)
        if value is None:
            raise StyleError(f"{text}: {weight!r} is not a number; NAME=WEIGHT is expected")
        named[name] = value
    return named


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def style_row(given: TensorInfo, names: Sequence[str], weights: Weights) -> np.ndarray:
    """Return what the input takes for one picture: float32 (1, styles), adding up to 1.

    Args:
        given: the input.
        names: of the styles in their order; none where the file does not tell them.
        weights: relative to each other; styles that are not named have none.

    Raises:
        StyleError: a name is unknown, there are not as many weights as styles, one is negative or not finite, or all
            are 0.
    """
    import numpy as np

    ordered = _in_order(names, weights) if isinstance(weights, Mapping) else weights
    count = (given.shape or (None, None))[1]
    if not ordered or count not in (None, len(ordered)):
        known = f" ({', '.join(names)})" if names else ""
        raise StyleError(f"a weight for each of the model's {count or ''} styles{known} is needed, not {len(ordered)}")
    values = np.asarray(ordered, np.float64)
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() > 0):
        raise StyleError("weights must be numbers of at least 0, one of them above 0")
    return normalized_row(values)


def normalized_row(weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return weights of at least 0, one of them above 0, as float32 (1, styles), adding up to 1."""
    import numpy as np

    row = np.asarray([weights], np.float64)
    row /= row.max()  # the sum of large weights may be infinite
    return (row / row.sum()).astype(np.float32)


def _in_order(names: Sequence[str], weights: Mapping[str, float]) -> list[float]:
    for name in weights:
        if not names:
            raise StyleError(f"{name}: the file has no names of its styles: give a weight for each, in their order")
        if name not in names:
            raise StyleError(f"no style {name!r}; the model has {', '.join(names)}")
    return [weights.get(name, 0.0) for name in names]


def onnx_styles(content: bytes) -> tuple[str, ...]:
    """Return the names of the styles of an `.onnx` file, none where it tells none."""
    for number, value in fields(memoryview(content)):
        if number == 14:  # metadata_props
            entry = {place: bytes(text) for place, text in fields(value)}
            if entry.get(1) == RECORD.encode():
                return _names(entry.get(2, b""))
    return ()


def litert_styles(content: bytes) -> tuple[str, ...]:
    """Return the names of the styles of a `.tflite` file, none where it tells none."""
    model = Table(content, struct.unpack_from("<I", content)[0])
    for entry in model.tables(6):  # metadata
        if entry.array(0, "u1").tobytes() == RECORD.encode():
            return _names(model.tables(4)[entry.number(1, "<I")].array(0, "u1").tobytes())
    return ()


def saved_model_styles(path: Path) -> tuple[str, ...]:
    """Return the names of the styles of a SavedModel folder, none where it tells none."""
    file = path / EXTRA / f"{RECORD}.json"
    return _names(file.read_bytes()) if file.is_file() else ()


def _names(record: bytes) -> tuple[str, ...]:
    try:
        found = json.loads(record)
    except ValueError:
        return ()
    names = found.get(STYLES) if isinstance(found, dict) else None
    is_sound = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if is_sound and names else ()
