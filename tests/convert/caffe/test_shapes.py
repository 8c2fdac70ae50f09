"""Caffe's demands on shapes, and which sizes may stay open."""

import pytest
from support.caffe_writer import input_layer

from convert.caffe import shape_rules  # noqa: F401
from convert.caffe.file.prototxt import parse_prototxt
from convert.caffe.file.upgrade import upgrade
from convert.caffe.network import build_network, select
from convert.caffe.shapes import infer_open_shapes, infer_shapes
from errors import UserError

CONV = "convolution_param { num_output: 4 kernel_size: 3 %s }"
POOL = "pooling_param { kernel_size: 2 %s }"


def part(text):
    return select(build_network(upgrade(parse_prototxt(text.encode()))))


def chain(shape, *layers):
    """Return a network of layers (type, parameters) after each other."""
    text = input_layer("x0", shape)
    for index, (kind, parameters) in enumerate(layers):
        text += f"layer {{ name: 'l{index}' type: '{kind}' bottom: 'x{index}' top: 'x{index + 1}' {parameters} }}\n"
    return part(text)


PICTURE = (2, 4, 6, 6)


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("Convolution", "convolution_param { num_output: 4 }", "needs a kernel_size"),
        ("Convolution", "convolution_param { kernel_size: 3 }", "num_output 0 and group 1 must be positive"),
        ("Convolution", CONV % "group: 3", "group 3 does not divide 4 input and 4 output channels"),
        ("Convolution", CONV % "group: 0", "group 0 must be positive"),
        ("Convolution", CONV % "stride: 0", r"stride \(0, 0\) must be positive"),
        ("Convolution", CONV % "stride_h: 2", r"stride \(2, 0\) must be positive"),
        ("Convolution", CONV % "kernel_h: 2", "both kernel_size and kernel_h or kernel_w"),
        ("Convolution", CONV % "pad: [1, 2, 3]", "has 3 times pad"),
        ("Convolution", CONV % "dilation: 4", "leaves nothing of 2 x 4 x 5 x 6"),
        ("Convolution", CONV % "axis: 2", "axis 2: the channels must be on axis 1"),
        ("Convolution", CONV % "axis: 5", "axis 5 of a blob with 4 axes"),
        ("Convolution", CONV % "pad: 100000", "more than 2147483647 numbers"),
        ("Deconvolution", CONV % "pad: 9", "leaves nothing"),
        ("Pooling", "", r"kernel \(0, 0\) must be positive"),
        ("Pooling", POOL % "pool: STOCHASTIC", "stochastic pooling is random"),
        ("Pooling", POOL % "pad: 2", r"pad \(2, 2\) must be smaller than the kernel"),
        ("Pooling", POOL % "pad_h: 1", "needs pad or both pad_h and pad_w"),
        ("Pooling", POOL % "global_pooling: true", "both global_pooling and a kernel size"),
        ("Pooling", "pooling_param { global_pooling: true stride: 2 }", "Caffe takes 1 and 0 only"),
        ("Pooling", "pooling_param { kernel_size: 9 }", "leaves nothing"),
        ("InnerProduct", "", "num_output must be positive"),
        ("InnerProduct", "inner_product_param { num_output: 2 axis: 4 }", "axis 4 of a blob with 4 axes"),
        ("LRN", "lrn_param { local_size: 4 }", "local_size 4 must be odd"),
        ("Power", "power_param { scale: nan }", r"power_param\.scale must be a finite number, not nan"),
        ("ReLU", "relu_param { negative_slope: 1e39 }", r"relu_param\.negative_slope must be a finite number, not inf"),
        ("Clip", "clip_param { min: nan max: inf }", r"clip_param\.min must be a finite number, not nan"),
        ("Clip", "clip_param { min: 0 }", "needs clip_param with min and max"),
        ("Exp", "exp_param { base: 0 }", "base 0.0 must be positive"),
        ("Log", "log_param { base: 1 }", "no logarithm to the base 1"),
        ("Softmax", "softmax_param { axis: -5 }", "axis -5 of a blob with 4 axes"),
        ("Eltwise", "", "has 1 bottoms; 2 or more are needed"),
        ("ArgMax", "argmax_param { top_k: 0 }", "top_k 0 of 120 numbers"),
        ("ArgMax", "argmax_param { axis: 1 top_k: 5 }", "top_k 5 of 4 numbers"),
        ("Scale", "scale_param { axis: 3 num_axes: 2 }", "2 axes from axis 3 on, of a blob with 4"),
        ("Bias", "bias_param { num_axes: -2 }", "-2 axes from axis 1 on"),
        ("Slice", "slice_param { slice_point: 2 }", "has 1 slice points for 1 tops"),
        ("Slice", "slice_param { axis: 1 slice_dim: 1 }", "both axis and slice_dim"),
        ("CropCenter", "crop_center_param { crop_size: 1 }", "has 1 crop sizes for a blob of 4 axes"),
        ("CropCenter", "crop_center_param { crop_size: [0, 2, 0, 0] }", "outputs an empty blob, 2 x 0 x 5 x 6"),
        ("Crop", "", "has 1 bottoms; 2 are needed"),
        ("Tile", "", "tiles 0 must be positive"),
        ("Flatten", "flatten_param { axis: 2 end_axis: 1 }", "axis 2 is after end_axis 1"),
        ("Reshape", "reshape_param { shape { dim: 7 dim: -1 } }", "cannot reshape 2 x 4 x 5 x 6 to 7 x -1"),
        ("Reshape", "reshape_param { shape { dim: 7 } }", "cannot reshape"),
        ("Reshape", "reshape_param { shape { dim: -1 dim: -1 } }", "one -1 is allowed"),
        ("Reshape", "reshape_param { shape { dim: [0, 0, 0, 0, 0, -1] } }", "cannot copy the size of axis 4"),
        ("Reshape", "reshape_param { shape { dim: 1 } axis: 3 num_axes: 2 }", "axis 3 and num_axes 2"),
        ("Recurrent", "", "unknown layer type 'Recurrent'"),
        ("Convolutoin", "", "unknown layer type 'Convolutoin'; did you mean 'Convolution'"),
        ("", "", "unknown layer type ''"),
    ],
)
def test_what_caffe_refuses_is_refused(kind, parameters, message):
    with pytest.raises(UserError, match=f"layer 2 'l0' .{kind}.: .*{message}"):
        infer_shapes(chain((2, 4, 5, 6), (kind, parameters)))


