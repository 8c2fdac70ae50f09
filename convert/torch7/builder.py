"""Builds a Keras model from the module tree of a Torch7 file, module by module through the registry.

The architecture is read from the file and never assumed: each module's own fields decide what it becomes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import keras

import convert.torch7.converters  # noqa: F401  registers the converters
from compat import deep_recursion
from convert.axes import keras_shape
from convert.torch7.context import BatchStatisticsNeeded, ChannelMismatch, Context, Noise, Statistics
from convert.torch7.inputs.fixed_sizes import fitting_size
from convert.torch7.inputs.shapes import InputPlan, Inputs, Shape, leaves, plan_inputs
from convert.torch7.module import Module
from convert.torch7.pooling_ties import unpooled_keys
from convert.torch7.symbolic_values import BatchConsumed, Cell, Frame, Value
from errors import ArgumentError, UserError

MAX_TRIALS = 3  # of input channels


@dataclass(frozen=True)
class BuildOptions:
    """How a network is to be built.

    Attributes:
        shapes: shapes of the inputs in Torch7's order with the batch first, None for free sizes; none to derive them.
        batch: whether the batch is Torch7's first dimension, or Torch7 runs the network without one; None to find out.
        along_batch: whether modules may work along a batch that is said to be the first dimension.
        noise: whether random numbers come from layers with a seed or from inputs of the model.
        statistics: which statistics batch normalisations use.
        fixed_sizes: whether free sizes of the inputs become those with which modules of a fixed number of elements
            work, as an export needs them.
        picture_size: height and width that free ones become where a network takes pictures and noise of other sizes
            than theirs, which nothing but these tells an export; None leaves them free.
    """

    shapes: Sequence[Shape] = ()
    batch: bool | None = None
    along_batch: bool = True
    noise: Noise = "seed"
    statistics: Statistics = "auto"
    fixed_sizes: bool = False
    picture_size: tuple[int, int] | None = None


def build_model(root: Module, options: BuildOptions | None = None) -> tuple[keras.Model, Context]:
    """Return the network of `root` as a Keras model, and what its conversion used.

    Tensors of four and five axes have their channels last, others Torch7's order. Inputs are called input_0, ...,
    outputs output_0, ..., in the order of the tables that Torch7 has; several are a flat list. Where Torch7 runs the
    network without a batch dimension the model has one all the same.

    Raises:
        UserError: the network cannot be converted; the message says which module is the reason.
        ArgumentError: the shapes of the inputs are needed, or do not fit.
    """
    options = options or BuildOptions()
    plan = plan_inputs(root, options.shapes, fixed_sizes=options.fixed_sizes)
    try:
        return _build(root, plan, options)
    except BatchStatisticsNeeded:
        return _build(root, plan, replace(options, statistics="batch"))


def _build(root: Module, plan: InputPlan, options: BuildOptions) -> tuple[keras.Model, Context]:
    """Build in the first of the ways to run the network that works."""
    problem: UserError | None = None
    for frame in _frames(options, plan.guessed):
        try:
            return _build_in_frame(root, plan, frame, options)
        except BatchConsumed:
            continue
        except UserError as error:
            problem = problem or error
    raise problem or UserError("the network operates along its batch dimension, so no batch dimension can be added")


def _frames(options: BuildOptions, guessed: bool) -> list[Frame]:
    """Return the ways to run a network, the likeliest first.

    A network whose modules work along its first dimension is taken for one that Torch7 runs without a batch, unless
    its input is taken for a batch of pictures for want of anything that tells.
    """
    if options.batch is None:
        return [Frame(0), Frame(1)] if guessed else [Frame(0, keep_batch=True), Frame(1), Frame(0)]
    return [Frame(0, keep_batch=not options.along_batch)] if options.batch else [Frame(1)]


def _build_in_frame(root: Module, plan: InputPlan, frame: Frame, options: BuildOptions) -> tuple[keras.Model, Context]:
    """Build with the planned inputs; where one picture's channels were guessed, try what a module then asks for."""
    inputs = plan.inputs
    for trial in range(MAX_TRIALS):
        try:
            model, context = _build_with(root, inputs, frame, options)
            size = fitting_size(model.inputs, context.demands) if _may_be_sized(plan, context) else None
            if options.fixed_sizes and size is not None:
                return _build_with(root, _with_size(inputs, size), frame, options)
            context.fitting_size = size
            if options.picture_size is not None and context.noise_inputs:
                sized = _build_with(root, _with_picture_size(inputs, options.picture_size), frame, options)
                if any(tensor.shape[1:-1] != options.picture_size for tensor in sized[1].noise_inputs):
                    return sized
            return model, context
        except ChannelMismatch as mismatch:
            channels = _corrected(inputs, mismatch)
            if not plan.derived or channels is None or trial == MAX_TRIALS - 1:
                raise _refusal(mismatch, plan) from mismatch
            inputs = _with_channels(inputs, channels)
    raise UserError("the number of input channels is not in the file; give the sizes of the input as `input_shape`")


