"""Keras layers of texture networks; importing the package registers them for loading saved models."""

from layers.bilinear_upsampling import BilinearUpSampling2D
from layers.center_pad_concatenate import CenterPadConcatenate
from layers.circular_padding import CircularPadding2D
from layers.conditional_instance_normalization import ConditionalInstanceNormalization
from layers.crop_to_match import CropToMatch
from layers.elementwise_affine import ElementwiseAffine
from layers.instance_normalization import InstanceNormalization
from layers.local_response_normalization import LocalResponseNormalization
from layers.max_unpooling import MaxUnpooling2D
from layers.native import plain_formulas
from layers.noise_planes import NoisePlanes
from layers.packed_conv2d import PackedConv2D, conv2d
from layers.pad_to_multiple import PadToMultiple
from layers.padded_average_pooling import PaddedAveragePooling2D
from layers.padded_conv2d_transpose import PaddedConv2DTranspose
from layers.padded_max_pooling import PaddedMaxPooling2D
from layers.pixel_shuffle import PixelShuffle2D
from layers.reflection_padding import ReflectionPadding2D
from layers.replication_padding import ReplicationPadding2D
from layers.upsampled_conv2d import UpsampledConv2D
from layers.vgg_postprocessing import VGGPostprocessing
from layers.vgg_preprocessing import VGGPreprocessing
from layers.winograd_conv2d import WinogradConv2D

__all__ = [
    "BilinearUpSampling2D",
    "CenterPadConcatenate",
    "CircularPadding2D",
    "ConditionalInstanceNormalization",
    "CropToMatch",
    "ElementwiseAffine",
    "InstanceNormalization",
    "LocalResponseNormalization",
    "MaxUnpooling2D",
    "NoisePlanes",
    "PackedConv2D",
    "PadToMultiple",
    "PaddedAveragePooling2D",
    "PaddedConv2DTranspose",
    "PaddedMaxPooling2D",
    "PixelShuffle2D",
    "ReflectionPadding2D",
    "ReplicationPadding2D",
    "UpsampledConv2D",
    "VGGPostprocessing",
    "VGGPreprocessing",
    "WinogradConv2D",
    "conv2d",
    "plain_formulas",
]
