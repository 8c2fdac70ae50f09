"""Functions that train, load, convert and export networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import keras

    from pipelines.arrays import PictureLike
    from pipelines.export.run import ExportReport
    from texture_nets.pictures import Observer


def models() -> dict[str, Path]:
    """Return the trained models included with the program: name to file, in alphabetical order.

    Example:
        >>> "starry_night" in texture_nets.models()
        True
    """
    from pipelines.model_library import pretrained_models

    return pretrained_models()


def load(name_or_path: str | os.PathLike) -> keras.Model:
    """Load a trained model.

    Args:
        name_or_path: one of `models()`, or a `.keras` file written by this program or by Keras. No code in it is run.

    Returns:
        The model. A style model takes and returns float32 (batch, height, width, 3), RGB in [0, 1], of any size; a
        texture model takes noise (batch, height, width, depth), uniform in [0, 1).

    Raises:
        ArgumentError: there is no such name or file, or it is not a `.keras` file.
        UserError: the file cannot be loaded.

    Example:
        >>> model = texture_nets.load("starry_night")
        >>> model.input_shape
        (None, None, None, 3)
    """
    from pipelines import in_memory

    return in_memory.load(name_or_path)


def train(
    style_image: PictureLike | Mapping[str, PictureLike],
    data: str | os.PathLike | Sequence[PictureLike] | None = None,
    *,
    observers: Sequence[Observer] = (),
    **options: Any,
) -> keras.Model:
    """Train a network that stylises pictures, or generates a texture, in one forward pass.

    Perceptual losses as in Johnson et al. 2016; texture mode as in Ulyanov et al. 2016 and 2017.

    Args:
        style_image: the painting or the texture; {name: painting} trains one network with several styles.
        data: folder of photos, or a sequence of pictures; not needed in texture mode.
        observers: called after every iteration, see the module.
        **options: those of `pipelines.training.settings.TrainingSettings`: `num_iterations`, `mode`, `image_size`,
            `batch_size`, `weights`, `precision` ... With `checkpoints_path`, checkpoints, previews and the history of
            losses are written to that folder; otherwise no files are written.

    Returns:
        The generator, see `load`.

    Raises:
        ArgumentError: an argument or an option has a value that is not allowed.
        ImageError: the style picture cannot be read.
        UserError: there are no photos, the weights of the descriptor are missing, or the loss became NaN.

    Example:
        >>> generator = texture_nets.train(
        ...     "pics/wheat_field.jpg", ["pics/coffee.jpg", "pics/chelsea.jpg"], image_size=64, num_iterations=2
        ... )
        >>> texture_nets.stylize("pics/astronaut.jpg", generator, image_size=64).shape
        (64, 64, 3)
    """
    from pipelines import in_memory

    return in_memory.train(style_image, data, observers, options)


def import_torch(path: str | os.PathLike, *, image_io: str = "auto", **options: Any) -> keras.Model:
    """Convert a Torch7 or PyTorch network to a Keras model with the same output, up to rounding errors.

    Args:
        path: a `.t7` file, a PyTorch or safetensors state dict of a supported network, or a program written by
            torch.export.save (`.pt2`) or torch.jit.save. No code in it is run.
        image_io: conversion that lets the model take and return RGB pictures in [0, 1]: "texture-nets",
            "texture-nets-2016", "fast-neural-style", for PyTorch programs "unit", "signed", "byte" or "imagenet",
            "none" (the network alone, channels last), or "auto" (detected from the file).
        **options: as in the script: `entry` (not for programs), `input_shape` (a list; Torch7 and programs), and for
            Torch7 `noise` and `norm_statistics`.

    Returns:
        The model; see `load`.

    Raises:
        UserError: the file cannot be read, contains a module that is not supported, or an option is not allowed.

    Example:
        >>> model = texture_nets.import_torch("tests/data/torch7/tn_johnson_small.t7")
        >>> model.output_shape[-1]
        3
    """
    from pipelines import in_memory

    return in_memory.import_torch(path, image_io, options)


def import_caffe(prototxt: str | os.PathLike, caffemodel: str | os.PathLike, **options: Any) -> keras.Model:
    """Convert a Caffe network to a Keras model with the same output, up to rounding errors.

    Args:
        prototxt: description of the network, in the V0, V1 or current format.
        caffemodel: weights of the network, in any of these formats.
        **options: `until`, `outputs`, `pooling`, `normalize`, `input_shape`, `raw_detections`, as in the script.

    Returns:
        The network, channels last; its outputs are those of the prototxt.

    Raises:
        ArgumentError: an option has a value that is not allowed.
        UserError: a file cannot be read, or a layer is not supported.

    Example:
        >>> model = texture_nets.import_caffe(
        ...     "tests/data/caffe/format_old_proto_new_model.prototxt",
        ...     "tests/data/caffe/format_old_proto_new_model.caffemodel",
        ... )
    """
    from pipelines import in_memory

    return in_memory.import_caffe(prototxt, caffemodel, options)


def export(
    model: str | os.PathLike | keras.Model, path: str | os.PathLike, format: str | None = None, **options: Any
) -> ExportReport:
    """Export a model to SavedModel, LiteRT or ONNX, and compare the export with the Keras model.

    Args:
        model: one of `models()`, a `.keras` file, or a Keras model.
        path: output: a folder, or a `.tflite` or `.onnx` file.
        format: "saved_model", "litert" or "onnx"; None: according to the suffix of `path`.
        **options: `quantize`, `calibration`, `size` (side of a square in pixels, or (height, width)), `input_shape`,
            `samples` and `layout`, as in the script.

    Returns:
        A report with the size and hash of the export, and its PSNR relative to the Keras model in dB.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: a package is missing, the format cannot represent the model, or the export differs too much.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = texture_nets.export("wave", f"{folder}/wave", size=(64, 64))
        >>> report.comparisons[0].psnr > 40
        True
    """
    from pipelines import in_memory

    return in_memory.export(model, path, format, options)
