"""The receptive field of each kind of layer in rows, and how a layer is called on a strip.

A layer is called on a strip as it is, with the padding of its own; what that padding made at a cut is dropped. The
rules find strips for which the rest is what the layer makes of the whole map.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from strips.graph import Call, Tensor

# Rows of one map, where several pieces are needed in their order.
Rows = tuple[range, ...]


class RowRule:
    """How the rows of a call's outputs follow from those of its inputs; here the same ones, each by itself."""

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return for each of the call's maps the rows that `rows` of the outputs need, as few pieces as they are."""
        return [(rows,) for _ in maps_of(call)]

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return `rows` of the outputs.

        Args:
            call: what is computed.
            values: the pieces that `wanted` tells, joined along the rows, for each map; other tensors whole.
            rows: which ones of the outputs.
            wanted: what `wanted` has returned.
        """
        return call(values)

    def place(self, call: Call, rows: range, wanted: Sequence[Rows]) -> Hashable:
        """Return what `compute` looks at beside the numbers of rows: strips that have it in common have one graph."""
        return ()


def maps_of(call: Call) -> list[Tensor]:
    """Return the maps among the inputs of a call, each once."""
    return list(dict.fromkeys(tensor for tensor in call.inputs if tensor.is_map))


def take_rows(value: Any, start: int, count: int) -> Any:
    """Return `count` rows from `start` on."""
    if value.shape[1] == count and start == 0:
        return value
    return value[:, start : start + count]


@dataclass(frozen=True)
class Windows(RowRule):
    """A window for each row of the output: convolutions and poolings.

    Attributes:
        size: rows of a window, its holes among them.
        stride: rows between windows.
        above: rows of padding above the first row.
        keeps_phase: whether a strip must have the map's height modulo the stride ("same" padding depends on it).
    """

    size: int
    stride: int
    above: int
    keeps_phase: bool = False

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return the rows under the windows, from one on where a window of the strip starts."""
        (tensor,) = maps_of(call)
        first = max(0, rows.start * self.stride - self.above)
        start = min(first, tensor.height - 1) // self.stride * self.stride
        stop = max(start + 1, (rows.stop - 1) * self.stride - self.above + self.size)
        if self.keeps_phase:
            stop += (tensor.height - stop) % self.stride
        return [(range(start, min(stop, tensor.height)),)]

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return the windows' results."""
        start = self.place(call, rows, wanted)
        return tuple(take_rows(value, start, len(rows)) for value in call(values))

    def place(self, call: Call, rows: range, wanted: Sequence[Rows]) -> int:
        """Return how many windows of the strip lie above the first of `rows`."""
        ((strip,),) = wanted
        return rows.start - strip.start // self.stride


@dataclass(frozen=True)
class Enlargement(RowRule):
    """Rows that become several: enlargement by a whole factor, and transposed convolutions.

    Attributes:
        factor: rows of the output for each of the input.
        above: rows of the input above its own that a row of the output may see.
        below: likewise below.
    """

    factor: int
    above: int = 0
    below: int = 0

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return the rows that are seen."""
        (tensor,) = maps_of(call)
        start = min(max(0, rows.start // self.factor - self.above), tensor.height - 1)
        stop = -(-rows.stop // self.factor) + self.below
        return [(range(start, max(start + 1, min(stop, tensor.height))),)]

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return the enlarged rows."""
        start = self.place(call, rows, wanted)
        return tuple(take_rows(value, start, len(rows)) for value in call(values))

    def place(self, call: Call, rows: range, wanted: Sequence[Rows]) -> int:
        """Return how many rows the strip makes above the first of `rows`."""
        ((strip,),) = wanted
        return rows.start - strip.start * self.factor


@dataclass(frozen=True)
class Shift(RowRule):
    """Each `step`-th row from `start` on, as crops and slices take them.

    Attributes:
        start: the first.
        step: rows from one to the next.
        call_columns: does to a strip what the layer does to columns and channels; None: nothing.
    """

    start: int
    step: int = 1
    call_columns: Callable[[Any], Any] | None = None

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return the rows from the first to the last that is taken."""
        return [(range(self.start + rows.start * self.step, self.start + (rows.stop - 1) * self.step + 1),)]

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return the rows that are taken."""
        (tensor,) = maps_of(call)
        value = values[tensor] if self.step == 1 else values[tensor][:, :: self.step]
        return (value if self.call_columns is None else self.call_columns(value),)


@dataclass(frozen=True)
class Padding(RowRule):
    """Rows of the map around the map.

    Attributes:
        above: number of rows before the first.
        source: from a row's place, which may be outside, and the map's height, to the row that stands there; None where
            there is none, but `fill`.
        call_columns: pads the columns alone; None: there are none to pad.
        fill: a number.
    """

    above: int
    source: Callable[[int, int], int | None]
    call_columns: Callable[[Any], Any] | None = None
    fill: float = 0

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return the rows that stand in `rows` of the output."""
        (tensor,) = maps_of(call)
        return [joined(row for row in self._sources(tensor, rows) if row is not None) or (range(1),)]

    def _sources(self, tensor: Tensor, rows: range) -> list[int | None]:
        return [self.source(row - self.above, tensor.height) for row in rows]

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return the padded rows."""
        (tensor,), (pieces,) = maps_of(call), wanted
        sources = self._sources(tensor, rows)
        inside = [row for row in sources if row is not None]
        value = _picked(values[tensor], [row for piece in pieces for row in piece], inside)
        if len(inside) < len(rows):
            before = next((place for place, row in enumerate(sources) if row is not None), len(rows))
            widths = ((0, 0), (before, len(rows) - before - len(inside)), (0, 0), (0, 0))
            value = ops.pad(value, widths, constant_values=self.fill)
        return (value if self.call_columns is None else self.call_columns(value),)

    def place(self, call: Call, rows: range, wanted: Sequence[Rows]) -> Hashable:
        """Return which rows of the strip, or zeros, stand in `rows`."""
        (tensor,), (pieces,) = maps_of(call), wanted
        first = pieces[0].start
        return tuple(None if row is None else row - first for row in self._sources(tensor, rows))


