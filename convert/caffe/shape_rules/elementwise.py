"""Shapes around the layers that work on each number by itself, and what Caffe asks of their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convert.caffe.file.schema import enum_name
from convert.caffe.network import LayerError
from convert.caffe.shapes import Shape, Shapes, agree, canonical_axis, count, known, picture, shape_rule, written

UNARY = (
    "AbsVal",
    "BNLL",
    "Dropout",
    "ELU",
    "HSwish",
    "HardSwish",
    "Mish",
    "Power",
    "ReLU",
    "ReLU6",
    "Sigmoid",
    "Swish",
    "TanH",
    "Threshold",
)


@shape_rule(*UNARY)
def unary(_layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape."""
    return Shapes([bottoms[0]])


@shape_rule("Clip")
def clip(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape; both limits are needed."""
    parameter = layer.clip_param
    if not (parameter.HasField("min") and parameter.HasField("max")):
        raise LayerError("needs clip_param with min and max")
    return Shapes([bottoms[0]])


@shape_rule("Exp", "Log")
def exponential(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape; the base is positive, or -1 for e."""
    parameter = layer.exp_param if layer.type == "Exp" else layer.log_param
    if parameter.base != -1 and not parameter.base > 0:
        raise LayerError(f"base {parameter.base} must be positive, or -1 for e")
    if layer.type == "Log" and parameter.base == 1:
        raise LayerError("there is no logarithm to the base 1")
    return Shapes([bottoms[0]])


@shape_rule("Softmax")
def softmax(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape."""
    canonical_axis(layer.softmax_param.axis, bottoms[0])
    return Shapes([bottoms[0]])


@shape_rule("MVN")
def mvn(_layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make four axes of two or three, as Caffe does."""
    bottom = bottoms[0]
    if len(bottom) > 4:
        raise LayerError(f"needs a blob of up to 4 axes, not {written(bottom)}")
    return Shapes([(*bottom, *(1,) * (4 - len(bottom)))])


@shape_rule("Eltwise", bottoms=range(2, 1000))
def eltwise(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape that all bottoms have."""
    parameter = layer.eltwise_param
    for bottom in bottoms[1:]:
        if not agree(bottom, bottoms[0]):
            raise LayerError(f"bottoms of different shapes, {written(bottoms[0])} and {written(bottom)}")
    if parameter.coeff and len(parameter.coeff) != len(bottoms):
        raise LayerError(f"has {len(parameter.coeff)} coefficients for {len(bottoms)} bottoms")
    if parameter.coeff and enum_name(parameter, "operation") == "PROD":
        raise LayerError("coefficients are allowed for sums only")
    return Shapes([bottoms[0]])


@shape_rule("Axpy", bottoms=3)
def axpy(_layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape of the second and third bottom; the first has one number for each of their channels."""
    factors, x, y = bottoms
    picture(x)
    if not agree(x, y) or not (agree(factors, x[:2]) or agree(factors, (*x[:2], 1, 1))):
        raise LayerError(
            f"bottoms {written(factors)}, {written(x)} and {written(y)} do not fit: n x c, n x c x h x w and the "
            "same again are needed"
        )
    return Shapes([x])


@shape_rule("ArgMax")
def argmax(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make `top_k` positions (or values) of one axis, or of everything after the first."""
    parameter, bottom = layer.argmax_param, bottoms[0]
    if parameter.HasField("axis"):
        axis = canonical_axis(parameter.axis, bottom)
        length, top = known(bottom[axis]), (*bottom[:axis], parameter.top_k, *bottom[axis + 1 :])
    else:
        length = count(bottom[1:])
        rest = max(len(bottom), 3) - 3
        top = (bottom[0], 2 if parameter.out_max_val else 1, parameter.top_k, *(1,) * rest)
    if not 1 <= parameter.top_k <= length:
        raise LayerError(f"top_k {parameter.top_k} of {length} numbers")
    return Shapes([top])
