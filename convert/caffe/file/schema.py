"""Caffe's message types: the fields of caffe.proto of BVLC Caffe 1.0 (master), for reading a prototxt.

Declared here in Python, so that neither Caffe nor protoc is needed, in a descriptor pool of their own, so
that an installed Caffe does not collide with them. The messages of layers that other Caffes have are those of
`convert.caffe.file.fork_schema`.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from convert.caffe.file.fork_schema import FORK_ENUMS, FORK_LAYER_TYPES, FORK_MESSAGES, FORK_PARAMETERS

PACKAGE = "caffe"

# Name of a V1 layer type -> (number in the enumeration, name in the new format).
V1_LAYER_TYPES = {
    "NONE": (0, ""),
    "ABSVAL": (35, "AbsVal"),
    "ACCURACY": (1, "Accuracy"),
    "ARGMAX": (30, "ArgMax"),
    "BNLL": (2, "BNLL"),
    "CONCAT": (3, "Concat"),
    "CONTRASTIVE_LOSS": (37, "ContrastiveLoss"),
    "CONVOLUTION": (4, "Convolution"),
    "DATA": (5, "Data"),
    "DECONVOLUTION": (39, "Deconvolution"),
    "DROPOUT": (6, "Dropout"),
    "DUMMY_DATA": (32, "DummyData"),
    "EUCLIDEAN_LOSS": (7, "EuclideanLoss"),
    "ELTWISE": (25, "Eltwise"),
    "EXP": (38, "Exp"),
    "FLATTEN": (8, "Flatten"),
    "HDF5_DATA": (9, "HDF5Data"),
    "HDF5_OUTPUT": (10, "HDF5Output"),
    "HINGE_LOSS": (28, "HingeLoss"),
    "IM2COL": (11, "Im2col"),
    "IMAGE_DATA": (12, "ImageData"),
    "INFOGAIN_LOSS": (13, "InfogainLoss"),
    "INNER_PRODUCT": (14, "InnerProduct"),
    "LRN": (15, "LRN"),
    "MEMORY_DATA": (29, "MemoryData"),
    "MULTINOMIAL_LOGISTIC_LOSS": (16, "MultinomialLogisticLoss"),
    "MVN": (34, "MVN"),
    "POOLING": (17, "Pooling"),
    "POWER": (26, "Power"),
    "RELU": (18, "ReLU"),
    "SIGMOID": (19, "Sigmoid"),
    "SIGMOID_CROSS_ENTROPY_LOSS": (27, "SigmoidCrossEntropyLoss"),
    "SILENCE": (36, "Silence"),
    "SOFTMAX": (20, "Softmax"),
    "SOFTMAX_LOSS": (21, "SoftmaxWithLoss"),
    "SPLIT": (22, "Split"),
    "SLICE": (33, "Slice"),
    "TANH": (23, "TanH"),
    "WINDOW_DATA": (24, "WindowData"),
    "THRESHOLD": (31, "Threshold"),
    **FORK_LAYER_TYPES,
}

_ENGINE = "DEFAULT 0, CAFFE 1, CUDNN 2"
_POOL_METHOD = "MAX 0, AVE 1, STOCHASTIC 2"
_DIM_CHECK_MODE = "STRICT 0, PERMISSIVE 1"

# Enumerations by the message that holds them.
_ENUMS = {
    "NetState.Phase": "TRAIN 0, TEST 1",
    "ParamSpec.DimCheckMode": _DIM_CHECK_MODE,
    "FillerParameter.VarianceNorm": "FAN_IN 0, FAN_OUT 1, AVERAGE 2",
    "LossParameter.NormalizationMode": "FULL 0, VALID 1, BATCH_SIZE 2, NONE 3",
    "ConvolutionParameter.Engine": _ENGINE,
    "DataParameter.DB": "LEVELDB 0, LMDB 1",
    "EltwiseParameter.EltwiseOp": "PROD 0, SUM 1, MAX 2",
    "HingeLossParameter.Norm": "L1 1, L2 2",
    "LRNParameter.NormRegion": "ACROSS_CHANNELS 0, WITHIN_CHANNEL 1",
    "LRNParameter.Engine": _ENGINE,
    "PoolingParameter.PoolMethod": _POOL_METHOD,
    "PoolingParameter.Engine": _ENGINE,
    "PoolingParameter.RoundMode": "CEIL 0, FLOOR 1",
    "ReductionParameter.ReductionOp": "SUM 1, ASUM 2, SUMSQ 3, MEAN 4",
    "ReLUParameter.Engine": _ENGINE,
    "SigmoidParameter.Engine": _ENGINE,
    "SoftmaxParameter.Engine": _ENGINE,
    "SPPParameter.PoolMethod": _POOL_METHOD,
    "SPPParameter.Engine": _ENGINE,
    "TanHParameter.Engine": _ENGINE,
    "V0LayerParameter.PoolMethod": _POOL_METHOD,
    "V1LayerParameter.DimCheckMode": _DIM_CHECK_MODE,
    "V1LayerParameter.LayerType": ", ".join(f"{name} {number}" for name, (number, _) in V1_LAYER_TYPES.items()),
    **FORK_ENUMS,
}

# One field an entry: type, name = number, [default]; a star marks repeated fields. Defaults that no
# conversion needs are left out; BatchNorm's use_global_stats has the one of Caffe's test phase.
_MESSAGES = {
    "BlobShape": "int64* dim = 1",
    "BlobProto": """BlobShape shape = 7; float* data = 5; float* diff = 6; double* double_data = 8;
        double* double_diff = 9; int32 num = 1; int32 channels = 2; int32 height = 3; int32 width = 4""",
    "FillerParameter": """string type = 1; float value = 2; float min = 3; float max = 4; float mean = 5;
        float std = 6; int32 sparse = 7; FillerParameter.VarianceNorm variance_norm = 8""",
    "NetParameter": """string name = 1; string* input = 3; BlobShape* input_shape = 8; int32* input_dim = 4;
        bool force_backward = 5; NetState state = 6; bool debug_info = 7; LayerParameter* layer = 100;
        V1LayerParameter* layers = 2""",
    "NetState": "NetState.Phase phase = 1 [TEST]; int32 level = 2; string* stage = 3",
    "NetStateRule": """NetState.Phase phase = 1; int32 min_level = 2; int32 max_level = 3;
        string* stage = 4; string* not_stage = 5""",
    "ParamSpec": """string name = 1; ParamSpec.DimCheckMode share_mode = 2; float lr_mult = 3;
        float decay_mult = 4""",
    "LayerParameter": """string name = 1; string type = 2; string* bottom = 3; string* top = 4;
        NetState.Phase phase = 10; float* loss_weight = 5; ParamSpec* param = 6; BlobProto* blobs = 7;
        bool* propagate_down = 11; NetStateRule* include = 8; NetStateRule* exclude = 9;
        TransformationParameter transform_param = 100; LossParameter loss_param = 101;
        AccuracyParameter accuracy_param = 102; ArgMaxParameter argmax_param = 103;
        BatchNormParameter batch_norm_param = 139; BiasParameter bias_param = 141;
        ClipParameter clip_param = 148; ConcatParameter concat_param = 104;
        ContrastiveLossParameter contrastive_loss_param = 105; ConvolutionParameter convolution_param = 106;
        CropParameter crop_param = 144; DataParameter data_param = 107; DropoutParameter dropout_param = 108;
        DummyDataParameter dummy_data_param = 109; EltwiseParameter eltwise_param = 110;
        ELUParameter elu_param = 140; EmbedParameter embed_param = 137; ExpParameter exp_param = 111;
        FlattenParameter flatten_param = 135; HDF5DataParameter hdf5_data_param = 112;
        HDF5OutputParameter hdf5_output_param = 113; HingeLossParameter hinge_loss_param = 114;
        ImageDataParameter image_data_param = 115; InfogainLossParameter infogain_loss_param = 116;
        InnerProductParameter inner_product_param = 117; InputParameter input_param = 143;
        LogParameter log_param = 134; LRNParameter lrn_param = 118;
        MemoryDataParameter memory_data_param = 119; MVNParameter mvn_param = 120;
        ParameterParameter parameter_param = 145; PoolingParameter pooling_param = 121;
        PowerParameter power_param = 122; PReLUParameter prelu_param = 131;
        PythonParameter python_param = 130; RecurrentParameter recurrent_param = 146;
        ReductionParameter reduction_param = 136; ReLUParameter relu_param = 123;
        ReshapeParameter reshape_param = 133; ScaleParameter scale_param = 142;
        SigmoidParameter sigmoid_param = 124; SoftmaxParameter softmax_param = 125;
        SPPParameter spp_param = 132; SliceParameter slice_param = 126; SwishParameter swish_param = 147;
        TanHParameter tanh_param = 127; ThresholdParameter threshold_param = 128;
        TileParameter tile_param = 138; WindowDataParameter window_data_param = 129"""
    + FORK_PARAMETERS,
    "TransformationParameter": """float scale = 1; bool mirror = 2; uint32 crop_size = 3;
        string mean_file = 4; float* mean_value = 5; bool force_color = 6; bool force_gray = 7""",
    "LossParameter": """int32 ignore_label = 1; LossParameter.NormalizationMode normalization = 3;
        bool normalize = 2""",
    "AccuracyParameter": "uint32 top_k = 1; int32 axis = 2; int32 ignore_label = 3",
    "ArgMaxParameter": "bool out_max_val = 1; uint32 top_k = 2 [1]; int32 axis = 3",
    "ClipParameter": "float min = 1; float max = 2",
    "ConcatParameter": "int32 axis = 2 [1]; uint32 concat_dim = 1 [1]",
    "BatchNormParameter": """bool use_global_stats = 1 [true]; float moving_average_fraction = 2;
        float eps = 3 [1e-5]; bool scale_bias = 1001""",
    "BiasParameter": "int32 axis = 1 [1]; int32 num_axes = 2 [1]; FillerParameter filler = 3",
    "ContrastiveLossParameter": "float margin = 1; bool legacy_version = 2",
    "ConvolutionParameter": """uint32 num_output = 1; bool bias_term = 2 [true]; uint32* pad = 3;
        uint32* kernel_size = 4; uint32* stride = 6; uint32* dilation = 18; uint32 hole = 1001; uint32 hole_h = 1002;
        uint32 hole_w = 1003; uint32 pad_h = 9;
        uint32 pad_w = 10; uint32 kernel_h = 11; uint32 kernel_w = 12; uint32 stride_h = 13;
        uint32 stride_w = 14; uint32 group = 5 [1]; FillerParameter weight_filler = 7;
        FillerParameter bias_filler = 8; ConvolutionParameter.Engine engine = 15; int32 axis = 16 [1];
        bool force_nd_im2col = 17; BlobShape kernel_shape = 1004; BlobShape stride_shape = 1005;
        BlobShape pad_shape = 1006; uint32 kernel_depth = 1007; uint32 temporal_stride = 1008 [1];
        uint32 temporal_pad = 1009""",
    "CropParameter": "int32 axis = 1 [2]; uint32* offset = 2",
    "DataParameter": """string source = 1; uint32 batch_size = 4; uint32 rand_skip = 7;
        DataParameter.DB backend = 8; float scale = 2; string mean_file = 3; uint32 crop_size = 5;
        bool mirror = 6; bool force_encoded_color = 9; uint32 prefetch = 10""",
    "DropoutParameter": "float dropout_ratio = 1 [0.5]; bool scale_train = 1001 [true]",
    "DummyDataParameter": """FillerParameter* data_filler = 1; BlobShape* shape = 6; uint32* num = 2;
        uint32* channels = 3; uint32* height = 4; uint32* width = 5""",
    "EltwiseParameter": """EltwiseParameter.EltwiseOp operation = 1 [SUM]; float* coeff = 2;
        bool stable_prod_grad = 3""",
    "ELUParameter": "float alpha = 1 [1]",
    "EmbedParameter": """uint32 num_output = 1; uint32 input_dim = 2; bool bias_term = 3 [true];
        FillerParameter weight_filler = 4; FillerParameter bias_filler = 5""",
    "ExpParameter": "float base = 1 [-1]; float scale = 2 [1]; float shift = 3",
    "FlattenParameter": "int32 axis = 1 [1]; int32 end_axis = 2 [-1]",
    "HDF5DataParameter": "string source = 1; uint32 batch_size = 2; bool shuffle = 3",
    "HDF5OutputParameter": "string file_name = 1",
    "HingeLossParameter": "HingeLossParameter.Norm norm = 1",
    "ImageDataParameter": """string source = 1; uint32 batch_size = 4; uint32 rand_skip = 7;
        bool shuffle = 8; uint32 new_height = 9; uint32 new_width = 10; bool is_color = 11; float scale = 2;
        string mean_file = 3; uint32 crop_size = 5; bool mirror = 6; string root_folder = 12;
        uint32 new_length = 1001""",
    "InfogainLossParameter": "string source = 1; int32 axis = 2",
    "InnerProductParameter": """uint32 num_output = 1; bool bias_term = 2 [true];
        FillerParameter weight_filler = 3; FillerParameter bias_filler = 4; int32 axis = 5 [1];
        bool transpose = 6""",
    "InputParameter": "BlobShape* shape = 1",
    "LogParameter": "float base = 1 [-1]; float scale = 2 [1]; float shift = 3",
    "LRNParameter": """uint32 local_size = 1 [5]; float alpha = 2 [1]; float beta = 3 [0.75];
        LRNParameter.NormRegion norm_region = 4; float k = 5 [1]; LRNParameter.Engine engine = 6""",
    "MemoryDataParameter": "uint32 batch_size = 1; uint32 channels = 2; uint32 height = 3; uint32 width = 4",
    "MVNParameter": "bool normalize_variance = 1 [true]; bool across_channels = 2; float eps = 3 [1e-9]",
    "ParameterParameter": "BlobShape shape = 1",
    "PoolingParameter": """PoolingParameter.PoolMethod pool = 1; uint32 pad = 4; uint32 pad_h = 9;
        uint32 pad_w = 10; uint32 kernel_size = 2; uint32 kernel_h = 5; uint32 kernel_w = 6;
        uint32 stride = 3 [1]; uint32 stride_h = 7; uint32 stride_w = 8;
        PoolingParameter.Engine engine = 11; bool global_pooling = 12;
        PoolingParameter.RoundMode round_mode = 13; bool ceil_mode = 1001 [true];
        BlobShape kernel_shape = 1002; BlobShape stride_shape = 1003; BlobShape pad_shape = 1004;
        uint32 kernel_depth = 1005; uint32 temporal_stride = 1006 [1]""",
    "PowerParameter": "float power = 1 [1]; float scale = 2 [1]; float shift = 3",
    "PythonParameter": """string module = 1; string layer = 2; string param_str = 3;
        bool share_in_parallel = 4""",
    "RecurrentParameter": """uint32 num_output = 1; FillerParameter weight_filler = 2;
        FillerParameter bias_filler = 3; bool debug_info = 4; bool expose_hidden = 5""",
    "ReductionParameter": """ReductionParameter.ReductionOp operation = 1 [SUM]; int32 axis = 2;
        float coeff = 3 [1]""",
    "ReLUParameter": "float negative_slope = 1; ReLUParameter.Engine engine = 2",
    "ReshapeParameter": "BlobShape shape = 1; int32 axis = 2; int32 num_axes = 3 [-1]",
    "ScaleParameter": """int32 axis = 1 [1]; int32 num_axes = 2 [1]; FillerParameter filler = 3;
        bool bias_term = 4; FillerParameter bias_filler = 5""",
    "SigmoidParameter": "SigmoidParameter.Engine engine = 1",
    "SliceParameter": "int32 axis = 3 [1]; uint32* slice_point = 2; uint32 slice_dim = 1 [1]",
    "SoftmaxParameter": "SoftmaxParameter.Engine engine = 1; int32 axis = 2 [1]",
    "SPPParameter": """uint32 pyramid_height = 1; SPPParameter.PoolMethod pool = 2;
        SPPParameter.Engine engine = 6""",
    "SwishParameter": "float beta = 1 [1]",
    "TanHParameter": "TanHParameter.Engine engine = 1",
    "ThresholdParameter": "float threshold = 1",
    "TileParameter": "int32 axis = 1 [1]; int32 tiles = 2",
    "WindowDataParameter": """string source = 1; float scale = 2; string mean_file = 3;
        uint32 batch_size = 4; uint32 crop_size = 5; bool mirror = 6; float fg_threshold = 7;
        float bg_threshold = 8; float fg_fraction = 9; uint32 context_pad = 10; string crop_mode = 11;
        bool cache_images = 12; string root_folder = 13""",
    "PReLUParameter": "FillerParameter filler = 1; bool channel_shared = 2",
    "V1LayerParameter": """string* bottom = 2; string* top = 3; string name = 4; NetStateRule* include = 32;
        NetStateRule* exclude = 33; V1LayerParameter.LayerType type = 5; BlobProto* blobs = 6;
        string* param = 1001; V1LayerParameter.DimCheckMode* blob_share_mode = 1002; float* blobs_lr = 7;
        float* weight_decay = 8; float* loss_weight = 35; AccuracyParameter accuracy_param = 27;
        ArgMaxParameter argmax_param = 23; ConcatParameter concat_param = 9;
        ContrastiveLossParameter contrastive_loss_param = 40; ConvolutionParameter convolution_param = 10;
        DataParameter data_param = 11; DropoutParameter dropout_param = 12;
        DummyDataParameter dummy_data_param = 26; EltwiseParameter eltwise_param = 24;
        ExpParameter exp_param = 41; HDF5DataParameter hdf5_data_param = 13;
        HDF5OutputParameter hdf5_output_param = 14; HingeLossParameter hinge_loss_param = 29;
        ImageDataParameter image_data_param = 15; InfogainLossParameter infogain_loss_param = 16;
        InnerProductParameter inner_product_param = 17; LRNParameter lrn_param = 18;
        MemoryDataParameter memory_data_param = 22; MVNParameter mvn_param = 34;
        PoolingParameter pooling_param = 19; PowerParameter power_param = 21; ReLUParameter relu_param = 30;
        SigmoidParameter sigmoid_param = 38; SoftmaxParameter softmax_param = 39;
        SliceParameter slice_param = 31; TanHParameter tanh_param = 37;
        ThresholdParameter threshold_param = 25; WindowDataParameter window_data_param = 20;
        TransformationParameter transform_param = 36; LossParameter loss_param = 42; V0LayerParameter layer = 1;
        BNParameter bn_param = 1003; CropParameter crop_param = 1004; InterpParameter interp_param = 1005;
        PReLUParameter prelu_param = 1006; ReshapeParameter reshape_param = 1007;
        UpsampleParameter upsample_param = 1008; UnpoolingParameter unpooling_param = 1009;
        string unknown_type = 1010""",
    "V0LayerParameter": """string name = 1; string type = 2; uint32 num_output = 3; bool biasterm = 4;
        FillerParameter weight_filler = 5; FillerParameter bias_filler = 6; uint32 pad = 7;
        uint32 kernelsize = 8; uint32 group = 9; uint32 stride = 10; V0LayerParameter.PoolMethod pool = 11;
        float dropout_ratio = 12; uint32 local_size = 13; float alpha = 14; float beta = 15; float k = 22;
        string source = 16; float scale = 17; string meanfile = 18; uint32 batchsize = 19;
        uint32 cropsize = 20; bool mirror = 21; BlobProto* blobs = 50; float* blobs_lr = 51;
        float* weight_decay = 52; uint32 rand_skip = 53; float det_fg_threshold = 54;
        float det_bg_threshold = 55; float det_fg_fraction = 56; uint32 det_context_pad = 58;
        string det_crop_mode = 59; int32 new_num = 60; int32 new_channels = 61; int32 new_height = 62;
        int32 new_width = 63; bool shuffle_images = 64; uint32 concat_dim = 65;
        HDF5OutputParameter hdf5_output_param = 1001""",
    **FORK_MESSAGES,
}

_FIELD = re.compile(r"(?P<type>[\w.]+)(?P<star>\*?) (?P<name>\w+) = (?P<number>\d+)(?: \[(?P<default>[^]]+)\])?")


@functools.cache
def message_class(name: str) -> Any:
    """Return the protobuf class of the message type `name`, such as "NetParameter"."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


