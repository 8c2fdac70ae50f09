"""Functions that return pictures, as arrays."""

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
    masks: Sequence[PictureLike] = (),
    memory: str | int | None = None,
    brush_size: float = 1.0,
) -> np.ndarray:
    """Stylise a picture with a trained network, in one forward pass (Johnson et al. 2016, Ulyanov et al. 2017).

    The last few models that were given by name or path are cached: a second picture takes a fraction of a second.

    Args:
        picture: the content, see the module. Transparency is ignored.
        model: one of `models()`, a `.keras` file, or a Keras model of float32 (batch, height, width, 3) in [0, 1].
        image_size: longer side in pixels to which the picture is resized before; None keeps its size.
        strength: weight of the stylised picture, from 0 to 1, when it is blended with the content.
        keep_colors: keep the colours and the brightness of the content.
        precision: of the computation, for models given by name or path: "float32" (the default) or "bfloat16".
        style: styles to blend, for a network with several styles (Dumoulin et al. 2017): {name: weight}.
        masks: pictures of any size that are white where a style is applied: one for each of `style`, whose weights are
            then 1, or one for a network with one style. Where no mask is white the picture is unchanged.
        memory: limit in bytes, or "4GB"; larger pictures are processed in strips. None: half of the free memory.
        brush_size: size of the strokes relative to that in training, from 0.25 to 8.

    Returns:
        float32 (height, width, 3) in [0, 1], with the size of the picture unless `image_size` is given.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or there is no such model.
        UserError, ImageError: the model or the picture cannot be read, or the model does not take pictures or fails.

    Example:
        >>> texture_nets.stylize("pics/coffee.jpg", model="wave", image_size=96).shape
        (64, 96, 3)
    """
    from pipelines import in_memory
    from pipelines.arrays import as_pixels

    look = {"image_size": image_size, "strength": strength, "keep_colors": keep_colors, "brush_size": brush_size}
    return in_memory.stylize(as_pixels(picture), model, precision, style or {}, masks, memory=memory, **look)


def sample(
    model: str | os.PathLike = "bark",
    size: int | tuple[int, int] = 512,
    *,
    tileable: str = "none",
    random_seed: int = 0,
) -> np.ndarray:
    """Generate a picture of a texture with a trained generator, in one forward pass (Ulyanov et al. 2016).

    Args:
        model: one of `models()` or a `.keras` file that was trained in texture mode.
        size: side of a square in pixels, or (height, width).
        tileable: directions in which the picture repeats without a seam: "none", "x", "y" or "both"; these sides must
            be multiples of 32.
        random_seed: seed of the noise.

    Returns:
        float32 (height, width, 3) in [0, 1].

    Raises:
        ArgumentError: an argument has a value that is not allowed, or there is no such model.
        UserError: the model cannot be loaded, or does not generate textures.

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
    """Synthesise more of a texture by optimising pixels until Gram matrices match (Gatys, Ecker & Bethge 2015).

    The Gram matrices of the descriptor's features are matched at several octaves of a Gaussian pyramid (Snelgrove
    2017), from coarse to fine, with SciPy's L-BFGS-B.

    Args:
        sources: one picture of the texture, or several, whose statistics are averaged.
        size: side of a square in pixels, or (height, width).
        observers: called after every iteration, see the module.
        **options: those of `pipelines.synthesis.settings.SynthesisSettings`: `octaves`, `layers`, `max_iter`, `count`,
            `tileable`, `descriptor`, `weights`, `precision` ... `morph=True` makes a transition from the first of two
            sources to the second, across the picture (or as given by the picture `mask`) or from frame to frame.

    Returns:
        The texture; see `Texture`.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or a source is too small.
        ImageError: a picture cannot be read.
        UserError: the weights of the descriptor are missing, or the loss became NaN.

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
    """Synthesise all maps of a surface together, so that they stay aligned and repeat without a seam.

    The base colour (or another map, if there is none) is synthesised like any texture; then all maps take their values
    from the same places in the source.

    Args:
        maps: pictures by key, such as "baseColor", "normal", "roughness", "height", "ao"; or float arrays (height,
            width), (height, width, 1) or (height, width, 3). Colours are sRGB-encoded; other maps are data, with
            normals as (n + 1) / 2. All are in [0, 1] but heights, which have any unit, and of the same size.
        size: side of a square in pixels, or (height, width).
        derive: maps to guess from the base colour: "normal", "roughness", "height".
        observers: called after every iteration, see the module.
        **options: those of `pipelines.synthesis.settings.SynthesisSettings` that apply to a single picture:
            `octaves`, `max_iter`, `tileable` (here "both" by default), `weights`, `precision` ...

    Returns:
        The maps and their scores; see `Material`.

    Raises:
        ArgumentError: a key or an option is not allowed.
        ImageError: a picture cannot be read.
        UserError: the maps differ in size, the weights of the descriptor are missing, or the loss became NaN.

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
    """Repaint a picture in the style of others by optimising its pixels; slower and better than `stylize`.

    Matches the content at relu4_2, and the means and covariances of features at five layers (Wasserstein-2 distance),
    at growing scales, as in Crowson's style-transfer-pytorch. `style_loss="gram"` is the loss of Gatys, Ecker & Bethge
    2016.

    Args:
        content: the picture to repaint.
        styles: one picture, or several, which are blended.
        observers: called after every iteration, see the module.
        **options: those of `pipelines.transfer.settings.TransferSettings`: `end_scale` (longer side of the result in
            pixels), `iterations`, `style_weights`, `content_weight`, `keep_colors`, `weights`, `precision` ... `masks`
            is a pair of pictures for each style, white where the style goes in the content and where it is taken from.

    Returns:
        float32 (height, width, 3) in [0, 1].

    Raises:
        ArgumentError: an argument or an option has a value that is not allowed, or a picture is too small.
        ImageError: a picture cannot be read.
        UserError: the weights of the descriptor are missing, or the loss became NaN.

    Example:
        >>> made = texture_nets.transfer("pics/coffee.jpg", "pics/wheat_field.jpg", end_scale=64, initial_iterations=2)
        >>> made.shape
        (43, 64, 3)
    """
    from pipelines import in_memory

    return in_memory.transfer(content, styles, observers, options)
