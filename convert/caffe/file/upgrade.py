"""Caffe's older formats, V0 and V1, brought to the new one, as Caffe's own upgrade_proto.cpp does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from convert.caffe.file.schema import V1_LAYER_TYPES, enum_name, message_class
from convert.caffe.file.volumes import name_volumes
from errors import UserError, unknown_name

PROPOSAL_LAYER = "rpn.proposal_layer", "ProposalLayer"  # module and layer
# 'feat_stride': 16, 'scales': [8, 16, 32]
_SETTING = re.compile(r"""['"]?(\w+)['"]?\s*:\s*(?:(\d{1,5})|[\[(]([\d., ]+)[\])])""")
_NUMBER = re.compile(r"\d{1,5}(?:\.\d{0,5})?")
_V0_TYPES = {
    "accuracy": "Accuracy",
    "bnll": "BNLL",
    "concat": "Concat",
    "conv": "Convolution",
    "data": "Data",
    "dropout": "Dropout",
    "euclidean_loss": "EuclideanLoss",
    "flatten": "Flatten",
    "hdf5_data": "HDF5Data",
    "hdf5_output": "HDF5Output",
    "im2col": "Im2col",
    "images": "ImageData",
    "infogain_loss": "InfogainLoss",
    "innerproduct": "InnerProduct",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MultinomialLogisticLoss",
    "pool": "Pooling",
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "softmax": "Softmax",
    "softmax_loss": "SoftmaxWithLoss",
    "split": "Split",
    "tanh": "TanH",
    "window_data": "WindowData",
}

# What becomes of the V0 fields that matter for the result, by V0 type.
_V0_FIELDS = {
    "num_output": {"conv": "convolution_param.num_output", "innerproduct": "inner_product_param.num_output"},
    "biasterm": {"conv": "convolution_param.bias_term", "innerproduct": "inner_product_param.bias_term"},
    "pad": {"conv": "convolution_param.pad", "pool": "pooling_param.pad"},
    "kernelsize": {"conv": "convolution_param.kernel_size", "pool": "pooling_param.kernel_size"},
    "group": {"conv": "convolution_param.group"},
    "stride": {"conv": "convolution_param.stride", "pool": "pooling_param.stride"},
    "pool": {"pool": "pooling_param.pool"},
    "dropout_ratio": {"dropout": "dropout_param.dropout_ratio"},
    "local_size": {"lrn": "lrn_param.local_size"},
    "alpha": {"lrn": "lrn_param.alpha"},
    "beta": {"lrn": "lrn_param.beta"},
    "k": {"lrn": "lrn_param.k"},
    "concat_dim": {"concat": "concat_param.concat_dim"},
}


def upgrade(net: Any) -> Any:
    """Return the NetParameter `net` with its layers in the new format and its inputs as an Input layer before them.

    Raises:
        UserError: the net mixes formats, has shapes that do not fit its inputs, or a V0 layer has an unknown
            type or a parameter that its type does not take.
    """
    if net.layer and net.layers:
        raise UserError("has layers both in the new format (layer) and in the old one (layers)")
    result = message_class("NetParameter")(name=net.name, input=net.input, state=net.state)
    if net.input:
        result.layer.append(_input_layer(net))
    result.layer.extend(net.layer or _upgraded_layers(net))
    for layer in result.layer:
        if layer.type == "Python" and (layer.python_param.module, layer.python_param.layer) == PROPOSAL_LAYER:
            _name_proposal(layer)
        name_volumes(layer)
    return result


def _name_proposal(layer: Any) -> None:
    """Make the layer in Python of py-faster-rcnn one of the type Proposal, as others have it in C++."""
    text = layer.python_param.param_str.strip()
    settings = _SETTING.findall(text.strip("{}"))
    if _SETTING.sub("", text.strip("{}")).strip(" ,\n") or {name for name, _, _ in settings} - {
        "feat_stride",
        "scales",
    }:
        raise UserError(
            f"layer {layer.name!r}: param_str {text!r} of {PROPOSAL_LAYER[1]}: feat_stride and scales are known"
        )
    layer.type = "Proposal"
    for name, number, row in settings:
        if name == "feat_stride" and number:
            layer.proposal_param.feat_stride = int(number)
        if name == "scales":
            layer.proposal_param.scale.extend(map(float, _NUMBER.findall(row or number)))


