"""Prototxts of every format, their liberties, and their mistakes."""

import pytest
from support.caffe_cases import SHIPPED_CASES

from convert.caffe.file.prototxt import parse_prototxt, read_prototxt
from errors import UserError


def parse(text, folder):
    path = folder / "network.prototxt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_prototxt(path)


def test_liberties_of_the_text_format_are_taken():
    case = next(case for case in SHIPPED_CASES if case.name == "prototxt_quirks")
    net = read_prototxt(case.prototxt)
    assert net.name == "quirks"
    assert list(net.layer[0].top) == ["data"]
    assert list(net.layer[0].input_param.shape[0].dim) == [1, 3, 9, 11]
    assert net.layer[2].relu_param.negative_slope == pytest.approx(0.1)
    assert (net.layer[3].pooling_param.pool, net.layer[3].pooling_param.stride) == (1, 2)
    assert net.layer[4].name == "w/with slash"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("negative_slope: .5", 0.5),
        ("negative_slope: -1.5e-1F", -0.15),
        ("negative_slope: 2", 2),
        ("negative_slope: 1.,", 1),
        ("negative_slope: 0x", None),
        ("negative_slope: 1 negative_slope: 2", None),
        ("negative_slope { }", None),
        ("engine: CAFFE", 0),
        ("engine: 2;", 0),
        ("engine: FAST", None),
        ("engine: 7", None),
    ],
)
def test_numbers_and_names(text, value):
    data = f'layer {{ relu_param: < {text} # comment with " and }}\n> }}'.encode()
    if value is None:
        with pytest.raises(UserError, match="line 1, column"):
            parse_prototxt(data)
    else:
        assert parse_prototxt(data).layer[0].relu_param.negative_slope == pytest.approx(value)


def test_strings_have_escapes_and_are_joined():
    layer = parse_prototxt(rb"""layer { name: "a\x62\143\"" 'd"\'' # and
        "e\n" }""").layer[0]
    assert layer.name == 'abc"d"\'e\n'


def test_windows_line_ends_byte_order_marks_and_old_encodings_are_read():
    net = parse_prototxt(b"\xef\xbb\xbf# \xd6\xd0\xce\xc4\r\nlayer {\r\n  name: 'x'\r\n}\r\n")
    assert net.layer[0].name == "x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty, not a prototxt"),
        ("# nothing\n", "it contains no layers"),
        ("layer { name: 'a'\nlayer { name: 'b' } }", "line 2, column 1: a layer inside a layer"),
        ("layer { name: 'a' }\n}", "line 2"),
        ("layer { name: 'a' pooling_parm { } }", "did you mean 'pooling_param'"),
        ("layer { pooling_param { frobnicate: 1 } }", "unknown field of PoolingParameter 'frobnicate'"),
        ("layer { name: 'a }", "line 1, column 15"),
        ("layer { name: 3 }", "line 1"),
        ("layer { convolution_param { num_output: -1 } }", "line 1"),
        ("layer { convolution_param { num_output: 99999999999 } }", "line 1"),
        ("layer { name: 'a' } layers { name: 'b' }", "both in the new format"),
        ("input: 'a' layer { name: 'x' }", "0 shapes .* for 1 inputs"),
        ("input: 'a' input_dim: 1 input_dim: 3 layer { name: 'x' }", "has 2 values of input_dim for 1 inputs"),
        ("input: 'a' input_dim: 1 input_shape { dim: 3 } layer { name: 'x' }", "both input_shape and input_dim"),
        ("<html><body>no</body></html>", "is a web page"),
        (b"layer { name: 'a\0b' }", "line 1 contains the control character"),
        ("layers { layer { name: 'a' type: 'cnov' } }", "unknown V0 layer type 'cnov'; did you mean 'conv'"),
        ("layers { layer { name: 'a' type: 'relu' pad: 1 } }", "pad is not valid for the V0 layer type 'relu'"),
    ],
)
def test_mistakes_are_named(text, message, tmp_path):
    with pytest.raises(UserError, match=message):
        parse(text, tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="no such prototxt"):
        read_prototxt(tmp_path / "none.prototxt")


def test_several_old_inputs_become_one_layer():
    net = parse_and_upgrade("input: 'a' input: 'b' " + "".join(f"input_dim: {i} " for i in range(1, 9)) + "layer { }")
    assert list(net.layer[0].top) == ["a", "b"]
    assert [list(shape.dim) for shape in net.layer[0].input_param.shape] == [[1, 2, 3, 4], [5, 6, 7, 8]]


def parse_and_upgrade(text):
    from convert.caffe.file.upgrade import upgrade

    return upgrade(parse_prototxt(text.encode()))


