"""Texture Nets for Keras as a library: pictures in, pictures out, nothing written unless a path is given.

    import texture_nets

    stylized = texture_nets.stylize("pics/coffee.jpg", model="starry_night")

A picture that goes in is a float32 array (height, width, 3), RGB, sRGB-encoded, with values in [0, 1]; or the path of a
file; or one of Pillow's images. A picture that comes out is such an array. Importing this module loads
neither Keras nor NumPy: each function loads what it needs when it is called.

Long calls take `observers`: each is called after every iteration with a `runs.progress.RunProgress`, whose `frames()`
returns the present pictures, float32 (count, height, width, 3), and may raise StopIteration to end the run with them.
Their further options are those of the settings that they name, which are the scripts' with underscores.

What the caller can mend raises `UserError` (`ArgumentError` for an argument); a broken picture raises `ImageError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from errors import ArgumentError, UserError
from images.errors import ImageError
from pipelines.materials.material import Material
from pipelines.synthesis.texture import Texture
from version import VERSION

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import keras
    import numpy as np

    from pipelines.arrays import PictureLike
    from pipelines.export.run import ExportReport
    from runs.progress import RunProgress

__version__ = VERSION
__all__ = ["export", "import_caffe", "import_torch", "load", "models", "sample", "stylize", "synthesize", "train"]
__all__ += ["ArgumentError", "ImageError", "Material", "Texture", "UserError", "synthesize_material", "transfer"]
Observer = Callable[["RunProgress"], None]


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


def stylize(
    picture: PictureLike,
    model: str | os.PathLike | keras.Model = "starry_night",
    *,
    image_size: int | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    precision: str | None = None,
    style: Mapping[str, float] | None = None,
    memory: str | int | None = None,
    brush_size: float = 1.0,
) -> np.ndarray:
    """Stylise a picture with a trained network, in one forward pass (Johnson et al. 2016, Ulyanov et al. 2017).

    The network of the last few names and paths is kept compiled: a second picture takes a fraction of a second.

    Args:
        picture: the content, see the module. Transparency is left out.
        model: one of `models()`, a `.keras` file, or a Keras model of float32 (batch, height, width, 3) in [0, 1].
        image_size: longer side in pixels to which the picture is resized first; None keeps its size.
        strength: weight of the stylised picture, from 0 to 1, in its mean with the content.
        keep_colors: keep the content's colours and brightness.
        precision: what a model given by name or path computes in: "float32" (None: this) or "bfloat16".
        style: of a network of several styles (Dumoulin et al. 2017) those that are blended: {name: weight}.
        memory: bytes that the process may take, or "4GB"; None: half of what is free. Strips keep a picture within it.
        brush_size: size of the strokes as a multiple of what the network was trained for, from 0.25 to 8.

    Returns:
        float32 (height, width, 3) in [0, 1]; as large as the picture, unless `image_size` is given.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or there is no such model.
        UserError, ImageError: the model or the picture cannot be read, or the model is none of pictures or fails.

    Example:
        >>> texture_nets.stylize("pics/coffee.jpg", model="wave", image_size=96).shape
        (64, 96, 3)
    """
    from pipelines import in_memory
    from pipelines.arrays import as_pixels

    look = {"image_size": image_size, "strength": strength, "keep_colors": keep_colors, "brush_size": brush_size}
    return in_memory.stylize(as_pixels(picture), model, precision, style or {}, memory=memory, **look)


def sample(
    model: str | os.PathLike = "bark",
    size: int | tuple[int, int] = 512,
    *,
    tileable: str = "none",
    random_seed: int = 0,
) -> np.ndarray:
    """Make a picture of a texture with a trained generator, in one forward pass (Ulyanov et al. 2016).

    Args:
        model: one of `models()` or a `.keras` file that was trained in texture mode.
        size: side of a square in pixels, or (height, width).
        tileable: directions in which the picture repeats without a seam: "none", "x", "y" or "both"; these sides must
            be multiples of 32.
        random_seed: from which the noise is drawn.

    Returns:
        float32 (height, width, 3) in [0, 1].

    Raises:
        ArgumentError: an argument has a value that is not allowed, or there is no such model.
        UserError: the model cannot be loaded or makes no textures.

    Example:
        >>> texture_nets.sample("bark", size=(64, 96), tileable="both").shape
        (64, 96, 3)
    """
    from pipelines import in_memory

    return in_memory.sample(model, size, tileable, random_seed)


def synthesize(
    sources: PictureLike | Sequence[PictureLike],
    size: int | tuple[int, int] = 512,
    *,
    observers: Sequence[Observer] = (),
    **options: Any,
) -> Texture:
    """Make more of a texture by optimising pixels until Gram matrices match (Gatys, Ecker & Bethge 2015).

    The Gram matrices of a descriptor's features are matched at several octaves of a Gaussian pyramid (Snelgrove 2017),
    from coarse to fine, by SciPy's L-BFGS-B.

    Args:
        sources: one picture of the texture, or several whose statistics are joined.
        size: side of a square in pixels, or (height, width).
        observers: see the module.
        **options: those of `pipelines.synthesis.settings.SynthesisSettings`: `octaves`, `layers`, `max_iter`, `count`,
            `tileable`, `descriptor`, `weights`, `precision` ...

    Returns:
        The texture; see `Texture`.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or a source is too small.
        ImageError: a picture cannot be read.
        UserError: there are no weights of the descriptor, or the loss is not a number any more.

    Example:
        >>> texture = texture_nets.synthesize("pics/bricks.jpg", size=96, octaves=2, max_iter=4)
        >>> texture.pixels.shape
        (96, 96, 3)
    """
    from pipelines import in_memory

    return in_memory.synthesize(sources, size, observers, options)


def synthesize_material(
    maps: Mapping[str, PictureLike],
    size: int | tuple[int, int] = 512,
    *,
    derive: Sequence[str] = (),
    observers: Sequence[Observer] = (),
    **options: Any,
) -> Material:
    """Make more of a surface: all its maps together, which stay in register and repeat without a seam.

    The base colour, or the map that leads where there is none, is synthesised like any texture; then all maps take
    their values from the same places of the source.

    Args:
        maps: by their keys, such as "baseColor", "normal", "roughness", "height", "ao": pictures, or floats (height,
            width), (height, width, 1) or (height, width, 3). Colours are sRGB-encoded; other numbers are data, normals
            as (n + 1) / 2. All have one size.
        size: side of a square in pixels, or (height, width).
        derive: maps to guess from the base colour: "normal", "roughness", "height".
        observers: see the module.
        **options: those of `pipelines.synthesis.settings.SynthesisSettings` but for those of several pictures:
            `octaves`, `max_iter`, `tileable` (here "both" by default), `weights`, `precision` ...

    Returns:
        The surface and how good it is; see `Material`.

    Raises:
        ArgumentError: a key or an option is not allowed.
        ImageError: a picture cannot be read.
        UserError: maps do not fit each other, there are no weights, or the loss is not a number any more.

    Example:
        >>> surface = texture_nets.synthesize_material(
        ...     {"baseColor": "pics/bricks.jpg"}, size=96, derive=["height"], octaves=2, max_iter=4
        ... )
        >>> surface.maps["height"].shape
        (96, 96, 1)
    """
    from pipelines import in_memory

    return in_memory.synthesize_material(maps, size, derive, observers, options)


def transfer(
    content: PictureLike,
    styles: PictureLike | Sequence[PictureLike],
    *,
    observers: Sequence[Observer] = (),
    **options: Any,
) -> np.ndarray:
    """Repaint a picture in the style of others by optimising its pixels: slower than `stylize`, and better.

    Content at relu4_2 and means and covariances of features at five layers (Wasserstein-2 distance) are matched from
    a small scale to the full one, as in Crowson's style-transfer-pytorch; Gatys, Ecker & Bethge 2016 with
    `style_loss="gram"`.

    Args:
        content: the picture to repaint.
        styles: one picture, or several that are blended.
        observers: see the module.
        **options: those of `pipelines.transfer.settings.TransferSettings`: `end_scale` (longer side of the result in
            pixels), `iterations`, `style_weights`, `content_weight`, `keep_colors`, `weights`, `precision` ...

    Returns:
        float32 (height, width, 3) in [0, 1].

    Raises:
        ArgumentError: an argument or an option has a value that is not allowed, or a picture is too small.
        ImageError: a picture cannot be read.
        UserError: there are no weights of the descriptor, or the loss is not a number any more.

    Example:
        >>> made = texture_nets.transfer("pics/coffee.jpg", "pics/wheat_field.jpg", end_scale=64, initial_iterations=2)
        >>> made.shape
        (43, 64, 3)
    """
    from pipelines import in_memory

    return in_memory.transfer(content, styles, observers, options)


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
