"""Functions that make pictures: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os

    import keras
    import numpy as np

    from pipelines.arrays import PictureLike
    from pipelines.materials.material import Material
    from pipelines.synthesis.texture import Texture
    from runs.progress import RunProgress

Observer = Callable[["RunProgress"], None]


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
            `tileable`, `descriptor`, `weights`, `precision` ... With `morph=True` the picture changes from the first of
            two sources to the second, as the picture `mask` has it, or several frames do.

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