PARTS = "psroi_pooling_param { spatial_scale: 1 output_dim: %d group_size: %d }"
ANCHORS = [(1, 18, 6, 9), (1, 36, 6, 9)]


@pytest.mark.parametrize(
    ("kind", "shapes", "parameters", "tops", "message"),
    [
        ("Eltwise", [(1, 2), (1, 3)], "", 1, "bottoms of different shapes, 1 x 2 and 1 x 3"),
        ("Eltwise", [(1, 2), (1, 2)], "eltwise_param { coeff: 1 }", 1, "has 1 coefficients for 2 bottoms"),
        ("Eltwise", [(1, 2)] * 2, "eltwise_param { operation: PROD coeff: [1, 2] }", 1, "for sums only"),
        ("Concat", [(1, 2, 3), (1, 2)], "", 1, "cannot join 1 x 2 x 3 and 1 x 2 along axis 1"),
        ("Concat", [(1, 2, 3), (1, 2, 4)], "", 1, "cannot join"),
        ("Crop", [(1, 2, 5, 5), (1, 2, 4, 6)], "", 1, "cannot crop 1 x 2 x 5 x 5 to 1 x 2 x 4 x 6"),
        ("Crop", [(1, 2, 5, 5), (1, 2, 4, 4)], "crop_param { offset: 2 }", 1, "with offsets .2, 2."),
        ("Crop", [(1, 2, 5, 5), (1, 2, 4, 4)], "crop_param { offset: [1, 0, 0] }", 1, "has 3 offsets; 1 or 2"),
        ("Crop", [(1, 2, 5, 5), (5, 5)], "", 1, "cannot crop"),
        ("Scale", [(1, 2, 5, 5), (3,)], "", 1, "the second bottom, 3, must be 2"),
        ("Slice", [(1, 5)], "", 2, "2 tops do not divide an axis of 5 evenly"),
        ("Slice", [(1, 5)], "slice_param { slice_point: [3, 2] }", 3, "must increase, from at least 1"),
        ("Slice", [(1, 5)], "slice_param { slice_point: [5] }", 2, "must increase, from at least 1"),
        ("Pooling", [(1, 2, 5, 5)], "pooling_param { pool: AVE kernel_size: 2 }", 2, "only MAX pooling has a second"),
        ("ReLU", [(1, 2)], "", 2, "has 2 tops; 1 are needed"),
        ("Axpy", [(1, 2), (1, 3, 2, 2), (1, 3, 2, 2)], "", 1, "do not fit"),
        ("Convolution", [(1, 2, 3)], "convolution_param { num_output: 1 kernel_size: 1 }", 1, "needs a blob of 4 axes"),
        ("LSTM", [(3, 2, 4), (3, 2)], "", 1, "num_output 0 must be from 1"),
        ("LSTM", [(3, 2, 4), (2, 3)], "recurrent_param { num_output: 5 }", 1, "2 x 3 are not time x sequences x feat"),
        ("LSTM", [(3, 2, 4), (3, 2), (3, 4)], "recurrent_param { num_output: 5 }", 1, "must be sequences x features"),
        (
            "RNN",
            [(3, 2, 4), (3, 2), (1, 2, 4)],
            "recurrent_param { num_output: 5 expose_hidden: true }",
            2,
            "the first states must be 1 x 2 x 5",
        ),
        ("RNN", [(3, 2, 4), (3, 2)], "recurrent_param { num_output: 5 }", 2, "2 bottoms and 2 tops; 2 or 3 and 1 are"),
        ("ROIPooling", [PICTURE, (3, 4)], "roi_pooling_param { pooled_h: 2 pooled_w: 2 }", 1, "five numbers for each"),
        ("ROIPooling", [PICTURE, (3, 5)], "roi_pooling_param { pooled_h: 2 }", 1, "pooled_w 0 must be from 1 to"),
        ("PSROIPooling", [PICTURE, (3, 4)], "", 1, "five numbers for each"),
        (
            "PSROIPooling",
            [PICTURE, (3, 5)],
            PARTS % (1, 3),
            1,
            "needs output_dim 1 x group_size 3 x group_size channels",
        ),
        ("Proposal", [(1, 8, 6, 9), (1, 16, 6, 9), (1, 3)], "", 1, "needs 18 scores and 36 moves for 9 anchors"),
        ("Proposal", [(1, 18, 6, 9), (1, 36, 6, 9), (1, 2)], "", 1, "and three numbers of the picture"),
        ("Proposal", [*ANCHORS, (1, 3)], "proposal_param { pre_nms_topn: 0 }", 1, "pre_nms_topn 0 must be from 1 to"),
        ("Proposal", [*ANCHORS, (1, 3)], "proposal_param { ratio: [1, 0] }", 1, "ratios and scales must be above 0"),
        ("MVN", [(1, 2, 3, 4, 5)], "", 1, "up to 4 axes"),
        ("BatchNorm", [(3,)], "", 1, "2 or more axes"),
        ("Input", [], "input_param { shape { dim: 0 dim: 1 } }", 1, "outputs an empty blob"),
        ("Input", [], "input_param { shape { } }", 1, "gives a shape without sizes"),
        ("Input", [], "", 1, "gives 0 shapes for 1 tops"),
        (
            "Data",
            [],
            "data_param { source: 'lmdb' }",
            2,
            "reads files; give the size of their contents",
        ),
    ],
)
def test_bottoms_and_tops_must_fit(kind, shapes, parameters, tops, message):
    text = "".join(input_layer(f"x{index}", shape) for index, shape in enumerate(shapes))
    text += f"layer {{ name: 'l' type: '{kind}' {parameters} "
    text += "".join(f"bottom: 'x{index}' " for index in range(len(shapes)))
    text += "".join(f"top: 'y{index}' " for index in range(tops)) + "}"
    text += "".join(
        f"layer {{ name: 'r{index}' type: 'ReLU' bottom: 'y{index}' top: 'z{index}' }}" for index in range(tops)
    )
    with pytest.raises(UserError, match=f"'l' .{kind}.: .*{message}"):
        infer_shapes(part(text))


