"""Networks of volumes as C3D's Caffe writes them, versions 1.0 and 1.1, against PyTorch."""

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.caffe_layers import rng
from support.caffe_writer import c3d_caffemodel, write_network

from convert.caffe.conversion import convert_caffe
from errors import UserError

pytestmark = pytest.mark.backends

VERSION_1_0 = """
input: "data" input_dim: [1, 3, 6, 15, 15]
layers { name: "conv1a" type: CONVOLUTION3D bottom: "data" top: "conv1a" blobs_lr: 1
         convolution_param { num_output: 4 kernel_size: 3 kernel_depth: 3 pad: 1 temporal_pad: 1 filter_group: 2 } }
layers { name: "relu1a" type: RELU bottom: "conv1a" top: "conv1a" }
layers { name: "pool1" type: POOLING3D bottom: "conv1a" top: "pool1"
         pooling_param { pool: MAX kernel_size: 2 kernel_depth: 1 stride: 2 temporal_stride: 1 } }
layers { name: "pool2" type: POOLING3D bottom: "pool1" top: "pool2"
         pooling_param { pool: MAX kernel_size: 2 kernel_depth: 2 stride: 2 temporal_stride: 2 } }
layers { name: "deconv" type: DECONVOLUTION3D bottom: "pool2" top: "deconv"
         convolution_param { num_output: 5 kernel_size: 4 kernel_depth: 4 pad: 1 temporal_pad: 1 stride: 2
                             temporal_stride: 2 } }
layers { name: "fc6" type: INNER_PRODUCT bottom: "deconv" top: "fc6" inner_product_param { num_output: 7 } }
layers { name: "prob" type: VOXEL_SOFTMAX bottom: "fc6" top: "prob" }
"""
VERSION_1_1 = """
layer { name: "data" type: "VideoData" top: "data" top: "label" transform_param { crop_size: 16 }
        video_data_param { source: "l" new_length: 8 new_height: 128 new_width: 171 use_image: true batch_size: 30 } }
layer { name: "conv1" type: "Convolution3D" bottom: "data" top: "conv1"
        convolution3d_param { num_output: 4 kernel_size: 7 kernel_depth: 3 pad: 3 temporal_pad: 1 stride: 2
                              temporal_stride: 1 bias_term: false } }
layer { name: "bn" type: "BatchNorm" bottom: "conv1" top: "conv1" }
layer { name: "scale" type: "Scale" bottom: "conv1" top: "conv1" scale_param { bias_term: true } }
layer { name: "nd" type: "NdConvolution" bottom: "conv1" top: "nd"
        convolution_param { num_output: 5 kernel_shape { dim: 3 dim: 3 dim: 1 } stride_shape { dim: 1 dim: 2 dim: 1 }
                            pad_shape { dim: 1 dim: 1 dim: 0 } } }
layer { name: "pool1" type: "NdPooling" bottom: "nd" top: "pool1"
        pooling_param { pool: AVE kernel_shape { dim: 1 dim: 2 dim: 2 } stride_shape { dim: 1 dim: 2 dim: 2 } } }
layer { name: "pool2" type: "Pooling3D" bottom: "pool1" top: "pool2"
        pooling3d_param { pool: AVE kernel_size: 2 kernel_depth: 3 stride: 2 temporal_stride: 2 } }
layer { name: "bvlc" type: "Convolution" bottom: "pool2" top: "bvlc"
        convolution_param { num_output: 4 kernel_size: [1, 2, 2] dilation: [1, 2, 1] stride: [1, 2, 1] pad: 1 } }
layer { name: "prelu" type: "PReLU" bottom: "bvlc" top: "prelu" }
layer { name: "mean" type: "Pooling" bottom: "prelu" top: "mean" pooling_param { pool: AVE global_pooling: true } }
"""


def compare(prototxt, weights, data, expected, shape):
    x = rng(*shape)
    expected = expected(torch.tensor(x), *(torch.tensor(value) for arrays in weights.values() for value in arrays))
    model = convert_caffe(*write_network(*prototxt, data or weights)).model
    assert model.inputs[0].shape == (None, *shape[2:], shape[1])
    found = keras.ops.convert_to_numpy(model(x.transpose(0, 2, 3, 4, 1)))
    found = found.transpose(0, 4, 1, 2, 3) if found.ndim == 5 else found
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5 * float(abs(expected).max()))


