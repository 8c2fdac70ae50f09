"""A second opinion: OpenCV's Caffe importer, on networks whose features it has."""

import cv2
import numpy as np
import pytest
from support.caffe_cases import SHIPPED_CASES, compute, nhwc

from convert.caffe.conversion import convert_caffe

NAMES = ("batchnorm_scale", "conv_group", "ip_pool_ip", "lrn_within", "pool_ave_k3s2_overhang", "v1_mini_alexnet")


@pytest.mark.parametrize("name", NAMES)
def test_opencv_computes_the_same(name):
    case = next(case for case in SHIPPED_CASES if case.name == name)
    conversion = convert_caffe(case.prototxt, case.caffemodel)
    network = cv2.dnn.readNetFromCaffe(str(case.prototxt), str(case.caffemodel))
    picture = np.random.default_rng(5).standard_normal(case.inputs()[""].shape).astype(np.float32)
    network.setInput(picture)
    expected = nhwc(network.forward())
    (actual,) = compute(conversion.model, {"": picture}, list(conversion.part.outputs)).values()
    assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max()