PRODUCT = ("InnerProduct", "inner_product_param { num_output: 3 }")
FREE, BATCH, SIZE, FIXED = (None, 4, None, None), (None, 4, 6, 6), (2, 4, None, None), PICTURE


@pytest.mark.parametrize(
    ("layers", "left_open"),
    [
        ([("Convolution", CONV % "pad: 1"), ("ReLU", ""), ("Pooling", POOL % "stride: 2")], FREE),
        ([("Pooling", "pooling_param { global_pooling: true }"), PRODUCT], FREE),
        ([PRODUCT], BATCH),
        ([("InnerProduct", "inner_product_param { num_output: 3 axis: 0 }")], FIXED),
        ([("Flatten", "")], FREE),
        ([("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }")], FREE),
        ([("Reshape", "reshape_param { shape { dim: 2 dim: 4 dim: 36 } }")], FIXED),
        ([("Reshape", "reshape_param { shape { dim: -1 } }")], FREE),
        ([("Slice", "slice_param { axis: 0 }")], SIZE),
        ([("Slice", "slice_param { axis: 2 }")], BATCH),
        ([("Scale", "scale_param { axis: 2 }")], BATCH),
        ([("Scale", "scale_param { axis: 0 }")], SIZE),
        ([("Scale", "")], FREE),
        ([("Reduction", "")], FREE),
        ([("ArgMax", "argmax_param { axis: 1 }")], FREE),
        ([("ArgMax", "")], BATCH),
        ([("LRN", ""), ("Softmax", ""), ("MVN", ""), ("BatchNorm", ""), ("Tile", "tile_param { tiles: 2 }")], FREE),
    ],
)  # fmt: skip
def test_sizes_stay_open_where_the_network_allows(layers, left_open):
    network = chain(PICTURE, *layers)
    assert infer_open_shapes(network)[0].tops[0] == left_open
    assert infer_shapes(network)[0].tops[0] == PICTURE