def test_c3d_of_version_1_0(tmp_path):
    """Its caffemodels have fields of their own for blobs of five axes."""
    weights = {
        "conv1a": [rng(4, 3, 3, 3, 3) / 5, rng(4)],
        "deconv": [rng(4, 5, 4, 4, 4) / 5, rng(5)],
        "fc6": [rng(7, 5 * 6 * 8 * 8) / 50, rng(7)],
    }

    def expected(x, kernel, bias, kernel2, bias2, matrix, offsets):
        y = F.max_pool3d(F.relu(F.conv3d(x, kernel, bias, padding=1)), (1, 2, 2), ceil_mode=True)
        y = F.conv_transpose3d(F.max_pool3d(y, 2, ceil_mode=True), kernel2, bias2, 2, 1)
        return F.softmax(F.linear(y.flatten(1), matrix, offsets), 1)

    compare((tmp_path, VERSION_1_0), weights, c3d_caffemodel(weights), expected, (2, 3, 6, 15, 15))


def test_c3d_of_version_1_1_and_layers_of_any_number_of_axes(tmp_path):
    """Strides in a dilated convolution, and the size of the films that the network reads, among them."""
    weights = {
        "conv1": [rng(4, 3, 3, 7, 7)],
        "bn": [rng(4), rng(4, seed=1) ** 2, np.float32([2])],
        "scale": [rng(4, seed=2), rng(4, seed=3)],
        "nd": [rng(5, 4, 3, 3, 1), rng(5)],
        "bvlc": [rng(4, 5, 1, 2, 2), rng(4)],
        "prelu": [rng(4, seed=4)],
    }

    def expected(x, kernel, mean, variance, divisor, *rest):
        factors, offsets, kernel2, bias2, kernel3, bias3, slopes = rest
        y = F.conv3d(x, kernel, None, (1, 2, 2), (1, 3, 3))
        y = F.batch_norm(y, mean / divisor, variance / divisor, factors, offsets, eps=1e-5)
        y = F.avg_pool3d(F.conv3d(y, kernel2, bias2, (1, 2, 1), (1, 1, 0)), (1, 2, 2), ceil_mode=True)
        y = F.avg_pool3d(y, (3, 2, 2), 2, ceil_mode=True, count_include_pad=False)
        y = F.conv3d(y, kernel3, bias3, (1, 2, 1), 1, (1, 2, 1))
        return F.prelu(y, slopes).mean((2, 3, 4), keepdim=True)

    compare((tmp_path, VERSION_1_1), weights, None, expected, (2, 3, 8, 16, 16))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ('"Convolution3D" convolution3d_param { num_output: 2 kernel_size: 3 }', "needs kernel_size and kernel_depth"),
        ('"NdPooling" pooling_param { kernel_shape { dim: 2 dim: 2 } }', "kernel_shape .2, 2. for 3 axes"),
        ('"NdPooling" pooling_param { kernel_shape { dim: -2 } }', "kernel .-2. must be from 0 to 65536"),
        ('"Convolution" convolution_param { num_output: 2 kernel_h: 3 kernel_w: 3 }', "which are for pictures"),
        ('"Convolution" convolution_param { num_output: 2 kernel_size: [3, 3] }', "one or three"),
        ('"Pooling" pooling_param { kernel_h: 3 kernel_w: 3 }', "volumes take kernel_shape"),
        ('"Deconvolution" convolution_param { num_output: 2 kernel_size: 2 group: 2 }', "groups or dilation"),
        ('"LRN"', "needs a blob of 4 axes"),
    ],
)
def test_what_volumes_cannot_have_is_named(layer, message, tmp_path):
    prototxt = f'input: "x" input_dim: [1, 2, 6, 6, 6] layer {{ name: "l" bottom: "x" top: "y" type: {layer} }}'
    with pytest.raises(UserError, match=message):
        convert_caffe(*write_network(tmp_path, prototxt))


def test_films_that_a_network_of_version_1_0_reads_have_the_size_that_it_says(tmp_path):
    data = """layers { name: "data" type: VIDEO_DATA top: "data" top: "label"
        image_data_param { source: "l" batch_size: 50 crop_size: 15 new_height: 20 new_width: 30 new_length: 6 } }"""
    pool = VERSION_1_0[VERSION_1_0.index('layers { name: "pool1"') : VERSION_1_0.index('layers { name: "deconv"')]
    files = write_network(tmp_path, data + pool.replace('"conv1a"', '"data"'))
    assert convert_caffe(*files).model.inputs[0].shape == (None, 6, 15, 15, 3)
    files[0].write_text(files[0].read_text().replace("new_length: 6", ""))
    with pytest.raises(UserError, match="reads files whose size is not in the prototxt"):
        convert_caffe(*files)
    assert convert_caffe(*files, input_shape=[(3, 4, 9, 9)]).model.outputs[0].shape == (None, 2, 3, 3, 3)