def test_v1_layers_are_upgraded():
    net = parse_and_upgrade(
        "layers { name: 'c' type: CONVOLUTION bottom: 'a' top: 'b' param: 'w' param: 'b' blob_share_mode: STRICT "
        "blob_share_mode: PERMISSIVE blobs_lr: 1 weight_decay: 0 convolution_param { num_output: 3 kernel_size: 2 } "
        "include { phase: TRAIN } exclude { stage: 'x' } }"
        "layers { type: 18 relu_param { negative_slope: 2 } }"
    )
    layer = net.layer[0]
    assert (layer.name, layer.type, list(layer.bottom), list(layer.top)) == ("c", "Convolution", ["a"], ["b"])
    assert [(spec.name, spec.share_mode) for spec in layer.param] == [("w", 0), ("b", 1)]
    assert layer.convolution_param.num_output == 3
    assert layer.include[0].HasField("phase")
    assert list(layer.exclude[0].stage) == ["x"]
    assert (net.layer[1].type, net.layer[1].relu_param.negative_slope) == ("ReLU", 2)


V1_LAYERS_OF_FORKS = {
    "BN": ("BN", "bn_param { bn_mode: INFERENCE eps: 0.5 }"),
    "CROP": ("Crop", "crop_param { axis: 1 offset: 3 }"),
    "DENSE_IMAGE_DATA": ("DenseImageData", "dense_image_data_param { source: 'x' }"),
    "IMAGE_SEG_DATA": ("ImageSegData", "image_data_param { source: 'x' label_type: PIXEL }"),
    "INTERP": ("Interp", "interp_param { zoom_factor: 8 }"),
    "MAT_WRITE": ("MatWrite", "mat_write_param { prefix: 'x' }"),
    "PRELU": ("PReLU", "prelu_param { channel_shared: true }"),
    "RESHAPE": ("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }"),
    "SEG_ACCURACY": ("SegAccuracy", "seg_accuracy_param { ignore_label: 255 }"),
    "UPSAMPLE": ("Upsample", "upsample_param { scale: 2 }"),
}


@pytest.mark.parametrize("old", V1_LAYERS_OF_FORKS)
def test_v1_layers_of_forks_are_upgraded(old, tmp_path):
    new, parameter = V1_LAYERS_OF_FORKS[old]
    path = tmp_path / "old.prototxt"
    path.write_text(f"layers {{ name: 'a' type: {old} bottom: 'b' top: 'c' {parameter} }}")
    (layer,) = read_prototxt(path, []).layer
    assert layer.type == new
    known = [field for field, _ in layer.ListFields() if field.name.endswith("_param")]
    expected = [parameter.split()[0]] if layer.DESCRIPTOR.fields_by_name.get(parameter.split()[0]) else []
    assert [field.name for field in known] == expected


def test_v1_layers_of_unknown_types_keep_their_names(tmp_path):
    """As those of the new format do, so that the part before them can be converted."""
    text = (
        "layers { name: 'u' type: CONVOLUTION top: 'u' convolution_param { weight_filler { type: 'xavier' } } }"
        "layers { name: 'm' type: MULTI_STAGE_MEANFIELD bottom: 'u' multi_stage_meanfield_param { threshold: 2 } }"
        "layers { name: 'n' type : MULTI_STAGE_MEANFIELD } layers { name: 'o' type: FOO }"
    )
    path, ignored = tmp_path / "a.prototxt", []
    path.write_text(text)
    net = read_prototxt(path, ignored)
    assert [layer.type for layer in net.layer] == ["Convolution", *["MULTI_STAGE_MEANFIELD"] * 2, "FOO"]
    assert ignored == ["V1LayerParameter.multi_stage_meanfield_param"]


def test_v0_layers_are_upgraded():
    net = parse_and_upgrade(
        "layers { layer { name: 'p' type: 'padding' pad: 2 } bottom: 'data' top: 'padded' }"
        "layers { layer { name: 'c' type: 'conv' num_output: 3 kernelsize: 5 stride: 2 group: 1 biasterm: false "
        "weight_filler { type: 'gaussian' } blobs_lr: 1 } bottom: 'padded' top: 'c' }"
        "layers { layer { name: 'r' type: 'relu' } bottom: 'c' top: 'c' }"
        "layers { layer { name: 'm' type: 'pool' pool: AVE kernelsize: 3 stride: 2 } bottom: 'c' top: 'm' }"
        "layers { layer { name: 'n' type: 'lrn' local_size: 3 alpha: 0.5 beta: 0.25 k: 2 } bottom: 'm' top: 'n' }"
        "layers { layer { name: 'f' type: 'innerproduct' num_output: 9 biasterm: true } bottom: 'n' top: 'f' }"
        "layers { layer { name: 'd' type: 'dropout' dropout_ratio: 0.25 } bottom: 'f' top: 'd' }"
        "layers { layer { name: 'k' type: 'concat' concat_dim: 0 } bottom: 'f' bottom: 'd' top: 'k' }"
    )
    conv, relu, pool, lrn, product, dropout, concat = net.layer
    assert list(conv.bottom) == ["data"]
    parameter = conv.convolution_param
    assert (parameter.num_output, list(parameter.kernel_size), list(parameter.stride)) == (3, [5], [2])
    assert (list(parameter.pad), parameter.bias_term) == ([2], False)
    assert relu.type == "ReLU"
    assert (pool.pooling_param.pool, pool.pooling_param.kernel_size, pool.pooling_param.stride) == (1, 3, 2)
    assert (lrn.lrn_param.local_size, lrn.lrn_param.alpha, lrn.lrn_param.beta, lrn.lrn_param.k) == (3, 0.5, 0.25, 2)
    assert product.inner_product_param.num_output == 9
    assert dropout.dropout_param.dropout_ratio == 0.25
    assert concat.concat_param.concat_dim == 0


