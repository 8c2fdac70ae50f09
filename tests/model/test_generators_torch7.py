"""The generators against Torch7: its weights in their layers, in order, give its pixels."""

import keras
import numpy as np
import pytest
from support.torch7_cases import CASES

from convert.torch7.file.reader import read_t7
from model.generators.registry import build_generator

pytestmark = pytest.mark.backends

JOHNSON = {"widths": (8, 12, 16), "blocks": 2}
FAST_NEURAL_STYLE = JOHNSON | {"last_kernel_size": 9, "normalization": "batch"}


def scaled_tanh(x):
    """What fast-neural-style has after the last convolution."""
    return 150.0 * np.tanh(x)


def nothing(x):
    return x


# name of the case: generator, options, what Torch7 has after the last convolution
GENERATOR_OF = {
    "tn_johnson_full": ("johnson", {}, nothing),
    "tn_johnson_small": ("johnson", JOHNSON, nothing),
    "tn_johnson_small_batchnorm": ("johnson", JOHNSON | {"normalization": "batch"}, nothing),
    "fns_replicate_bn": ("johnson", FAST_NEURAL_STYLE | {"strided_padding": "zero"}, scaled_tanh),
    "fns_zero_bn_ckpt": ("johnson", FAST_NEURAL_STYLE | {"padding": "zero"}, scaled_tanh),
    "tn_pyramid_small": ("pyramid", {"filters": 4}, nothing),
    "tn_skip_small": ("skip_unpool", {"widths": (4, 8, 12, 16)}, nothing),
}


def modules_with_weights(module):
    """Return the modules that have weights, in the order in which data passes them."""
    children = module.get("modules")
    if children is None:
        return [module] if module.get("weight") is not None else []
    return [found for child in children.sequence() for found in modules_with_weights(child)]


def johnson_layers(widths=(32, 64, 128), blocks=5):
    scales = range(1, len(widths))
    residuals = [f"residual{i}_{j}" for i in range(1, blocks + 1) for j in (1, 2)]
    units = ["first", *(f"down{i}" for i in scales), *residuals, *(f"up{i}" for i in scales)]
    return [f"{unit}_{kind}" for unit in units for kind in ("conv", "norm")]


def pyramid_layers():
    names = []
    for ratio in (32, 16, 8, 4, 2, 1):
        branch, merge = (
            [f"{part}{ratio}_{i}_{kind}" for i in (1, 2, 3) for kind in ("conv", "norm")]
            for part in ("branch", "merge")
        )
        coarsest = ratio == 32
        names += branch if coarsest else [f"coarser{ratio}_norm", *branch, f"finer{ratio}_norm", *merge]
    return names


def skip_unpool_layers(level=1, levels=4):
    def units(*names):
        return [f"level{level}_{name}_{kind}" for name in names for kind in ("conv", "norm")]

    inner = skip_unpool_layers(level + 1) + units("up") if level < levels else []
    return [
        *units("skip"),
        f"level{level}_skip_norm2",
        *units("down1", "down2"),
        *inner,
        f"level{level}_up_norm2",
        *units("merge1", "merge2", "merge3"),
    ]


def layer_names(name, options):
    if name == "johnson":
        return johnson_layers(**{key: options[key] for key in ("widths", "blocks") if key in options})
    return {"pyramid": pyramid_layers, "skip_unpool": skip_unpool_layers}[name]()


def weights_of(module):
    """Return the weights of a convolution or normalisation in Keras' order and layout."""
    weight, bias = module.get("weight").array, module.get("bias").array
    if weight.ndim == 4:
        return [weight.transpose(2, 3, 1, 0), bias]
    if module.type_name == "nn.SpatialBatchNormalization":
        return [weight, bias, module.get("running_mean").array, module.get("running_var").array]
    return [weight, bias]


def test_shipped_cases_are_among_those_compared():
    assert {"tn_johnson_small", "fns_zero_bn_ckpt"} <= {case.name for case in CASES}


@pytest.mark.parametrize("case", [case for case in CASES if case.name in GENERATOR_OF], ids=str)
def test_torch7s_weights_give_torch7s_pixels(case):
    name, options, last = GENERATOR_OF[case.name]
    model = build_generator(name, output="vgg", redundant_shifts=True, **options)
    root = read_t7(case.path)  # a module, or a table with one
    modules = modules_with_weights(root.get("model", root))
    names = [*layer_names(name, options), "last_conv"]
    assert {layer.name for layer in model.layers if layer.weights} == set(names)
    for layer, module in zip(names, modules, strict=True):
        model.get_layer(layer).set_weights(weights_of(module))

    x, expected = case.arrays()
    # The network alone: what follows it divides by 255, which costs some of the digits that are compared.
    network = keras.Model(model.input, model.get_layer("stylized").input)
    y = last(network.predict_on_batch(x.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)
    assert np.abs(y - expected).max() <= 4 * case.float64_diff + 2e-6 * np.abs(expected).max()
