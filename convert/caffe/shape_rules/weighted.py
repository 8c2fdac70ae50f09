"""Shapes around the layers whose parameters span axes of their bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convert.caffe.file.schema import enum_name
from convert.caffe.network import LayerError
from convert.caffe.shapes import (
    Shape,
    Shapes,
    agree,
    canonical_axis,
    check_reshape,
    count,
    known,
    picture,
    shape_rule,
    written,
)


@shape_rule("InnerProduct")
def inner_product(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Replace all axes from `axis` on by one; weights are out x in, or in x out with `transpose`."""
    parameter = layer.inner_product_param
    axis = canonical_axis(parameter.axis, bottoms[0])
    inputs, outputs = count(bottoms[0][axis:]), parameter.num_output
    if outputs < 1:
        raise LayerError("num_output must be positive")
    check_reshape(bottoms[0][:axis])
    weights = (inputs, outputs) if parameter.transpose else (outputs, inputs)
    return Shapes([(*bottoms[0][:axis], outputs)], [weights, (outputs,)] if parameter.bias_term else [weights])


@shape_rule("Embed")
def embed(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Add an axis; the parameters are a row for each number that the bottom may hold, and the offsets."""
    parameter = layer.embed_param
    rows, columns = parameter.input_dim, parameter.num_output
    if rows < 1 or columns < 1:
        raise LayerError("num_output and input_dim must be positive")
    check_reshape((*bottoms[0], columns))
    return Shapes([(*bottoms[0], columns)], [(rows, columns), (columns,)] if parameter.bias_term else [(rows, columns)])


@shape_rule("BatchNorm")
def batch_norm(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape; parameters are the sums of mean and variance and the number that both are divided by."""
    if len(bottoms[0]) < 2:
        raise LayerError(f"needs a blob of 2 or more axes, not {written(bottoms[0])}")
    channels = known(bottoms[0][1])
    # NVIDIA's holds the factors and offsets of a Scale layer too.
    own = [(channels,), (channels,)] if layer.batch_norm_param.scale_bias else []
    return Shapes([bottoms[0]], [(channels,), (channels,), (1,), *own])


@shape_rule("BN")
def folded_batch_norm(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape; parameters are factors and offsets, in PSPNet's Caffe with mean and variance after them."""
    parameter, channels = layer.bn_param, known(picture(bottoms[0])[1])
    if not parameter.HasField("bn_mode"):
        return Shapes([bottoms[0]], [(1, channels, 1, 1)] * 4)
    if enum_name(parameter, "bn_mode") != "INFERENCE":
        raise LayerError("bn_mode LEARN takes the statistics of the batch; only INFERENCE can be converted")
    return Shapes([bottoms[0]], [(1, channels, 1, 1)] * 2)


@shape_rule("Normalize")
def normalize(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape; the parameter is one factor for all channels, or one for each."""
    channels = known(picture(bottoms[0])[1])
    return Shapes([bottoms[0]], [() if layer.norm_param.channel_shared else (channels,)])


@shape_rule("PReLU")
def prelu(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape; the parameter is one slope a channel, or one for all."""
    if not 2 <= len(bottoms[0]) <= 5:
        raise LayerError(f"needs a blob of 2 to 5 axes, not {written(bottoms[0])}")
    return Shapes([bottoms[0]], [() if layer.prelu_param.channel_shared else (known(bottoms[0][1]),)])


@shape_rule("Scale", bottoms=range(1, 3))
def scale(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape; parameters are the factors, unless a second bottom brings them, and the offsets."""
    parameters = _covered(layer.scale_param, bottoms)
    if len(bottoms) == 2:
        parameters = []
    if layer.scale_param.bias_term:
        parameters = [*parameters, *_covered(layer.scale_param, bottoms)]
    return Shapes([bottoms[0]], parameters)


@shape_rule("Bias", bottoms=range(1, 3))
def bias(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape; the parameter are the offsets, unless a second bottom brings them."""
    covered = _covered(layer.bias_param, bottoms)
    return Shapes([bottoms[0]], covered if len(bottoms) == 1 else [])


def _covered(parameter: Any, bottoms: Sequence[Shape]) -> list[Shape]:
    """Return the shape of the factors or offsets: that of the axes they cover."""
    first, axes = covered_axes(parameter, bottoms)
    covered = bottoms[0][first : first + axes]
    if len(bottoms) == 2 and not agree(covered, bottoms[1]):
        raise LayerError(f"the second bottom, {written(bottoms[1])}, must be {written(covered)} as the first")
    return [covered]


def covered_axes(parameter: Any, bottoms: Sequence[Shape]) -> tuple[int, int]:
    """Return the first of the axes that the factors or offsets cover, and how many."""
    axes = parameter.num_axes if len(bottoms) == 1 else len(bottoms[1])
    if axes == 0:
        return 0, 0
    first = canonical_axis(parameter.axis, bottoms[0])
    if axes == -1:
        axes = len(bottoms[0]) - first
    if axes < 0 or first + axes > len(bottoms[0]):
        raise LayerError(f"{axes} axes from axis {first} on, of a blob with {len(bottoms[0])}")
    return first, axes
