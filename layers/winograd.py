"""Winograd's algorithm for 3x3 convolutions: a quarter of the multiplications, forwards and for the gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers import native
from layers.circular_padding import CircularPadding2D
from layers.edge_padding import EdgePadding2D
from layers.reflection_padding import ReflectionPadding2D
from layers.replication_padding import ReplicationPadding2D
from layers.spatial import pad

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
# rounding error is about twice that of the usual sums in float32. With each point its reciprocal is among them.
POINTS = (0.0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)
# For each point, infinity the last, the place of its reciprocal.
RECIPROCALS = (5, 3, 4, 1, 2, 0)
# What the tiles that are worked on at a time take: it stays in the processor's cache. With a quarter of it loss and
# gradient of a descriptor take 4 % longer, and a first picture 0.1 to 1 s, as more graphs have loops.
CACHE = 20_000_000


def convolve(
    inputs: Any, kernels: Any, bias: Any, *, edges: str | None = None, rectified: bool = False, backwards: bool = False
) -> Any:
    """Return a convolution with bias: (batch, height - 2, width - 2, filters), two more of both where it has `edges`.

    Args:
        inputs: (batch, height, width, channels).
        kernels: what `transform_kernel` returns, of the type of `inputs`.
        bias: (filters,).
        edges: name of EDGES: how the picture is grown by a pixel. None: not at all.
        rectified: whether negative results become 0.
        backwards: convolve with the kernel turned by 180 degrees, whose filters are the channels of `inputs`.
    """
    options = {"edges": edges, "rectified": rectified, "backwards": backwards}
    return _convolve(inputs, kernels, bias, **options)


def convolve_constant(inputs: Any, kernels: Any, bias: Any, *, margin: int, rectified: bool) -> Any:
    """Return `convolve` of the picture grown by zeros, with a gradient by the picture that is a convolution as well.

    The gradient of a convolution is one with the kernel turned by 180 degrees. To the kernel and the bias, which are
    constants, there is none.

    Args:
        inputs: (batch, height, width, channels).
        kernels: as in `convolve`.
        bias: as in `convolve`.
        margin: 0, or 1: of zeros, at each edge.
        rectified: as in `convolve`.
    """

    def convolution(pictures: Any) -> tuple[Any, Any]:
        outputs = convolve(grown(pictures, margin), kernels, bias, rectified=rectified)
        kept = ops.stop_gradient(outputs)  # on torch `outputs` would hold itself in memory by way of its gradient

        def gradient(*arguments: Any, upstream: Any = None) -> Any:
            slopes = arguments[0] if upstream is None else upstream
            if rectified:
                slopes = ops.where(kept > 0, slopes, ops.zeros_like(slopes))
            none = ops.zeros(pictures.shape[-1], dtype=slopes.dtype)
            return convolve(grown(slopes, KERNEL - 1 - margin), kernels, none, backwards=True)

        return outputs, gradient

    return native.call_with_gradient(convolution, inputs)


def transform_kernel(kernel: Any) -> Any:
    """Return a 3x3 kernel (3, 3, channels, filters) transformed, (36, channels, filters), of the same type."""
    # In float32 also for half precision: it has few values.
    values = ops.reshape(ops.cast(kernel, "float32"), (KERNEL**2, *kernel.shape[2:]))
    return ops.cast(_transform(KERNELS, values), kernel.dtype)


def grown(pictures: Any, margin: int) -> Any:
    """Return pictures (batch, height, width, channels) with `margin` zeros at each edge."""
    return pad(pictures, (margin, margin), (margin, margin))


@native.traced_once
def _convolve(inputs: Any, kernels: Any, bias: Any, *, edges: str | None, rectified: bool, backwards: bool) -> Any:
    batch, height, width, channels = ops.shape(inputs)
    filters = bias.shape[0]
    pixels = ops.reshape(inputs, (-1, channels))
    grid = _grid(height, width, edges)
    rows, columns = (size - KERNEL + 1 for size in ops.shape(grid))
    down, across = (-(-size // SIDE) for size in (rows, columns))
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    tile_bytes = TILE**2 * channels * (4 if dtype == "float32" else 2)
    bands = -(-down * across * batch // max(1, CACHE // tile_bytes))
    band = -(-down // bands)
    starts = ops.expand_dims(ops.arange(batch) * (height * width), 1)
    to_factors, to_results = (BACK_INPUTS, BACK_RESULTS) if backwards else (INPUTS, RESULTS)
    multiply = native.matmul_transposed if backwards else ops.matmul

    def convolve_band(first: Any) -> Any:
        tiles = ops.reshape(_tiles(grid, first, band, across), (TILE**2, 1, -1))
        products = multiply(_transform(to_factors, ops.take(pixels, starts + tiles, axis=0)), kernels)
        results = ops.reshape(_transform(to_results, products), (-1, filters)) + bias
        results = ops.relu(results) if rectified else results
        return ops.take(results, _places(batch, band, across, columns), axis=0)

    if isinstance(bands, int) and bands == 1:
        return convolve_band(0)[:, :rows]
    shape = (batch, SIDE * band, columns, filters)
    outputs = native.map_in_turn(convolve_band, ops.arange(0, down, band), shape=shape, dtype=dtype)
    return ops.reshape(ops.moveaxis(outputs, 0, 1), (batch, -1, columns, filters))[:, :rows]


def _grid(height: Any, width: Any, edges: str | None) -> Any:
    """Return the number of the pixel that stands at each place of the grown picture: (height, width)."""
    grid = ops.reshape(ops.arange(height * width), (1, height, width, 1))
    return (grid if edges is None else EDGES[edges](1)(grid))[0, :, :, 0]


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
    """Return the matrices along one axis: of inputs (6, 6), kernels (6, 3) and results (4, 6).

    Toom's and Cook's multiplication of polynomials of SIDE and KERNEL coefficients (evaluate at the points, multiply,
    interpolate), transposed, which makes a correlation of it.
    """
    others = [[point for point in POINTS if point != own] for own in POINTS]
    # What the interpolation divides by goes to the kernels: the inputs are then polynomials' coefficients alone.
    divisors = [math.prod(own - point for point in rest) for own, rest in zip(POINTS, others, strict=True)]
    inputs = [[*_coefficients(rest), 0.0] for rest in others] + [_coefficients(POINTS)]
    kernels = [[own**k / divisor for k in range(KERNEL)] for own, divisor in zip(POINTS, divisors, strict=True)]
    kernels.append([0.0] * (KERNEL - 1) + [1.0])
    results = [[*(own**k for own in POINTS), float(k == SIDE - 1)] for k in range(SIDE)]
    return inputs, kernels, results


def _turned(inputs: Matrix, kernels: Matrix, results: Matrix) -> tuple[Matrix, Matrix]:
    """Return the matrices of inputs and results, along one axis, that convolve with the kernel turned round.

    They take the kernel as it was transformed. Turned round, a polynomial has at a point p the value p^2 q(1 / p): for
    each point the transformed kernel has that value at the reciprocal, times a factor, which goes to the inputs.
    """
    places = [RECIPROCALS.index(i) for i in range(TILE)]
    turned = [row[::-1] for row in kernels]
    factors = [max(turned[i], key=abs) / max(kernels[RECIPROCALS[i]], key=abs) for i in places]
    new_inputs = [[factor * value for value in inputs[i]] for i, factor in zip(places, factors, strict=True)]
    return new_inputs, [[row[i] for i in places] for row in results]


def _coefficients(roots: Sequence[float]) -> list[float]:
    """Return the coefficients, the constant first, of the polynomial with these roots and the leading coefficient 1."""
    found = [1.0]
    for root in roots:
        found = [before - root * own for before, own in zip([0.0, *found], [*found, 0.0], strict=True)]
    return found


def _kronecker(matrix: Matrix) -> Matrix:
    """Return the Kronecker product of a matrix with itself."""
    return [[one * other for one in upper for other in lower] for upper in matrix for lower in matrix]


_ALONG_AXIS = _matrices()
# In two dimensions they are the Kronecker products: (36, 36), (36, 9) and (16, 36).
INPUTS, KERNELS, RESULTS = map(_kronecker, _ALONG_AXIS)
BACK_INPUTS, BACK_RESULTS = map(_kronecker, _turned(*_ALONG_AXIS))
