"""Keras layers of texture networks; importing the package registers them for loading saved models."""

from layers.adaptive_pooling import AdaptivePooling2D
from layers.batch_statistics_normalization import BatchStatisticsNormalization
from layers.bilinear_resize_to_match import BilinearResizeToMatch
from layers.bilinear_sampling import BilinearSampling2D
from layers.bilinear_upsampling import BilinearUpSampling2D
from layers.box_decoding import BoxDecoding
from layers.center_pad_concatenate import CenterPadConcatenate
from layers.circular_padding import CircularPadding2D
from layers.conditional_instance_normalization import ConditionalInstanceNormalization
from layers.constant_conv2d import ConstantConv2D
from layers.continued_cell import ContinuedCell
from layers.correlation import Correlation2D
from layers.crop_by_sizes import CropBySizes
from layers.crop_to_match import CropToMatch
from layers.detection_selection import DetectionSelection
from layers.dilated_max_pooling import DilatedMaxPooling2D
from layers.dynamic_conv2d import DynamicConv2D
from layers.dynamic_conv2d_transpose import DynamicConv2DTranspose
from layers.elementwise_affine import ElementwiseAffine
from layers.exact_leaky_relu import ExactLeakyReLU
from layers.filtered_resizing import FilteredResizing2D
from layers.flow_warping import FlowWarping2D
from layers.fold_axes import FoldAxes
from layers.fractional_max_pooling import FractionalMaxPooling
from layers.grid_sampling import GridSampling2D
from layers.instance_normalization import InstanceNormalization
from layers.largest_in_order import LargestInOrder
from layers.local_response_normalization import LocalResponseNormalization
from layers.locally_connected import LocallyConnected2D
from layers.masked_select import MaskedSelect
from layers.max_unpooling import MaxUnpooling2D
from layers.native import plain_formulas
from layers.noise_planes import NoisePlanes
from layers.packed_conv2d import PackedConv2D, conv2d
from layers.pad_by_sizes import PadBySizes
from layers.pad_to_multiple import PadToMultiple
from layers.padded_average_pooling import PaddedAveragePooling2D
from layers.padded_conv2d_transpose import PaddedConv2DTranspose
from layers.padded_max_pooling import PaddedMaxPooling2D
from layers.parameter import Parameter
from layers.picture_normalization import PictureNormalization
from layers.pixel_shuffle import PixelShuffle2D
from layers.position_sensitive_pooling import PositionSensitivePooling2D
from layers.position_unpooling import PositionUnpooling2D
from layers.prior_boxes import PriorBoxes
from layers.projected_lstm_cell import ProjectedLSTMCell
from layers.range_by_sizes import RangeBySizes
from layers.reflection_padding import ReflectionPadding2D
from layers.region_max_pooling import RegionMaxPooling2D
from layers.region_proposals import RegionProposals
from layers.replication_padding import ReplicationPadding2D
from layers.resetting_cell import ResettingCell
from layers.reshape_by_sizes import ReshapeBySizes
from layers.resize_to_match import ResizeToMatch
from layers.style_weights import StyleWeights
from layers.symmetric_padding import SymmetricPadding2D
from layers.unfold_axes import UnfoldAxes
from layers.upsampled_conv2d import UpsampledConv2D
from layers.vgg_postprocessing import VGGPostprocessing
from layers.vgg_preprocessing import VGGPreprocessing
from layers.white_noise import WhiteNoise
from layers.winograd_conv2d import WinogradConv2D

__all__ = [
    "AdaptivePooling2D",
    "BatchStatisticsNormalization",
    "BilinearResizeToMatch",
    "BilinearSampling2D",
    "BilinearUpSampling2D",
    "BoxDecoding",
    "CenterPadConcatenate",
    "CircularPadding2D",
    "ConditionalInstanceNormalization",
    "ConstantConv2D",
    "ContinuedCell",
    "Correlation2D",
    "CropBySizes",
    "CropToMatch",
    "DetectionSelection",
    "DilatedMaxPooling2D",
    "DynamicConv2D",
    "DynamicConv2DTranspose",
    "ElementwiseAffine",
    "ExactLeakyReLU",
    "FilteredResizing2D",
    "FlowWarping2D",
    "FoldAxes",
    "FractionalMaxPooling",
    "GridSampling2D",
    "InstanceNormalization",
    "LargestInOrder",
    "LocalResponseNormalization",
    "LocallyConnected2D",
    "MaskedSelect",
    "MaxUnpooling2D",
    "NoisePlanes",
    "PackedConv2D",
    "PadBySizes",
    "PadToMultiple",
    "PaddedAveragePooling2D",
    "PaddedConv2DTranspose",
    "PaddedMaxPooling2D",
    "Parameter",
    "PictureNormalization",
    "PixelShuffle2D",
    "PositionSensitivePooling2D",
    "PositionUnpooling2D",
    "PriorBoxes",
    "ProjectedLSTMCell",
    "RangeBySizes",
    "ReflectionPadding2D",
    "RegionMaxPooling2D",
    "RegionProposals",
    "ReplicationPadding2D",
    "ResettingCell",
    "ReshapeBySizes",
    "ResizeToMatch",
    "StyleWeights",
    "SymmetricPadding2D",
    "UnfoldAxes",
    "UpsampledConv2D",
    "VGGPostprocessing",
    "VGGPreprocessing",
    "WhiteNoise",
    "WinogradConv2D",
    "conv2d",
    "plain_formulas",
]
