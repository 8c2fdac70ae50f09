"""Converters of the layers that work on each number by itself."""

from __future__ import annotations

import math

import keras
from keras import KerasTensor, ops

from convert.caffe.file.schema import enum_name
from convert.caffe.registry import Step, converts
from convert.functions import largest, softplus
from layers import ExactLeakyReLU

_MERGES = {"PROD": keras.layers.Multiply, "SUM": keras.layers.Add}
_ACTIVATIONS = {"Sigmoid": "sigmoid", "TanH": "tanh"}


@converts(*_ACTIVATIONS)
def activation(step: Step, x: KerasTensor) -> KerasTensor:
    """Apply one of Keras' activations."""
    return step.apply(keras.layers.Activation, x, activation=_ACTIVATIONS[step.layer.type])


@converts("BNLL")
def binomial_normal_log_likelihood(_step: Step, x: KerasTensor) -> KerasTensor:
    """Compute log(1 + e^x)."""
    return softplus(x)


@converts("ReLU")
def relu(step: Step, x: KerasTensor) -> KerasTensor:
    """Multiply negative numbers by the slope, 0 by default."""
    slope = step.layer.relu_param.negative_slope
    if slope == 0:
        return step.apply(keras.layers.ReLU, x)
    return step.apply(ExactLeakyReLU, x, negative_slope=slope)


@converts("ReLU6")
def relu6(step: Step, x: KerasTensor) -> KerasTensor:
    """Limit x to [0, 6]."""
    return step.apply(keras.layers.ReLU, x, max_value=6.0)


@converts("ELU")
def elu(step: Step, x: KerasTensor) -> KerasTensor:
    """Compute alpha * (e^x - 1) of negative numbers."""
    return step.apply(keras.layers.ELU, x, alpha=step.layer.elu_param.alpha)


@converts("AbsVal")
def absolute(_step: Step, x: KerasTensor) -> KerasTensor:
    """Compute |x|."""
    return ops.abs(x)


@converts("Swish")
def swish(step: Step, x: KerasTensor) -> KerasTensor:
    """Compute x * sigmoid(beta * x)."""
    return x * ops.sigmoid(step.layer.swish_param.beta * x)


@converts("HardSwish", "HSwish")
def hard_swish(_step: Step, x: KerasTensor) -> KerasTensor:
    """Compute x * min(max(x + 3, 0), 6) / 6 (MobileNetV3, Howard et al. 2019, 1905.02244)."""
    return x * ops.relu6(x + 3.0) / 6.0


@converts("Mish")
def mish(_step: Step, x: KerasTensor) -> KerasTensor:
    """Compute x * tanh(log(1 + e^x)) (Misra 2019, 1908.08681), as in Caffe versions of YOLOv4."""
    return x * ops.tanh(softplus(x))


@converts("Clip")
def clip(step: Step, x: KerasTensor) -> KerasTensor:
    """Limit x to [min, max]."""
    return ops.clip(x, step.layer.clip_param.min, step.layer.clip_param.max)


@converts("Threshold")
def threshold(step: Step, x: KerasTensor) -> KerasTensor:
    """Compute 1 where x is above the threshold, 0 elsewhere."""
    return ops.cast(x > step.layer.threshold_param.threshold, "float32")


@converts("Power")
def power(step: Step, x: KerasTensor) -> KerasTensor:
    """Compute (shift + scale * x)^power; without power or scale it is the same number everywhere, as in Caffe."""
    parameter = step.layer.power_param
    if parameter.power == 0 or parameter.scale == 0:
        return ops.full_like(x, 1.0 if parameter.power == 0 else _real_power(parameter.shift, parameter.power))
    y = _linear(x, parameter.scale, parameter.shift)
    return y if parameter.power == 1 else ops.power(y, parameter.power)


def _real_power(base: float, exponent: float) -> float:
    """Return base^exponent as C's pow gives it."""
    try:
        return math.pow(base, exponent)
    except ZeroDivisionError:
        return math.inf
    except ValueError:
        return math.nan


def _linear(x: KerasTensor, scale: float, shift: float) -> KerasTensor:
    y = x if scale == 1 else scale * x
    return y if shift == 0 else y + shift


@converts("Exp")
def exponential(step: Step, x: KerasTensor) -> KerasTensor:
    """Compute base^(shift + scale * x)."""
    parameter = step.layer.exp_param
    log_base = 1.0 if parameter.base == -1 else math.log(parameter.base)
    return ops.exp(_linear(x, log_base * parameter.scale, log_base * parameter.shift))


@converts("Log")
def logarithm(step: Step, x: KerasTensor) -> KerasTensor:
    """Compute the logarithm of shift + scale * x to the base."""
    parameter = step.layer.log_param
    y = ops.log(_linear(x, parameter.scale, parameter.shift))
    return y if parameter.base == -1 else y * (1 / math.log(parameter.base))


@converts("Dropout")
def dropout(step: Step, x: KerasTensor) -> KerasTensor:
    """Do nothing, as in the test phase; Caffes that do not scale in training (Fast R-CNN's) do so now."""
    parameter = step.layer.dropout_param
    return x if parameter.scale_train else _linear(x, 1 - parameter.dropout_ratio, 0)


@converts("Eltwise")
def eltwise(step: Step, *inputs: KerasTensor) -> KerasTensor:
    """Multiply, add (with coefficients) or take the maximum."""
    parameter = step.layer.eltwise_param
    operation = enum_name(parameter, "operation")
    if operation == "MAX":
        return largest(inputs)
    terms = list(inputs)
    if operation == "SUM" and parameter.coeff:
        terms = [_linear(x, coeff, 0) for x, coeff in zip(inputs, parameter.coeff, strict=True)]
    return step.apply(_MERGES[operation], terms)


@converts("Axpy")
def axpy(_step: Step, factors: KerasTensor, x: KerasTensor, y: KerasTensor) -> KerasTensor:
    """Compute factors * x + y, with one factor for each channel."""
    if len(factors.shape) == 2:
        factors = factors[:, None, None, :]
    return factors * x + y
