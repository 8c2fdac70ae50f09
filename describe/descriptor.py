"""Describing pictures of any size, block by block and in strips of rows, with the numbers of the whole.

Between the blocks maps lie in the host's memory; a device holds one strip of one block at a time, however large the
picture is. For a gradient every block is computed a second time. Strips overlap by the few rows that a block's
convolutions see, so nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from describe.positions import Positions
from describe.segments import Segment
from describe.strips import Strip, cut_strips
from images.large.mapped import zeros
from layers.spatial import take_lines
from optimize.value_and_grad import compile_function, compile_value_and_grad

# Numbers in a block's largest map of a strip: 6 MB in float32.
STRIP_VALUES = 1_500_000


class Statistic(Protocol):
    """Sums over the positions of a layer's map, such as Gram matrices, moments or squared differences.

    Attributes:
        layer: name of the layer whose map is summed.
        rows: arrays (batch or 1, height, width, ...) that go with the map's positions: guides, targets.
        signature: how many sums there are, and whatever else `sums` depends on: it does the same where they are equal.
    """

    @property
    def layer(self) -> str: ...  # noqa: D102  see Attributes

    @property
    def rows(self) -> Sequence[np.ndarray]: ...  # noqa: D102

    @property
    def signature(self) -> tuple[int, ...]: ...  # noqa: D102

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return what some rows of the map add to the sums.

        Args:
            features: (batch, some rows, width, channels).
            positions: height times width of the whole map.
            rows: of `rows`, those that go with the features.
        """


