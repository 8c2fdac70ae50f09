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
    """Return the trained models that ship with the program: name to file, in alphabetical order.

    Example:
        >>> "starry_night" in texture_nets.models()
        True
    """
    from pipelines.model_library import pretrained_models

    return pretrained_models()


def load(name_or_path: str | os.PathLike) -> keras.Model:
    """Load a trained model.

    Args:
        name_or_path: one of `models()`, or a `.keras` file that this program or Keras wrote. No code in it is run.

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
    """Train a network that stylises pictures, or makes a texture, in one forward pass.

    Perceptual losses as in Johnson et al. 2016; texture mode as in Ulyanov et al. 2016 and 2017.

    Args:
        style_image: the painting, or the texture; {name: painting} trains one network of several styles.
        data: folder of photos, or a sequence of pictures; None in texture mode, which needs none.
        observers: see the module.
        **options: those of `pipelines.training.settings.TrainingSettings`: `num_iterations`, `mode`, `image_size`,
            `batch_size`, `weights`, `precision` ... With `checkpoints_path` checkpoints, previews and the history of
            losses are written to that folder; without it nothing is.

    Returns:
        The generator, see `load`.

    Raises:
        ArgumentError: an argument or an option has a value that is not allowed.
        ImageError: the style picture cannot be read.
        UserError: there are no photos or no weights of the descriptor, or the loss is not a number any more.

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
    """Rebuild a Torch7 or PyTorch network as a Keras model that gives the same numbers to rounding.

    Args:
        path: a `.t7` file, or PyTorch's or safetensors' state dict of a known network. No code in it is run.
        image_io: what makes it take and return RGB pictures in [0, 1]: "texture-nets", "texture-nets-2016",
            "fast-neural-style", "none" (the bare network, channels last), or "auto": as the file shows.
        **options: the script's: `entry`, and for Torch7 `input_shape` (a list), `noise`, `norm_statistics`.

    Returns:
        The model; see `load`.

    Raises:
        UserError: the file cannot be read, or holds something that has no equivalent here; an option is not allowed.

    Example:
        >>> model = texture_nets.import_torch("tests/data/torch7/tn_johnson_small.t7")
        >>> model.output_shape[-1]
        3
    """
    from pipelines import in_memory

    return in_memory.import_torch(path, image_io, options)


def import_caffe(prototxt: str | os.PathLike, caffemodel: str | os.PathLike, **options: Any) -> keras.Model:
    """Rebuild a Caffe network as a Keras model that gives Caffe's numbers to rounding.

    Args:
        prototxt: description of the network, in the formats V0, V1 or new.
        caffemodel: its weights, in any of these formats.
        **options: `until`, `outputs`, `pooling`, `normalize`, `input_shape`, `raw_detections` of the script.

    Returns:
        The bare network, channels last; its outputs are those of the prototxt.

    Raises:
        ArgumentError: an option has a value that is not allowed.
        UserError: a file cannot be read, or a layer has no equivalent here; it is named.

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
    """Write a model as SavedModel, LiteRT or ONNX, run it there, and compare it with the Keras model.

    Args:
        model: one of `models()`, a `.keras` file, or a Keras model.
        path: what to write, whole or not at all: a folder, a `.tflite` or an `.onnx` file.
        format: "saved_model", "litert" or "onnx"; None: as `path` ends.
        **options: `quantize`, `calibration`, `size` and others of `pipelines.export.export.export_model`.

    Returns:
        What was written, and how far it is from the Keras model, in dB of peak signal-to-noise ratio.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: a package is missing, the model has no equivalent in the format, or the export differs too much.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = texture_nets.export("wave", f"{folder}/wave", size=(64, 64))
        >>> report.comparisons[0].psnr > 40
        True
    """
    from pipelines import in_memory

    return in_memory.export(model, path, format, options)