def field_names(message: str) -> list[str]:
    """Return the names of the fields of the message type `message`."""
    return [field.name for field in message_class(message).DESCRIPTOR.fields]


def enum_name(message: Any, field: str) -> str:
    """Return the name of the value that the enumeration `field` of `message` has, such as "MAX"."""
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    return values[getattr(message, field)].name


@functools.cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="texture_nets_caffe.proto", package=PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for declaration in fields.split(";"):
            _add_field(message, declaration.strip())
    messages = {message.name: message for message in file.message_type}
    for name, values in _ENUMS.items():
        holder, enum_name = name.split(".")
        enum = messages[holder].enum_type.add(name=enum_name)
        for value in values.split(", "):
            label, number = value.split()
            enum.value.add(name=label, number=int(number))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_field(message: descriptor_pb2.DescriptorProto, declaration: str) -> None:
    match = _FIELD.fullmatch(declaration)
    if match is None:
        raise ValueError(f"no declaration of a field: {declaration!r}")
    field = message.field.add(name=match["name"], number=int(match["number"]))
    field.label = field.LABEL_REPEATED if match["star"] else field.LABEL_OPTIONAL
    type_name = match["type"]
    if type_name in _ENUMS or type_name in _MESSAGES:
        field.type = field.TYPE_ENUM if type_name in _ENUMS else field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{type_name}"
    else:
        field.type = getattr(field, f"TYPE_{type_name.upper()}")
    if match["default"]:
        field.default_value = match["default"]