def _refusal(mismatch: ChannelMismatch, plan: InputPlan) -> UserError:
    """Return the error for a network whose modules do not fit together, with the channels that were derived."""
    if mismatch.found is None:
        return ArgumentError(str(mismatch))
    advice = "; where the input has other channels, give its sizes as `input_shape`" if plan.derived else ""
    return UserError(f"{mismatch}{advice}")


def _may_be_sized(plan: InputPlan, context: Context) -> bool:
    """Return whether modules ask for a size of the input that nobody gave and that noise does not depend on."""
    return plan.derived and bool(context.demands) and not context.noise_inputs


def _with_size(inputs: Inputs, size: int) -> Inputs:
    """Return the inputs with all free sizes set."""
    if not isinstance(inputs, tuple):
        return [_with_size(item, size) for item in inputs]
    batch, *sizes = inputs
    return (batch, *(size if own is None else own for own in sizes))


def _with_picture_size(inputs: Inputs, picture_size: tuple[int, int]) -> Inputs:
    """Return the inputs with the free heights and widths of pictures set."""
    if not isinstance(inputs, tuple):
        return [_with_picture_size(item, picture_size) for item in inputs]
    if len(inputs) != 4:
        return inputs
    sides = zip(inputs[2:], picture_size, strict=True)
    return (*inputs[:2], *(side if own is None else own for own, side in sides))


def _channel_axis(shape: Shape) -> int:
    return len(shape) - 1 if len(shape) < 4 else 1


def _corrected(inputs: Inputs, mismatch: ChannelMismatch) -> int | None:
    """Return the input channels that would give a module what it needs, None where nothing can be told."""
    if not isinstance(inputs, tuple):
        return None
    own = inputs[_channel_axis(inputs)]
    if mismatch.found is None:
        return mismatch.needed if own is None else None
    channels = (own or 0) + mismatch.needed - mismatch.found
    return channels if channels > 0 else None


def _with_channels(inputs: Inputs, channels: int) -> Inputs:
    if not isinstance(inputs, tuple):
        return inputs
    axis = _channel_axis(inputs)
    return tuple(channels if i == axis else size for i, size in enumerate(inputs))


def _build_with(root: Module, inputs: Inputs, frame: Frame, options: BuildOptions) -> tuple[keras.Model, Context]:
    context = Context(unpooled_keys(root.source), options.noise, options.statistics)
    tensors = [keras.Input(batch_shape=keras_shape(shape), name=f"input_{i}") for i, shape in enumerate(leaves(inputs))]
    value = context.convert(root, _cells(inputs, iter(tensors), frame))
    outputs = [keras.layers.Identity(name=f"output_{i}")(cell.tensor) for i, cell in enumerate(root.leaves(value))]
    if not outputs:
        raise root.fail("returns an empty table")
    model = _model([*tensors, *context.noise_inputs], outputs, context)
    for module in context.modules.values():
        module.check_all_read()
    return model, context


def _cells(inputs: Inputs, tensors: Iterator[keras.KerasTensor], frame: Frame) -> Value:
    if isinstance(inputs, tuple):
        return Cell(next(tensors), frame)
    return [_cells(item, tensors, frame) for item in inputs]


def _model(inputs: list[keras.KerasTensor], outputs: list[keras.KerasTensor], context: Context) -> keras.Model:
    try:
        with deep_recursion():
            return keras.Model(
                inputs if len(inputs) > 1 else inputs[0], outputs if len(outputs) > 1 else outputs[0], name="network"
            )
    except RecursionError as error:
        count = len(context.modules)
        raise UserError(f"the network chains {count:,} modules, more than Keras can build into a model") from error