def _input_layer(net: Any) -> Any:
    """Return the fields `input`, `input_shape` and `input_dim` as one layer."""
    names, shapes = list(net.input), [list(shape.dim) for shape in net.input_shape]
    if net.input_dim:
        if shapes:
            raise UserError("has both input_shape and input_dim; only one of them is allowed")
        axes = 5 if len(net.input_dim) == 5 * len(names) else 4  # volumes, in C3D's Caffe
        if len(net.input_dim) != axes * len(names):
            raise UserError(f"has {len(net.input_dim)} values of input_dim for {len(names)} inputs; each input needs 4")
        shapes = [list(net.input_dim[start : start + axes]) for start in range(0, axes * len(names), axes)]
    if len(shapes) != len(names):
        raise UserError(f"has {len(shapes)} shapes (input_shape or input_dim) for {len(names)} inputs")
    layer = message_class("LayerParameter")(name="input", type="Input", top=names)
    for shape in shapes:
        layer.input_param.shape.add(dim=shape)
    return layer


def _upgraded_layers(net: Any) -> Iterable[Any]:
    if not any(layer.HasField("layer") for layer in net.layers):
        return [_upgrade_v1(layer) for layer in net.layers]
    return [_upgrade_v0(layer) for layer in _merge_v0_padding(net)]


def _upgrade_v1(old: Any) -> Any:
    """Return the V1LayerParameter `old` as LayerParameter."""
    kind = old.unknown_type or V1_LAYER_TYPES[enum_name(old, "type")][1]
    new = message_class("LayerParameter")(name=old.name, type=kind, bottom=old.bottom, top=old.top)
    new.include.extend(old.include)
    new.exclude.extend(old.exclude)
    new.blobs.extend(old.blobs)
    for name in old.param:
        new.param.add(name=name)
    for index, mode in enumerate(old.blob_share_mode):
        while len(new.param) <= index:
            new.param.add()
        new.param[index].share_mode = mode
    for field, value in old.ListFields():
        if field.name.endswith("_param"):
            getattr(new, field.name).CopyFrom(value)
    if kind == "EltwiseProduct":
        new.type, new.eltwise_param.operation = "Eltwise", 0
    return new


def _upgrade_v0(old: Any) -> Any:
    """Return the V0 layer inside the V1LayerParameter `old` as LayerParameter."""
    v0 = old.layer
    if v0.type not in _V0_TYPES:
        raise UserError(f"layer {v0.name!r}: {unknown_name('V0 layer type', v0.type, _V0_TYPES)}")
    new = message_class("LayerParameter")(
        name=v0.name, type=_V0_TYPES[v0.type], bottom=old.bottom, top=old.top, blobs=v0.blobs
    )
    for field, value in v0.ListFields():
        if targets := _V0_FIELDS.get(field.name):
            if v0.type not in targets:
                raise UserError(f"layer {v0.name!r}: {field.name} is not valid for the V0 layer type {v0.type!r}")
            _set(new, targets[v0.type], value)
    return new


def _set(message: Any, path: str, value: Any) -> None:
    holder, field = path.split(".")
    holder = getattr(message, holder)
    if isinstance(getattr(holder, field), (int, float)):
        setattr(holder, field, value)
    else:
        getattr(holder, field).append(value)


def _merge_v0_padding(net: Any) -> list[Any]:
    """Return the V0 layers of `net`, the `padding` layers turned into the padding of what follows them."""
    producers: dict[str, Any] = {}
    kept = []
    for layer in net.layers:
        if layer.layer.type != "padding":
            for index, name in enumerate(layer.bottom):
                source = producers.get(name)
                if source is not None and source.layer.type == "padding":
                    _check_padding(source, layer)
                    layer.layer.pad = source.layer.pad
                    layer.bottom[index] = source.bottom[0]
            kept.append(layer)
        producers.update(dict.fromkeys(layer.top, layer))
    return kept


def _check_padding(padding: Any, layer: Any) -> None:
    if layer.layer.type not in ("conv", "pool") or len(layer.bottom) != 1:
        raise UserError(f"layer {layer.layer.name!r}: a padding layer must be followed by a conv or pool layer")
    if len(padding.bottom) != 1 or len(padding.top) != 1:
        raise UserError(f"layer {padding.layer.name!r}: a padding layer must have one bottom and one top")