def test_v0_padding_stands_before_convolutions_and_poolings_only():
    with pytest.raises(UserError, match="a padding layer must be followed by a conv or pool layer"):
        parse_and_upgrade(
            "layers { layer { name: 'p' type: 'padding' pad: 2 } bottom: 'data' top: 'padded' }"
            "layers { layer { name: 'r' type: 'relu' } bottom: 'padded' top: 'c' }"
        )


FORKED = """default_forward_type: FLOAT16
layer { name: "c" type: "Convolution" forward_type: FLOAT16 # a comment
  convolution_param { num_output: 2 engine: MKL2017 kernel_size: 3 cudnn_math_override: 1 }
  quantization_param < bits: [1, 2] name: 'a' "b}" inner { c: "{" } >, top: "c" }
layer { name: "r" type: "ReLU" param { lr_mult: 1 lr_policy: "x" ; } bottom: "c" top: "r" unheard_of { } }
"""


def test_fields_of_forks_are_passed_over_and_named():
    ignored = []
    net = parse_prototxt(FORKED.encode(), ignored)
    assert ignored == [
        "NetParameter.default_forward_type",
        "LayerParameter.forward_type",
        "ConvolutionParameter.engine",
        "ConvolutionParameter.cudnn_math_override",
        "LayerParameter.quantization_param",
        "ParamSpec.lr_policy",
        "LayerParameter.unheard_of",
    ]
    assert [(layer.name, list(layer.top)) for layer in net.layer] == [("c", ["c"]), ("r", ["r"])]
    assert list(net.layer[0].convolution_param.kernel_size) == [3]
    with pytest.raises(UserError, match="unknown field of NetParameter 'default_forward_type'"):
        parse_prototxt(FORKED.encode())


@pytest.mark.parametrize(
    ("layer_type", "field"),
    [("ReLU6", "relu6_param"), ("HSwish", "hswish_param"), ("Convolution", "transform_params"), ("SELU", "selu_param")],
)
def test_parameters_of_forks_may_look_like_those_of_other_layers(layer_type, field):
    ignored = []
    layer = f"layer {{ {field} {{ type: 'ReLU' x: 1 }} type: '{layer_type}' # layer {{\n top: 'a' }}"
    net = parse_prototxt(f"layer {{ type: 'Pooling' }} {layer}".encode(), ignored)
    assert ignored == [f"LayerParameter.{field}"]
    assert list(net.layer[1].top) == ["a"]


def test_what_ssd_does_with_its_detections_is_passed_over():
    ignored = []
    text = (
        "layer { name: 'd' type: 'DetectionOutput' detection_output_param { num_classes: 21 visualize: true "
        "save_output_param { output_directory: 'x' label_map_file: 'y' resize_param { height: 3 } } "
        "visualize_threshold: 0.6 save_file: 'z' keep_top_k: 200 } }"
    )
    parameter = parse_prototxt(text.encode(), ignored).layer[0].detection_output_param
    assert (parameter.num_classes, parameter.keep_top_k) == (21, 200)
    names = ("visualize", "save_output_param", "visualize_threshold", "save_file")
    assert ignored == [f"DetectionOutputParameter.{name}" for name in names]


@pytest.mark.parametrize(
    "text",
    [
        "layer { pooling_param { frobnicate: 1 } }",
        "layer { name: 'a' pooling_parm { } }",
        "layer { pooling_parm { kernel_size: 2 } type: 'Pooling' }",
        "layer { type: 'Deconvolution' convolution_params { num_output: 2 } }",
        "layers { type: RELU relu_params { negative_slope: 0.1 } }",
        "layer { name: 'a' layer { name: 'b' } }",
        "layer { name: 'a' unheard_of { }",
    ],
)
def test_fields_that_a_layer_may_need_are_errors(text):
    with pytest.raises(UserError):
        parse_prototxt(text.encode(), [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer {}" * 2001, "has 2001 layers; at most 2000 are allowed"),
        ("layer { " + "top: 'a' " * 20_001 + "}", "has 20001 bottoms and tops; at most 20000 are allowed"),
    ],
)
def test_limits_are_told(text, message):
    with pytest.raises(UserError, match=message):
        parse_prototxt(text.encode())