def test_other_data_layers_have_shapes():
    text = (
        "layer { name: 'm' type: 'MemoryData' top: 'data' top: 'label' "
        "memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 } }"
        "layer { name: 'd' type: 'DummyData' top: 'dummy' top: 'other' dummy_data_param { "
        "num: 2 num: 3 channels: 4 height: 1 width: 1 } }"
        "layer { name: 'r' type: 'ReLU' bottom: 'data' top: 'a' }"
        "layer { name: 's' type: 'ReLU' bottom: 'other' top: 'b' }"
    )
    shapes = infer_shapes(part(text))
    assert shapes[0].tops == ((2, 3, 4, 5), (2,))
    assert shapes[1].tops == ((2, 4, 1, 1), (3, 4, 1, 1))


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (
            "Tile",
            "tile_param { axis: 2 tiles: 5 } } layer { name: 'u' type: 'Tile' bottom: 'u' top: 'v' "
            "tile_param { axis: 3 tiles: 6 }",
        ),
        ("Interp", "interp_param { height: 5 width: 6 } } layer { name: 'u' type: 'Split' bottom: 'u' top: 'v'"),
    ],
)
@pytest.mark.parametrize("merge", ["Eltwise", "Concat"])
def test_sizes_that_must_meet_a_fixed_one_stay_fixed(kind, parameters, merge):
    pooled = "layer { name: 'p' type: 'Pooling' bottom: 'x' top: 'p' pooling_param { global_pooling: true } }"
    text = f"""{input_layer("x", (2, 4, 5, 6))} {pooled}
        layer {{ name: 't' type: '{kind}' bottom: 'p' top: 'u' {parameters} }}
        layer {{ name: 'm' type: '{merge}' bottom: 'x' bottom: 'v' top: 'y' }}"""
    assert infer_open_shapes(part(text))[0].tops[0] == (None, 4, 5, 6)
