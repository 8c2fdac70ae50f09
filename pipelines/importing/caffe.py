"""Importing a Caffe network: prototxt and caffemodel in, `.keras` file out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import ArgumentError, UserError, unknown_name
from pipelines.importing.files import WrittenModel, check_model_output, write_model
from pipelines.importing.shapes import parse_shape
from pipelines.inputs import check_input_files, pictures_in, read_sound
from pipelines.startup import quiet_startup

if TYPE_CHECKING:
    import keras
    import numpy as np

    from convert.caffe.conversion import Conversion, Pooling
    from convert.caffe.verification import Difference

POOLINGS = ("keep", "average", "max")
PHOTO_SIZE = 512  # pixels of the longer side to which larger photos are reduced for --normalize


@dataclass(frozen=True)
class CaffeImportReport:
    """What an import did.

    `ignored` are the fields of the prototxt that Caffe does not have, `corner_crops` Crop layers that cut at the upper
    left because they do not tell where. `differences` are those from the reference, if there was one; where one is too
    large nothing was written and `written` is None.
    """

    layers: int
    left_out: tuple[str, ...]
    ignored: tuple[str, ...]
    corner_crops: tuple[str, ...]
    blobs_read: int
    blobs_used: int
    surplus: tuple[str, ...]
    cut: tuple[str, ...]
    input_shapes: dict[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]
    parameters: int
    written: WrittenModel | None
    differences: tuple[Difference, ...] = ()


def import_caffe_model(
    *,
    prototxt: str | os.PathLike,
    input: str | os.PathLike,
    output: str | os.PathLike,
    pooling: Pooling = "keep",
    until: str | None = None,
    outputs: Sequence[str] | None = None,
    normalize: str | os.PathLike | None = None,
    verify: str | os.PathLike | None = None,
    input_shape: Sequence[str] | None = None,
    raw_detections: bool = False,
    layout: str = "nhwc",
    size: tuple[int, int] | None = None,
) -> CaffeImportReport:
    """Convert a Caffe network to a `.keras` file.

    The model is the bare network (see convert.caffe.conversion.convert_caffe), without what is done to pictures before
    it, such as BGR order and the subtraction of a mean; the VGG-19 descriptor has its own.

    Args:
        prototxt: description of the network, in the formats V0, V1 or new.
        input: caffemodel with its parameters, in any of these formats.
        output: `.keras`, `.onnx` or `.tflite` file, or SavedModel folder (no suffix) to write.
        pooling: "average" or "max" makes all pooling layers but global ones of that kind; "keep" leaves them.
        until: name of the last layer wanted; whatever it does not need is cut off.
        outputs: names of the blobs that the model gives, by default those that no layer reads.
        normalize: folder of photos, with its subfolders, over which activations get a mean of 1 (see
            model.normalization), given as to VGG.
        verify: `.npz` file of `input` (or `input_NAME`) and `blob_NAME` as Caffe computed them (NCHW), before that.
        input_shape: sizes of each input (one text: of all) without the batch, in Caffe's order: "3x224x224", "3x?x?".
        raw_detections: give boxes and scores in the place of what a DetectionOutput layer selects.
        layout: "nchw" keeps the original order of axes at the model's borders: channels of pictures and volumes first.
        size: height and width where the model leaves them free: what LiteRT is made for, and exports are compared at.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: a file cannot be read or converted, or its network not normalised.
    """
    check_model_output(output, [prototxt, input, verify], layout=layout, size=size)
    if pooling not in POOLINGS:
        raise ArgumentError(unknown_name("`pooling`", pooling, POOLINGS))
    check_input_files(prototxt=prototxt, input=input, verify=verify)
    shapes = None if input_shape is None else [parse_shape(text) for text in input_shape]
    wanted = {"until": until, "outputs": outputs, "pooling": pooling, "raw_detections": raw_detections}
    photos = None if normalize is None else pictures_in(normalize, "normalize", recursive=True)
    write = partial(write_model, path=output, layout=layout, size=size)
    return _import((os.fspath(prototxt), os.fspath(input)), wanted | {"input_shape": shapes}, photos, verify, write)


def _import(
    sources: tuple[str, str],
    wanted: dict[str, Any],
    photos: list[Path] | None,
    verify: str | os.PathLike | None,
    write: Callable[..., WrittenModel],
) -> CaffeImportReport:
    """Convert the files `sources`, compare, normalise and write; `wanted` are the options of `convert_caffe`."""
    with quiet_startup():
        from convert.caffe.conversion import convert_caffe
        from convert.caffe.verification import compare_with_caffe, inputs_for, read_reference
        from model.provenance import make_provenance
    reference = None if verify is None else read_reference(os.fspath(verify))
    conversion = convert_caffe(*sources, **wanted)
    differences = () if reference is None else tuple(compare_with_caffe(conversion, reference))
    if not all(difference.is_small for difference in differences):
        return _report(conversion, None, differences)
    model = conversion.model if photos is None else _normalized(conversion.model, photos)
    provenance = make_provenance(list(sources), convention="none", parity=_parity(differences))
    recorded = [] if reference is None else inputs_for(conversion, conversion.model, reference)
    written = write(model, provenance=provenance, recorded=recorded)
    return _report(conversion, written, differences)


def _parity(differences: Sequence[Difference]) -> dict[str, float] | str:
    """Return what a file tells of its parity: the relative difference from Caffe of each blob, if any was compared."""
    relative = {difference.blob: difference.relative for difference in differences}
    return relative or "not compared with the original"


def _report(
    conversion: Conversion, written: WrittenModel | None, differences: tuple[Difference, ...]
) -> CaffeImportReport:
    parameters = conversion.parameters
    return CaffeImportReport(
        layers=len(conversion.part.nodes),
        left_out=tuple(f"{node.layer.name} ({node.layer.type})" for node in conversion.network.left_out),
        ignored=conversion.network.ignored,
        corner_crops=conversion.corner_crops,
        blobs_read=parameters.read,
        blobs_used=parameters.used,
        surplus=parameters.surplus,
        cut=parameters.cut,
        input_shapes={tensor.name: tuple(tensor.shape) for tensor in conversion.model.inputs},
        outputs=conversion.part.outputs,
        parameters=conversion.model.count_params(),
        written=written,
        differences=differences,
    )


def _normalized(model: keras.Model, photos: Sequence[Path]) -> keras.Model:
    from model.normalization import normalize_activations

    if len(model.inputs) != 1 or tuple(model.inputs[0].shape) != (None, None, None, 3):
        raise UserError("`normalize` needs a network that takes pictures of any size with three channels (cut it?)")
    return normalize_activations(model, _preprocessed(photos))


def _preprocessed(photos: Sequence[Path]) -> Iterator[np.ndarray]:
    """Yield the photos as VGG networks take them: BGR, 0..255, minus the mean of ImageNet, (height, width, 3)."""
    import keras

    from images.picture import Picture
    from images.resizing import resize_long_side
    from layers import VGGPreprocessing

    preprocess = VGGPreprocessing()
    for _, pixels in read_sound(photos):
        photo = Picture(pixels)
        if max(photo.height, photo.width) > PHOTO_SIZE:
            photo = resize_long_side(photo, PHOTO_SIZE)
        yield keras.ops.convert_to_numpy(preprocess(photo.pixels[None]))[0]
