"""Message types, fields and layer types that Caffes other than BVLC's have.

CropCenter (field 149) is of waifu2x, 201 of PVANet, fields 202 to 206 are of SSD, 8266711 is Fast R-CNN's, 10001
R-FCN's; the other numbers are our own. Where versions of SSD differ in a default (clip), it is the one that OpenCV has.
"""

from __future__ import annotations

# V1 layer types of SegNet's, DeepLab's, DeconvNet's and C3D's Caffe; they number differently: the numbers are our own.
FORK_LAYER_TYPES = {
    "BN": (1001, "BN"),
    "CROP": (1002, "Crop"),
    "DENSE_IMAGE_DATA": (1003, "DenseImageData"),
    "IMAGE_SEG_DATA": (1004, "ImageSegData"),
    "INTERP": (1005, "Interp"),
    "MAT_WRITE": (1006, "MatWrite"),
    "PRELU": (1007, "PReLU"),
    "RESHAPE": (1008, "Reshape"),
    "SEG_ACCURACY": (1009, "SegAccuracy"),
    "UPSAMPLE": (1010, "Upsample"),
    "UNPOOLING": (1011, "Unpooling"),
    "CONVOLUTION3D": (1012, "Convolution3D"),
    "DECONVOLUTION3D": (1013, "Deconvolution3D"),
    "ELTWISE_PRODUCT": (1014, "EltwiseProduct"),
    "POOLING3D": (1015, "Pooling3D"),
    "VIDEO_DATA": (1016, "VideoData"),
    "VOXEL_SOFTMAX": (1017, "Softmax"),
    "VOXEL_SOFTMAX_LOSS": (1018, "VoxelSoftmaxWithLoss"),
}

FORK_ENUMS = {
    "DetectionOutputParameter.CodeType": "CORNER 1, CENTER_SIZE 2, CORNER_SIZE 3",
    "BNParameter.Mode": "LEARN 0, INFERENCE 1",
    "UnpoolingParameter.UnpoolMethod": "MAX 0, AVE 1, TILE 2",
    "CorrelationParameter.CorrelationType": "MULTIPLY 0, SUBTRACT 1",
    "FlowWarpParameter.FillParameter": "ZERO 1, NOT_A_NUMBER 2",
    "ResampleParameter.ResampleType": "NEAREST 1, LINEAR 2, CUBIC 3, AREA 4",
}

# More fields of a LayerParameter, in the form that convert.caffe.file.schema has.
FORK_PARAMETERS = """; CropCenterParameter crop_center_param = 149; PermuteParameter permute_param = 202;
    PriorBoxParameter prior_box_param = 203; DetectionOutputParameter detection_output_param = 204;
    NormalizeParameter norm_param = 206; UpsampleParameter upsample_param = 301;
    InterpParameter interp_param = 302; ShuffleChannelParameter shuffle_channel_param = 303;
    BNParameter bn_param = 304; ReorgParameter reorg_param = 305;
    PSROIPoolingParameter psroi_pooling_param = 10001; ROIPoolingParameter roi_pooling_param = 8266711;
    UnpoolingParameter unpooling_param = 306; TransposeParameter transpose_param = 307;
    ReverseParameter reverse_param = 308; LSTMParameter lstm_param = 309;
    ProposalParameter proposal_param = 201; Convolution3DParameter convolution3d_param = 310;
    Pooling3DParameter pooling3d_param = 311; VideoDataParameter video_data_param = 312;
    PixelShuffleParameter pixel_shuffle_param = 313; CorrelationParameter correlation_param = 314;
    FlowWarpParameter flow_warp_param = 315; ResampleParameter resample_param = 316"""

