"""The table of cases that the common battery of the layers runs over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

import layers
from tests.layers import references


@dataclass(frozen=True)
class Case:
    """A layer with arguments, the shapes of its inputs (twice: one built model takes both), its reference.

    `reference(*inputs, weights, **arguments)` takes and returns NumPy arrays. `indices` is the number of
    positions where the second input are MaxUnpooling2D's indices, `half_rounding` by how much more its algorithm
    rounds in half precision than others.
    """

    layer: type
    arguments: dict[str, Any]
    reference: Callable
    shapes: tuple = ((2, 6, 7, 3),)
    other_shapes: tuple = ((1, 9, 8, 3),)
    indices: int = 0
    half_rounding: int = 1

    def __str__(self):
        arguments = "-".join(f"{k}={v}" for k, v in self.arguments.items()).replace(" ", "")
        return f"{self.layer.__name__}-{arguments}"

    def make(self, **more):
        """Return the layer, built for unknown sizes, with random weights."""
        layer = self.layer(**self.arguments, **more)
        unknown = [(*(None for _ in shape[:-1]), shape[-1]) for shape in self.shapes]
        layer.build(unknown if len(unknown) > 1 else unknown[0])
        generator = np.random.default_rng(1)
        layer.set_weights([generator.uniform(0.5, 1.5, w.shape).astype("float32") for w in layer.weights])
        return layer

    def inputs(self, shapes=None, seed=0):
        """Return distinct values for each input: no finite difference changes which is the largest."""
        generator = np.random.default_rng(seed)
        arrays = []
        for position, shape in enumerate(shapes or self.shapes):
            size = int(np.prod(shape))
            values = generator.permutation(np.linspace(-1.5, 1.5, size)).reshape(shape).astype("float32")
            if self.indices and position == 1:
                values = generator.integers(0, self.indices, shape).astype("int32")
            arrays.append(values)
        return arrays

    def expected(self, inputs, weights=()):
        """Return what the reference computes, in float64, as a list of outputs."""
        inputs = [x.astype("float64") if x.dtype == np.float32 else x for x in inputs]
        weights = [np.asarray(w, dtype="float64") for w in weights]
        outputs = self.reference(*inputs, weights, **self.arguments)
        return list(outputs) if isinstance(outputs, tuple) else [outputs]

    def model(self, layer, channels_known=True):
        """Return a model of the layer alone that takes any size."""
        inputs = [
            keras.Input(
                (*(None for _ in shape[1:-1]), shape[-1] if channels_known else None),
                dtype="int32" if self.indices and position == 1 else "float32",
            )
            for position, shape in enumerate(self.shapes)
        ]
        inputs = inputs if len(inputs) > 1 else inputs[0]
        return keras.Model(inputs, layer(inputs))


def call(function, inputs):
    """Return the outputs of a layer or model for NumPy inputs, as a list of NumPy arrays."""
    outputs = function(inputs if len(inputs) > 1 else inputs[0])
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    return [keras.ops.convert_to_numpy(output) for output in outputs]


NORM, MAXIMUM, AVERAGE = layers.InstanceNormalization, layers.PaddedMaxPooling2D, layers.PaddedAveragePooling2D
UNPOOL, UP, TRANSPOSED = layers.MaxUnpooling2D, layers.BilinearUpSampling2D, layers.PaddedConv2DTranspose
RESPONSE, AFFINE = layers.LocalResponseNormalization, layers.ElementwiseAffine
TO_8 = ["mod", ["sub", 8, ["mod", ["size", 0, 1], 8]], 8]
ASYMMETRIC = ((1, 2), (3, 0))
UNPOOL_SHAPES = {"shapes": ((2, 3, 3, 3), (2, 3, 3, 3), (2, 6, 7, 3)), "indices": 4}
OVERLAP_SHAPES = {"shapes": ((2, 3, 4, 3), (2, 3, 4, 3), (2, 6, 7, 3)), "indices": 9}

CASES = [
    Case(NORM, {}, references.instance_normalization),
    Case(NORM, {}, references.instance_normalization, shapes=((1, 6, 7, 3),), other_shapes=((3, 5, 4, 3),)),
    Case(NORM, {"epsilon": 0.5, "center": False}, references.instance_normalization),
    Case(
        layers.BilinearSampling2D,
        {},
        references.bilinear_sampling,
        shapes=((2, 6, 7, 3), (2, 4, 3, 2)),
        other_shapes=((1, 5, 1, 3), (1, 6, 5, 2)),
    ),
    *(
        Case(
            layers.DynamicConv2D,
            arguments,
            references.dynamic_convolution,
            shapes=((2, 6, 7, 4), kernel),
            other_shapes=((1, 9, 8, 4), kernel),
        )
        for arguments, kernel in [
            ({"strides": (2, 1)}, (3, 2, 4, 3)),
            ({"dilation_rate": 2}, (3, 2, 2, 6)),
        ]
    ),
    *(
        Case(
            layers.DynamicConv2DTranspose,
            {"filters": 3, "kernel_size": (3, 2), "strides": 2, "padding": 1, "groups": groups},
            references.dynamic_convolution_transpose,
            shapes=((2, 6, 7, 6), (3, 2, 3 // groups, 6)),
            other_shapes=((1, 5, 4, 6), (3, 2, 3 // groups, 6)),
        )
        for groups in (1, 3)
    ),
    *(
        Case(
            layers.GridSampling2D,
            {"interpolation": interpolation, "padding_mode": padding_mode, "align_corners": align_corners},
            references.grid_sampling,
            # of sizes at which no place of the grid is where its slope jumps
            shapes=((2, 6, 8, 3) if align_corners else (2, 7, 5, 3), (2, 4, 3, 2)),
            other_shapes=((1, 5, 1, 3), (1, 6, 5, 2)),
        )
        for interpolation, padding_mode, align_corners in [
            ("bilinear", "zeros", False),
            ("bilinear", "border", True),
            ("bilinear", "reflection", False),
            ("nearest", "zeros", True),
            ("nearest", "reflection", True),
        ]
    ),
    Case(
        layers.Correlation2D,
        {
            "row_shifts": [-1, 0, 2],
            "column_shifts": [-3],
            "kernel_size": 3,
            "strides": 2,
            "padding": (2, 1),
            "border": (1, 2),
            "difference": False,
        },
        references.correlation,
        shapes=((2, 6, 7, 3), (2, 6, 7, 3)),
        other_shapes=((1, 5, 8, 3), (1, 5, 8, 3)),
    ),
    Case(
        layers.FlowWarping2D,
        {},
        references.flow_warping,
        shapes=((2, 6, 7, 3), (2, 6, 7, 2)),
        other_shapes=((1, 5, 1, 3), (1, 5, 1, 2)),
    ),
    Case(NORM, {"epsilon": 1e-7, "scale": False}, references.instance_normalization),
    Case(layers.PictureNormalization, {}, references.picture_normalization),
    Case(layers.PictureNormalization, {"epsilon": 0.5, "center": False}, references.picture_normalization),
    Case(
        layers.ConditionalInstanceNormalization,
        {"epsilon": 1e-3},
        references.conditional_instance_normalization,
        shapes=((2, 6, 7, 3), (2, 4)),
        other_shapes=((1, 5, 4, 3), (1, 4)),
    ),
    Case(
        layers.ConditionalInstanceNormalization,
        {"epsilon": 1e-7, "center": False},
        references.conditional_instance_normalization,
        shapes=((1, 6, 7, 3), (1, 2)),
        other_shapes=((3, 5, 4, 3), (3, 2)),
    ),
    Case(layers.ReplicationPadding2D, {"padding": ASYMMETRIC}, references.padding("edge")),
    Case(layers.ReplicationPadding2D, {"padding": ((9, 9), (9, 9))}, references.padding("edge")),
    Case(layers.ReflectionPadding2D, {"padding": ASYMMETRIC}, references.padding("reflect")),
    Case(layers.ReflectionPadding2D, {"padding": ((5, 5), (6, 6))}, references.padding("reflect")),
    Case(layers.SymmetricPadding2D, {"padding": ASYMMETRIC}, references.padding("symmetric")),
    Case(layers.SymmetricPadding2D, {"padding": ((23, 9), (0, 31))}, references.padding("symmetric")),
    Case(layers.CircularPadding2D, {"padding": ASYMMETRIC}, references.padding("wrap")),
    Case(layers.CircularPadding2D, {"padding": ((6, 6), (7, 7))}, references.padding("wrap")),
    Case(MAXIMUM, {"pool_size": (2, 2)}, references.max_pooling),
    Case(
        MAXIMUM,
        {"pool_size": (3, 2), "strides": (2, 1), "padding": 1, "ceil_mode": True, "return_indices": True},
        references.max_pooling,
    ),
    Case(
        MAXIMUM,
        {"pool_size": (3, 3), "strides": (2, 2), "padding": ((0, 2), (1, 0))},
        references.padded_max_pooling,
    ),
    Case(AVERAGE, {"pool_size": (2, 3), "strides": (2, 1), "padding": 1}, references.average_pooling),
    Case(
        AVERAGE,
        {"pool_size": (3, 3), "strides": (2, 2), "padding": 1, "ceil_mode": True, "count_include_pad": False},
        references.average_pooling,
    ),
    Case(
        AVERAGE,
        {"pool_size": (3, 2), "strides": (2, 2), "ceil_mode": True, "divide": False},
        references.average_pooling,
    ),
    Case(
        AVERAGE,
        {"pool_size": (3, 3), "strides": (2, 2), "padding": ((0, 2), (1, 0))},
        references.padded_average_pooling,
    ),
    Case(
        UNPOOL,
        {"pool_size": (2, 2)},
        references.max_unpooling,
        other_shapes=((1, 4, 2, 3), (1, 4, 2, 3), (1, 9, 4, 3)),
        **UNPOOL_SHAPES,
    ),
    Case(
        UNPOOL,
        {"pool_size": (3, 3), "strides": (2, 2), "padding": 1},
        references.max_unpooling,
        other_shapes=((1, 5, 2, 3), (1, 5, 2, 3), (1, 9, 4, 3)),
        **OVERLAP_SHAPES,
    ),
    Case(UP, {"size": 2}, references.bilinear),
    Case(UP, {"output_size": (5, 11)}, references.bilinear),
    Case(layers.ConstantConv2D, {"filters": 4, "kernel_size": (3, 2)}, references.convolution),
    Case(layers.PackedConv2D, {"filters": 2, "kernel_size": (3, 4)}, references.convolution),
    Case(
        layers.PackedConv2D,
        {"filters": 3, "kernel_size": 3, "use_bias": False, "activation": "relu"},
        references.convolution,
        shapes=((2, 6, 8, 3),),
    ),
    Case(layers.WinogradConv2D, {"filters": 4}, references.grown_convolution, half_rounding=2),
    *(
        Case(
            layers.WinogradConv2D,
            {"filters": 2, "edges": edges, "use_bias": False, "activation": "relu"},
            references.grown_convolution,
            shapes=((2, 9, 5, 3),),
            half_rounding=2,
        )
        for edges in ("replication", "reflection", "circular", "zeros")
    ),
    Case(layers.UpsampledConv2D, {"filters": 4}, references.upsampled_convolution),
    Case(
        layers.UpsampledConv2D,
        {"filters": 2, "use_bias": False, "activation": "relu"},
        references.upsampled_convolution,
        shapes=((2, 4, 3, 3),),
    ),
    Case(
        TRANSPOSED,
        {"filters": 4, "kernel_size": 3, "strides": 2, "padding": 1, "output_padding": 1},
        references.transposed_convolution,
    ),
    Case(
        TRANSPOSED,
        {"filters": 2, "kernel_size": (4, 3), "strides": (3, 1), "use_bias": False, "activation": "relu"},
        references.transposed_convolution,
    ),
    Case(
        TRANSPOSED,
        {
            "filters": 6,
            "kernel_size": (2, 3),
            "strides": (1, 2),
            "output_padding": (0, 1),
            "dilation_rate": (3, 2),
            "groups": 3,
        },
        references.transposed_convolution,
    ),
    Case(RESPONSE, {"size": 5, "alpha": 0.3, "beta": 0.75, "k": 2.0}, references.response_across_channels),
    Case(RESPONSE, {"size": 2, "alpha": 0.3, "beta": 0.5}, references.response_across_channels),
    Case(
        RESPONSE,
        {"size": 3, "alpha": 0.3, "beta": 0.75, "across_channels": False},
        references.response_within_channel,
    ),
    Case(layers.ExactLeakyReLU, {"negative_slope": 0.1}, references.leaky_relu),
    Case(layers.ExactLeakyReLU, {"negative_slope": 1.5}, references.leaky_relu),
    Case(AFFINE, {"shape": (3,)}, references.affine),
    Case(AFFINE, {"shape": (1, 1, 3), "shift": False}, references.affine),
    Case(AFFINE, {"shape": (6, 1, 3), "scale": False}, references.affine, other_shapes=((1, 6, 4, 3),)),
    Case(
        layers.BilinearResizeToMatch,
        {},
        references.bilinear_to_match,
        shapes=((2, 3, 4, 3), (2, 5, 9, 2)),
        other_shapes=((1, 5, 5, 3), (1, 1, 3, 2)),
    ),
    *(
        Case(
            layers.ResizeToMatch,
            {"interpolation": interpolation},
            references.resize_to_match,
            shapes=((2, 3, 4, 3), (2, 5, 9, 2)),
            other_shapes=((1, 5, 5, 3), (1, 1, 3, 2)),
        )
        for interpolation in ("nearest", "bilinear", "bicubic")
    ),
    *(
        Case(
            layers.ResizeToMatch,
            {"interpolation": interpolation, "scale_factor": (1.5, 0.75)},
            references.resize_to_match,
            shapes=((2, 3, 6, 3), (2, 4, 4, 2)),
            other_shapes=((1, 5, 5, 3), (1, 7, 3, 2)),
        )
        for interpolation in ("nearest", "bilinear", "bicubic")
    ),
    *(
        Case(
            layers.ResizeToMatch,
            {"interpolation": interpolation, "scale_factor": (2.1, 1.1)},  # sides twice as long, and as long
            references.resize_to_match,
            shapes=((2, 3, 6, 3), (2, 6, 6, 2)),
            other_shapes=((1, 4, 5, 3), (1, 8, 5, 2)),
        )
        for interpolation in ("nearest", "bilinear", "bicubic")
    ),
    Case(
        layers.CropToMatch,
        {},
        references.crop,
        shapes=((2, 6, 7, 3), (2, 4, 7, 2)),
        other_shapes=((1, 5, 5, 3), (1, 2, 3, 2)),
    ),
    Case(layers.PadBySizes, {"axis": 1, "before": 3, "after": TO_8, "mode": "reflect"}, references.pad_by_sizes),
    Case(
        layers.PadBySizes,
        {"axis": 2, "before": ["sub", ["size", 1, 2], 5], "after": -2, "value": 0.5},
        references.pad_by_sizes,
        shapes=((2, 6, 7, 3), (2, 4, 7, 2)),
        other_shapes=((1, 5, 5, 3), (1, 2, 3, 2)),
    ),
    *(
        Case(layers.PadBySizes, {"axis": 2, "before": TO_8, "after": 4, "mode": mode}, references.pad_by_sizes)
        for mode in ("replicate", "circular")
    ),
    Case(
        layers.CropBySizes,
        {
            "axis": 1,
            "start": ["floordiv", ["sub", ["size", 0, 1], ["size", 1, 1]], 2],
            "end": ["sub", 0, ["min", ["size", 0, 2], 1]],
        },
        references.crop_by_sizes,
        shapes=((2, 6, 7, 3), (2, 3, 7, 2)),
        other_shapes=((1, 5, 5, 3), (1, 8, 3, 2)),
    ),
    Case(layers.CropBySizes, {"axis": 2, "start": -6, "end": ["max", ["size", 0, 1], 2]}, references.crop_by_sizes),
    Case(
        layers.ReshapeBySizes,
        {"shape": [["size", 0, 0], ["floordiv", ["size", 0, 1], 2], 2, -1, 3]},
        references.reshape_by_sizes,
        other_shapes=((1, 4, 8, 3),),
    ),
    Case(
        layers.PixelShuffle2D,
        {"size": 2},
        references.pixel_shuffle,
        shapes=((2, 3, 4, 8),),
        other_shapes=((1, 2, 5, 8),),
    ),
    Case(layers.PadToMultiple, {"multiple": (4, 3)}, references.pad_to_multiple),
    Case(
        layers.CenterPadConcatenate,
        {},
        references.depth_concat,
        shapes=((2, 6, 4, 3), (2, 3, 7, 2)),
        other_shapes=((1, 2, 5, 3), (1, 5, 5, 2)),
    ),
    Case(
        layers.StyleWeights,
        {"styles": ["a", "b", "c"]},
        references.identity,
        shapes=((2, 3),),
        other_shapes=((1, 3),),
    ),
    Case(layers.VGGPreprocessing, {}, references.vgg_preprocessing),
    Case(layers.VGGPostprocessing, {}, references.vgg_postprocessing),
    Case(layers.AdaptivePooling2D, {"output_size": (3, 5), "mode": "max"}, references.adaptive_pooling),
    Case(layers.AdaptivePooling2D, {"output_size": (7, 2), "mode": "average"}, references.adaptive_pooling),
    Case(layers.BatchStatisticsNormalization, {}, references.batch_statistics),
    Case(
        layers.BatchStatisticsNormalization,
        {"epsilon": 0.5, "center": False},
        references.batch_statistics,
        other_shapes=((3, 5, 4, 3),),
    ),
    Case(layers.DilatedMaxPooling2D, {"pool_size": (2, 3), "dilation_rate": (2, 1)}, references.dilated_max_pooling),
    Case(
        layers.DilatedMaxPooling2D,
        {"pool_size": (3, 2), "strides": (2, 1), "padding": (1, 1), "dilation_rate": (1, 2), "ceil_mode": True},
        references.dilated_max_pooling,
    ),
    Case(
        layers.LargestInOrder,
        {"k": 3},
        references.largest_in_order,
        shapes=((2, 7, 3),),
        other_shapes=((1, 4, 3),),
    ),
    Case(
        layers.LocallyConnected2D,
        {"filters": 4, "kernel_size": (3, 2), "output_size": (2, 6), "strides": (2, 1)},
        references.local_convolution,
        other_shapes=((1, 6, 7, 3),),
    ),
    Case(
        layers.FoldAxes,
        {"axes": 2},
        references.fold,
        shapes=((2, 3, 4, 5, 3),),
        other_shapes=((1, 2, 5, 4, 3),),
    ),
    Case(
        layers.UnfoldAxes,
        {"axes": 2},
        references.unfold,
        shapes=((6, 4, 5, 3), (2, 3, 4, 3)),
        other_shapes=((4, 2, 5, 3), (1, 4, 2, 3)),
    ),
]