class StripedDescriptor:
    """Computes statistics of a descriptor's layers, and the gradient by the picture, segment by segment.

    Args:
        segments: of the descriptor, as `split_descriptor` returns them.
        padding: (vertical, horizontal) modes of its convolutions.
        devices: for each segment a device of Keras', or None; without any, None for all.
        strip_values: numbers in a segment's largest map of a strip, at most.
        folder: where the maps between segments go, in files mapped into memory; None: they are in memory.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        padding: tuple[str, str],
        devices: Sequence[str | None] = (),
        strip_values: int = STRIP_VALUES,
        folder: str | None = None,
    ) -> None:
        self.segments = list(segments)
        self.padding = padding
        self.devices = list(devices) or [None] * len(self.segments)
        self.strip_values = strip_values
        self.folder = folder
        self._compiled: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def forget(self) -> None:
        """Drop what was compiled for pictures of the sizes so far."""
        self._compiled.clear()

    def strips(self, number: int, shape: Sequence[int]) -> list[Strip]:
        """Return the strips of a segment's input of `shape`, (batch, height, width, channels)."""
        segment = self.segments[number]
        # Not so few that the rows seen twice outweigh the others.
        rows = max(4 * segment.margin, self.strip_values // (shape[0] * shape[2] * segment.channels))
        return cut_strips(shape[1], rows=rows, margin=segment.margin, padding=self.padding[0])

    def sums(
        self, pictures: Any, statistics: Mapping[str, Statistic], kept: Sequence[str] = ()
    ) -> tuple[dict[str, list[np.ndarray]], dict[str, np.ndarray], list[np.ndarray]]:
        """Return the statistics' sums, the whole maps of the layers `kept`, and each segment's input.

        Args:
            pictures: (batch, height, width, 3), RGB in [0, 1].
            statistics: by any names.
            kept: layers.
        """
        inputs = [ops.convert_to_numpy(pictures)]
        sums: dict[str, list[np.ndarray]] = {}
        maps: dict[str, np.ndarray] = {}
        for number, segment in enumerate(self.segments):
            output: dict[str, np.ndarray] = {}
            for strip, part in self._pass(number, inputs[-1], statistics, kept):
                for name in _of(segment, statistics):
                    added = part[name]
                    sums[name] = [a + b for a, b in zip(sums[name], added, strict=True)] if name in sums else added
                for layer in segment.taps:
                    if layer in kept:
                        self._join(maps, number, layer, strip, part["", layer])
                if segment.output is not None:
                    self._join(output, number, segment.output, strip, part[""])
            inputs += output.values()
        return sums, maps, inputs

    def _join(self, maps: dict[str, np.ndarray], number: int, layer: str, strip: Strip, rows: np.ndarray) -> None:
        """Put the rows of a layer that a strip owns into its whole map, which the first of them makes."""
        place = self._place(number, layer)
        if layer not in maps:
            count = place(Positions(0.0, 1.0, strip.height)).count
            maps[layer] = zeros((rows.shape[0], count, *rows.shape[2:]), rows.dtype, self.folder)
        maps[layer][:, strip.owned(place)] = rows

    def gradient(
        self,
        inputs: list[np.ndarray],
        statistics: Mapping[str, Statistic],
        slopes: Mapping[str, Sequence[Any]],
    ) -> np.ndarray:
        """Return the gradient by the pictures, given that by the sums.

        Args:
            inputs: what `sums` returned last; the list is empty afterwards.
            statistics: that they were of.
            slopes: for each statistic the gradients by its sums.
        """
        gradient: np.ndarray | None = None
        for number in reversed(range(len(inputs))):
            gradient = self._back(number, inputs.pop(), statistics, slopes, gradient)
        if gradient is None:
            raise ValueError("no inputs: `sums` comes first, and its inputs serve once")
        return gradient

    def _pass(
        self, number: int, inputs: np.ndarray, statistics: Mapping[str, Statistic], kept: Sequence[str]
    ) -> Iterator[tuple[Strip, dict[Any, Any]]]:
        """Yield each strip of a segment and what it gives, as arrays on the host."""
        segment = self.segments[number]
        wanted = _signatures(segment, statistics)
        for strip in self.strips(number, inputs.shape):
            key = ("sums", number, inputs.shape, strip.key, wanted, tuple(kept))
            gather = partial(self._gathered, number, strip, inputs.shape, statistics, kept)
            values = self._run(key, number, compile_function, gather, strip, inputs, statistics)
            values = iter([ops.convert_to_numpy(value) for value in values])
            part: dict[Any, Any] = {
                name: [next(values) for _ in range(statistics[name].signature[0])] for name in _of(segment, statistics)
            }
            part |= {("", layer): next(values) for layer in segment.taps if layer in kept}
            yield strip, part | {"": next(values, None)}

    def _back(
        self,
        number: int,
        inputs: np.ndarray,
        statistics: Mapping[str, Statistic],
        slopes: Mapping[str, Sequence[Any]],
        gradient: np.ndarray | None,
    ) -> np.ndarray:
        """Return the gradient by a segment's input, given that by its output."""
        segment, result = self.segments[number], zeros(inputs.shape, "float32", self.folder if number else None)
        names, wanted = _of(segment, statistics), _signatures(segment, statistics)
        for strip in self.strips(number, inputs.shape):
            key = ("gradient", number, inputs.shape, strip.key, wanted)
            pull = partial(self._pulled, number, strip, inputs.shape, statistics)
            constants = [slope for name in names for slope in slopes[name]]
            if gradient is not None:
                constants.append(gradient[:, strip.owned(self._place(number, segment.output))])
            found = self._run(key, number, compile_value_and_grad, pull, strip, inputs, statistics, *constants)
            strip.add(result, ops.convert_to_numpy(found.gradient).astype(np.float32))
        return result

    def _run(
        self,
        key: tuple[Any, ...],
        number: int,
        compile_: Callable[..., Any],
        function: Callable[..., Any],
        strip: Strip,
        inputs: np.ndarray,
        statistics: Mapping[str, Statistic],
        *constants: Any,
    ) -> Any:
        """Return the compiled function of what a strip sees, of the statistics' rows, and of constants."""
        rows = [
            array[:, strip.owned(self._place(number, statistics[name].layer))]
            for name in _of(self.segments[number], statistics)
            for array in statistics[name].rows
        ]
        with self._device(number):
            if key not in self._compiled:
                self._compiled[key] = compile_(function)
            return self._compiled[key](strip.cut(inputs), *rows, *constants)

    def _gathered(
        self,
        number: int,
        strip: Strip,
        shape: tuple[int, ...],
        statistics: Mapping[str, Statistic],
        kept: Sequence[str],
        window: Any,
        *rows: Any,
    ) -> list[Any]:
        with self._device(number):
            segment, maps = self.segments[number], self._own_maps(number, strip, window)
            sums = self._sums(number, maps, shape, statistics, iter(rows))
            values = [value for found in sums.values() for value in found]
            values += [maps[layer] for layer in segment.taps if layer in kept]
            return values + ([] if segment.output is None else [maps[segment.output]])

    def _pulled(
        self,
        number: int,
        strip: Strip,
        shape: tuple[int, ...],
        statistics: Mapping[str, Statistic],
        window: Any,
        *constants: Any,
    ) -> tuple[Any, dict[str, Any]]:
        """Return what has the gradient of the whole by what a strip sees."""
        with self._device(number):
            segment, values = self.segments[number], iter(constants)
            maps = self._own_maps(number, strip, window)
            sums = self._sums(number, maps, shape, statistics, values)
            total = sum(ops.sum(value * next(values)) for found in sums.values() for value in found)
            if segment.output is not None:
                total = total + ops.sum(ops.cast(maps[segment.output], "float32") * next(values))
            return total, {}

    def _own_maps(self, number: int, strip: Strip, window: Any) -> dict[str, Any]:
        """Return the rows of a segment's maps that belong to a strip, from what the strip sees."""
        maps = self.segments[number].model(window)
        return {layer: take_lines(found, 1, *strip.place(self._place(number, layer))) for layer, found in maps.items()}

    def _sums(
        self,
        number: int,
        maps: Mapping[str, Any],
        shape: tuple[int, ...],
        statistics: Mapping[str, Statistic],
        rows: Iterator[Any],
    ) -> dict[str, list[Any]]:
        """Return what a strip adds to the statistics of a segment's layers."""
        sums = {}
        for name in _of(self.segments[number], statistics):
            statistic = statistics[name]
            layer = statistic.layer
            positions = self._place(number, layer)(Positions(0.0, 1.0, shape[1])).count * maps[layer].shape[2]
            sums[name] = statistic.sums(maps[layer], positions, *(next(rows) for _ in statistic.rows))
        return sums

    def _place(self, number: int, layer: str | None) -> Callable[[Positions], Positions]:
        """Return the function from the positions of a segment's input, along its height, to those of a layer."""
        return partial(self.segments[number].positions, layer, self.padding[0])

    def _device(self, number: int) -> AbstractContextManager:
        return nullcontext() if self.devices[number] is None else keras.device(self.devices[number])


def _of(segment: Segment, statistics: Mapping[str, Statistic]) -> list[str]:
    """Return the names of the statistics of layers in the segment."""
    return [name for name, statistic in statistics.items() if statistic.layer in segment.taps]


def _signatures(segment: Segment, statistics: Mapping[str, Statistic]) -> tuple[Any, ...]:
    """Return what segments have in common that compute the same statistics."""
    found = ((name, statistics[name]) for name in _of(segment, statistics))
    return tuple((name, type(statistic).__name__, statistic.layer, statistic.signature) for name, statistic in found)