FORK_MESSAGES = {
    "CropCenterParameter": "uint32* crop_size = 2",
    "PSROIPoolingParameter": "float spatial_scale = 1; int32 output_dim = 2; int32 group_size = 3",
    "ProposalParameter": """uint32 feat_stride = 1 [16]; uint32 base_size = 2 [16]; uint32 min_size = 3 [16];
        float* ratio = 4; float* scale = 5; uint32 pre_nms_topn = 6 [6000]; uint32 post_nms_topn = 7 [300];
        float nms_thresh = 8 [0.7]""",
    "ROIPoolingParameter": "uint32 pooled_h = 1; uint32 pooled_w = 2; float spatial_scale = 3 [1]",
    "BNParameter": "BNParameter.Mode bn_mode = 1; float eps = 2 [1e-5]",
    "PermuteParameter": "uint32* order = 1",
    "NormalizeParameter": """bool across_spatial = 1 [true]; FillerParameter scale_filler = 2;
        bool channel_shared = 3 [true]; float eps = 4 [1e-10]""",
    "PriorBoxParameter": """float* min_size = 1; float* max_size = 2; float* aspect_ratio = 3; bool flip = 4 [true];
        bool clip = 5 [true]; float* variance = 6; uint32 img_size = 7; uint32 img_h = 8; uint32 img_w = 9;
        float step = 10; float step_h = 11; float step_w = 12; float offset = 13 [0.5]""",
    "NonMaximumSuppressionParameter": "float nms_threshold = 1 [0.3]; int32 top_k = 2 [-1]; float eta = 3 [1]",
    "DetectionOutputParameter": """uint32 num_classes = 1; bool share_location = 2 [true];
        int32 background_label_id = 3; NonMaximumSuppressionParameter nms_param = 4;
        DetectionOutputParameter.CodeType code_type = 6; bool variance_encoded_in_target = 8; int32 keep_top_k = 7 [-1];
        float confidence_threshold = 9; float objectness_score = 10""",
    "UpsampleParameter": """uint32 scale = 1 [1]; uint32 scale_h = 2; uint32 scale_w = 3; uint32 upsample_h = 1001;
        uint32 upsample_w = 1002; bool pad_out_h = 1003; bool pad_out_w = 1004""",
    "InterpParameter": """int32 height = 1; int32 width = 2; int32 zoom_factor = 3 [1]; int32 shrink_factor = 4 [1];
        int32 pad_beg = 5; int32 pad_end = 6""",
    "ShuffleChannelParameter": "uint32 group = 1 [1]",
    "PixelShuffleParameter": "uint32 upscale_factor = 1 [1]",
    "ReorgParameter": "uint32 stride = 1; bool reverse = 2",
    "UnpoolingParameter": """UnpoolingParameter.UnpoolMethod unpool = 1; uint32 pad = 2; uint32 pad_h = 3;
        uint32 pad_w = 4; uint32 kernel_size = 5; uint32 kernel_h = 6; uint32 kernel_w = 7; uint32 stride = 8 [1];
        uint32 stride_h = 9; uint32 stride_w = 10; uint32 unpool_size = 11; uint32 unpool_h = 12;
        uint32 unpool_w = 13""",
    "Convolution3DParameter": """uint32 num_output = 1; bool bias_term = 2 [true]; uint32 pad = 3;
        uint32 kernel_size = 4; uint32 group = 5; uint32 kernel_depth = 6; uint32 stride = 7 [1];
        uint32 temporal_stride = 8 [1]; FillerParameter weight_filler = 9; FillerParameter bias_filler = 10;
        uint32 filter_group = 11; uint32 temporal_pad = 12""",
    "Pooling3DParameter": """PoolingParameter.PoolMethod pool = 1; uint32 kernel_size = 2; uint32 stride = 3 [1];
        uint32 pad = 4; uint32 kernel_depth = 5; uint32 temporal_stride = 6 [1]""",
    "VideoDataParameter": """uint32 crop_size = 5; uint32 new_height = 9; uint32 new_width = 10; uint32 new_length = 13;
        uint32 num_segments = 1001""",
    "CorrelationParameter": """uint32 pad = 2; uint32 kernel_size = 3; uint32 max_displacement = 4;
        uint32 stride_1 = 5 [1]; uint32 stride_2 = 6 [1]; int32 single_direction = 8; bool do_abs = 7;
        CorrelationParameter.CorrelationType correlation_type = 15""",
    "FlowWarpParameter": "FlowWarpParameter.FillParameter fill_value = 1",
    "ResampleParameter": """bool antialias = 4 [true]; uint32 width = 1; uint32 height = 2;
        ResampleParameter.ResampleType type = 3 [LINEAR]; float factor = 5""",
    "TransposeParameter": "int32* dim = 1",
    "ReverseParameter": "int32 axis = 1",
    "LSTMParameter": """uint32 num_output = 1; float clipping_threshold = 2; FillerParameter weight_filler = 3;
        FillerParameter bias_filler = 4; uint32 batch_size = 5""",
}
