"""3x3 convolutions of many channels by Winograd's algorithm: a quarter of the multiplications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers import native
from layers.arguments import require_simple_convolution
from layers.circular_padding import CircularPadding2D
from layers.edge_padding import EdgePadding2D
from layers.reflection_padding import ReflectionPadding2D
from layers.registration import registered
from layers.replication_padding import ReplicationPadding2D

EDGES: dict[str, type[EdgePadding2D]] = {
    "replication": ReplicationPadding2D,
    "reflection": ReflectionPadding2D,
    "circular": CircularPadding2D,
}
Matrix = list[list[float]]

KERNEL = 3
# A tile of 6x6 pixels gives 4x4 results.
SIDE = 4
TILE = SIDE + KERNEL - 1
# Where the algorithm evaluates polynomials, beside infinity. The usual 0, +-1, +-2 lose twice as much: with these the
# rounding error is about twice that of the usual sums in float32.
POINTS = (0.0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)
# What the tiles that are worked on at a time take: it stays in the processor's cache.
CACHE = 5_000_000


@registered
class WinogradConv2D(keras.layers.Conv2D):
    """A 3x3 keras.layers.Conv2D with stride 1, of the picture grown by a pixel at each edge: the same weights, faster.

    Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks", F(4x4, 3x3), with points that lose fewer
    digits (POINTS). Tiles are gathered together with the border, so that no padded copy is made, and some at a time,
    so that it needs little memory. On a CPU it pays from 128 channels on; for inference alone, as its gradient is slow.
    Half precision rounds several times as much as in the usual convolution.

    Args:
        filters: channels of the result.
        edges: "replication", "reflection" or "circular": how the picture is grown, as the padding layers of these
            names do it. None: not at all, so that the result is two pixels smaller than the input.
        options: further arguments of keras.layers.Conv2D: `activation`, `use_bias` and the like.

    Raises:
        ValueError: `edges` is unknown; padding, strides, dilation or groups are not the usual ones.
    """

    def __init__(self, filters: int, *, edges: str | None = None, **options: Any) -> None:
        super().__init__(filters, KERNEL, **options)
        require_simple_convolution(self)
        if edges is not None and edges not in EDGES:
            raise ValueError(f"WinogradConv2D {self.name!r}: edges must be one of {', '.join(EDGES)}, not {edges!r}")
        self.edges = edges

    def call(self, inputs: Any) -> Any:
        """Return the convolution of `inputs` (batch, height, width, channels)."""
        outputs = _convolve(inputs, ops.convert_to_tensor(self.kernel), edges=self.edges)
        if self.use_bias:
            outputs = outputs + ops.convert_to_tensor(self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the result, None where a size is unknown."""
        if self.edges is None:
            return super().compute_output_shape(input_shape)
        return (*input_shape[:3], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        fixed = ("kernel_size", "strides", "padding", "dilation_rate", "groups", "data_format")
        config = {name: value for name, value in super().get_config().items() if name not in fixed}
        return {**config, "edges": self.edges}


@native.traced_once
def _convolve(inputs: Any, kernel: Any, *, edges: str | None) -> Any:
    """Return the convolution of `inputs` (batch, height, width, channels), grown by `edges`, with a 3x3 `kernel`."""
    batch, height, width, channels = ops.shape(inputs)
    filters = kernel.shape[-1]
    pixels = ops.reshape(inputs, (-1, channels))
    grid = _grid(height, width, edges)
    rows, columns = (size - KERNEL + 1 for size in ops.shape(grid))
    down, across = (-(-size // SIDE) for size in (rows, columns))
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    tile_bytes = TILE**2 * channels * (4 if dtype == "float32" else 2)
    bands = -(-down * across * batch // max(1, CACHE // tile_bytes))
    band = -(-down // bands)
    kernels = _transformed(kernel)
    starts = ops.expand_dims(ops.arange(batch) * (height * width), 1)

    def convolve_band(first: Any) -> Any:
        tiles = ops.reshape(_tiles(grid, first, band, across), (TILE**2, 1, -1))
        products = ops.matmul(_transform(INPUTS, ops.take(pixels, starts + tiles, axis=0)), kernels)
        results = ops.reshape(_transform(RESULTS, products), (-1, filters))
        return ops.take(results, _places(batch, band, across, columns), axis=0)

    shape = (batch, SIDE * band, columns, filters)
    outputs = native.map_in_turn(convolve_band, ops.arange(0, down, band), shape=shape, dtype=dtype)
    return ops.reshape(ops.moveaxis(outputs, 0, 1), (batch, -1, columns, filters))[:, :rows]


def _grid(height: Any, width: Any, edges: str | None) -> Any:
    """Return the number of the pixel that stands at each place of the grown picture: (height, width)."""
    grid = ops.reshape(ops.arange(height * width), (1, height, width, 1))
    return (grid if edges is None else EDGES[edges](1)(grid))[0, :, :, 0]


def _transformed(kernel: Any) -> Any:
    """Return the transformed kernel: (36, channels, filters), of the kernel's type."""
    # In float32 also for half precision: it has few values.
    values = ops.reshape(ops.cast(kernel, "float32"), (KERNEL**2, *kernel.shape[2:]))
    return ops.cast(_transform(KERNELS, values), kernel.dtype)


def _tiles(grid: Any, first: Any, band: Any, across: Any) -> Any:
    """Return the pixels of the tiles: (row in the tile, column in the tile, row of tiles, column of tiles).

    Args:
        grid: pixel at each place.
        first: first row of tiles.
        band: number of rows of tiles.
        across: number of columns of tiles. Tiles that reach beyond the grid repeat its last row and column.
    """
    height, width = ops.shape(grid)
    rows = ops.expand_dims(ops.arange(TILE), 1) + SIDE * (first + ops.arange(band))
    columns = ops.expand_dims(ops.arange(TILE), 1) + SIDE * ops.arange(across)
    rows = ops.reshape(ops.minimum(rows, height - 1), (TILE, 1, -1, 1))
    columns = ops.reshape(ops.minimum(columns, width - 1), (1, TILE, 1, -1))
    return ops.take(ops.reshape(grid, (-1,)), rows * width + columns, axis=0)


def _places(batch: Any, band: Any, across: Any, columns: Any) -> Any:
    """Return where each result stands among those of the tiles: (batch, SIDE * band, columns).

    The tiles' results are in the order (row in the tile, column in the tile, picture, row of tiles, column of tiles).
    """
    row, column = ops.arange(SIDE * band), ops.arange(columns)
    tiles = band * across
    down = (row % SIDE) * SIDE * batch * tiles + (row // SIDE) * across
    right = (column % SIDE) * batch * tiles + column // SIDE
    picture = ops.reshape(ops.arange(batch) * tiles, (-1, 1, 1))
    return picture + ops.expand_dims(down, 1) + right


def _transform(matrix: Matrix, values: Any) -> Any:
    """Return the product with `matrix` along the first axis; the axes between it and the last one become one."""
    product = ops.matmul(ops.convert_to_tensor(matrix, dtype=values.dtype), ops.reshape(values, (len(matrix[0]), -1)))
    return ops.reshape(product, (len(matrix), -1, values.shape[-1]))


def _matrices() -> tuple[Matrix, Matrix, Matrix]:
    """Return the matrices of inputs (36, 36), kernels (36, 9) and results (16, 36).

    Toom's and Cook's multiplication of polynomials of SIDE and KERNEL coefficients (evaluate at the points, multiply,
    interpolate), transposed, which makes a correlation of it; in two dimensions the Kronecker product.
    """
    others = [[point for point in POINTS if point != own] for own in POINTS]
    # What the interpolation divides by goes to the kernels: the inputs are then polynomials' coefficients alone.
    divisors = [math.prod(own - point for point in rest) for own, rest in zip(POINTS, others, strict=True)]
    inputs = [[*_coefficients(rest), 0.0] for rest in others] + [_coefficients(POINTS)]
    kernels = [[own**k / divisor for k in range(KERNEL)] for own, divisor in zip(POINTS, divisors, strict=True)]
    kernels.append([0.0] * (KERNEL - 1) + [1.0])
    results = [[*(own**k for own in POINTS), float(k == SIDE - 1)] for k in range(SIDE)]
    return _kronecker(inputs), _kronecker(kernels), _kronecker(results)


def _coefficients(roots: Sequence[float]) -> list[float]:
    """Return the coefficients, the constant first, of the polynomial with these roots and the leading coefficient 1."""
    found = [1.0]
    for root in roots:
        found = [before - root * own for before, own in zip([0.0, *found], [*found, 0.0], strict=True)]
    return found


def _kronecker(matrix: Matrix) -> Matrix:
    """Return the Kronecker product of a matrix with itself."""
    return [[one * other for one in upper for other in lower] for upper in matrix for lower in matrix]


INPUTS, KERNELS, RESULTS = _matrices()