@dataclass(frozen=True)
class CircularWindows(Padding):
    """Windows of an odd size with stride 1 over a map that the layer itself continues with its opposite edge."""

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return the rows under the windows."""
        return super().wanted(call, self._padded(rows))

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return the windows' results."""
        (tensor,) = maps_of(call)
        (value,) = super().compute(call, values, self._padded(rows), wanted)
        return tuple(take_rows(made, self.above, len(rows)) for made in call({**values, tensor: value}))

    def place(self, call: Call, rows: range, wanted: Sequence[Rows]) -> Hashable:
        """Return which rows of the strip stand under the windows."""
        return super().place(call, self._padded(rows), wanted)

    def _padded(self, rows: range) -> range:
        return range(rows.start, rows.stop + 2 * self.above)


def _picked(value: Any, rows: Sequence[int], picked: Sequence[int]) -> Any:
    """Return the `picked` rows of a value that has `rows`."""
    if list(rows) == list(picked):
        return value
    if not picked:
        return value[:, :0]
    places = {row: place for place, row in enumerate(rows)}
    return ops.take(value, [places[row] for row in picked], axis=1)


def joined(rows: Iterable[int]) -> Rows:
    """Return the rows, each once and in their order, as pieces without gaps."""
    pieces: list[range] = []
    for row in sorted(set(rows)):
        if pieces and pieces[-1].stop == row:
            pieces[-1] = range(pieces[-1].start, row + 1)
        else:
            pieces.append(range(row, row + 1))
    return tuple(pieces)


class SizeOnly(RowRule):
    """Noise, which depends on the map's size alone; it is made whole once, so that it is the same as without strips."""

    def __init__(self) -> None:
        self._made: tuple[Any, ...] | None = None

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return that no rows are needed."""
        return [() for _ in maps_of(call)]

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return the rows of the noise."""
        if self._made is None:
            self._made = call({tensor: ops.zeros((*tensor.shape[:3], 1)) for tensor in maps_of(call)})
        return tuple(take_rows(value, rows.start, len(rows)) for value in self._made)

    def place(self, call: Call, rows: range, wanted: Sequence[Rows]) -> int:
        """Return the first row, of which each strip has another."""
        return rows.start


@dataclass(frozen=True)
class Unpooling(RowRule):
    """Values put where their windows had their maxima: [values, indices, what was pooled], the last for its size alone.

    Attributes:
        size: rows of a window.
        stride: rows between windows.
        above: rows of padding above the first row.
    """

    size: int
    stride: int
    above: int

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return the rows of the windows that reach `rows`."""
        height = call.inputs[0].height
        start = min(-(-(rows.start + self.above - self.size + 1) // self.stride), rows.start // self.stride)
        start = min(max(0, start), height - 1)
        stop = max(start + 1, min((rows.stop - 1 + self.above) // self.stride + 1, height))
        return [(range(start, stop),) if tensor in call.inputs[:2] else () for tensor in maps_of(call)]

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return the rows with the values at their places."""
        start = self.place(call, rows, wanted)
        size = (1, start + len(rows), call.outputs[0].shape[2], 1)
        (made,) = call({**values, call.inputs[2]: ops.zeros(size)})
        return (take_rows(made, start, len(rows)),)

    def place(self, call: Call, rows: range, wanted: Sequence[Rows]) -> int:
        """Return how many rows the strip makes above the first of `rows`."""
        return rows.start - wanted[0][0].start * self.stride


@dataclass(frozen=True)
class Resize(RowRule):
    """Resizing of the first input to a size of any ratio, by mixing two rows; other inputs tell the size alone.

    Attributes:
        between: from a row of the output and the heights of input and output to the row of the input above its place,
            and how far the place is below that row.
        call_columns: resizes the columns.
    """

    between: Callable[[int, int, int], tuple[int, float]]
    call_columns: Callable[[Any], Any]

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return the rows between which `rows` lie."""
        tensor, *others = maps_of(call)
        places = [self._place(call, row) for row in (rows.start, rows.stop - 1)]
        return [(range(places[0][0], min(places[1][0] + 2, tensor.height)),), *(() for _ in others)]

    def _place(self, call: Call, row: int) -> tuple[int, float]:
        return self.between(row, maps_of(call)[0].height, call.outputs[0].height)

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return the rows mixed from those above and below."""
        (strip,), *_ = wanted
        tensor = maps_of(call)[0]
        places = [self._place(call, row) for row in rows]
        lower = [above - strip.start for above, _ in places]
        upper = [min(place + 1, len(strip) - 1) for place in lower]
        value = values[tensor]
        share = ops.cast(ops.reshape(ops.convert_to_tensor([share for _, share in places]), (1, -1, 1, 1)), value.dtype)
        near, far = ops.take(value, lower, axis=1), ops.take(value, upper, axis=1)
        return (self.call_columns(near + (far - near) * share),)

    def place(self, call: Call, rows: range, wanted: Sequence[Rows]) -> Hashable:
        """Return between which rows of the strip each of `rows` lies, and where."""
        (strip,), *_ = wanted
        places = [self._place(call, row) for row in rows]
        return tuple((above - strip.start, share) for above, share in places)


def twin(layer: keras.Layer, **options: Any) -> Callable[[Any], Any]:
    """Return a layer without weights like `layer`, with other options."""
    return type(layer).from_config({**layer.get_config(), **options})
