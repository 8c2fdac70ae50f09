"""Reading the pictures of a style transfer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from errors import ArgumentError, counted, unknown_name
from images.folders import why_no_file
from images.picture import LUMA
from images.proofing import soft_proof
from pipelines.inputs import check_input_files, read_opaque
from pipelines.transfer.settings import INITS, TransferSettings, style_shares


@dataclass(frozen=True, eq=False)
class TransferInputs:
    """Pictures in memory, float32 in [0, 1].

    Attributes:
        content: (height, width, 3).
        styles: (height, width, 3) each.
        init: (height, width, 3) of any size, or None.
        masks: for each style a pair (of the content, of the style), (height, width) each, of any size; or empty.
    """

    content: np.ndarray
    styles: list[np.ndarray]
    init: np.ndarray | None
    masks: list[tuple[np.ndarray, np.ndarray]]


def named_files(settings: TransferSettings) -> dict[str, Path]:
    """Return every picture and profile that the settings name, by what it is.

    Raises:
        ArgumentError: there is no content or style, a file does not exist, a name is unknown, or weights and masks are
            not as many as styles.
    """
    if settings.content is None or not settings.styles:
        raise ArgumentError("a content picture and a style picture are needed")
    style_shares(settings.style_weights, len(settings.styles))
    if settings.masks and len(settings.masks) != len(settings.styles):
        raise ArgumentError(_misfit(len(settings.masks), len(settings.styles)))
    files: dict[str, str | os.PathLike] = {"content": settings.content}
    files |= {f"style {i}": path for i, path in enumerate(settings.styles, start=1)}
    for i, (first, second) in enumerate(settings.masks, start=1):
        files |= {f"mask {i} of the content": first, f"mask {i} of the style": second}
    if str(settings.init) not in INITS:
        if why_no_file(Path(settings.init)) is not None:
            raise ArgumentError(f"{unknown_name('`init`', str(settings.init), INITS)}, nor is it a file")
        files["init"] = settings.init
    if settings.proof is not None:
        files["proof"] = settings.proof
    masks = [path for pair in settings.masks for path in pair]
    check_input_files(content=settings.content, styles=settings.styles, masks=masks, proof=settings.proof)
    check_input_files(weights=settings.weights)
    return {name: Path(path) for name, path in files.items()}


def read_inputs(settings: TransferSettings) -> TransferInputs:
    """Read everything that the settings name.

    Raises:
        ImageError: a picture or profile cannot be read.
        ArgumentError: a mask is all black, or what `named_files` says.
    """
    files = named_files(settings)

    return make_inputs(
        proofed(read_opaque(files["content"]), settings),
        [proofed(read_opaque(path), settings) for path in settings.styles],
        init=read_opaque(files["init"]) if "init" in files else None,
        masks=[(read_opaque(first), read_opaque(second)) for first, second in settings.masks],
    )


def proofed(pixels: np.ndarray, settings: TransferSettings) -> np.ndarray:
    """Return a content or a style, float32 (height, width, 3); with `proof` in the colours that can be printed.

    Raises:
        ImageError: see `images.proofing.soft_proof`.
    """
    return pixels if settings.proof is None else soft_proof(pixels, settings.proof)


def make_inputs(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    *,
    init: np.ndarray | None = None,
    masks: Sequence[tuple[np.ndarray, np.ndarray]] = (),
) -> TransferInputs:
    """Return the inputs that pictures in memory make.

    Args:
        content: float32 (height, width, 3) in [0, 1], as all pictures here.
        styles: one or more.
        init: first picture, of any size, or None.
        masks: for each style a pair of pictures (of the content, of the style); or empty.

    Raises:
        ArgumentError: a mask is all black, or there are not as many as styles.
    """
    if masks and len(masks) != len(styles):
        raise ArgumentError(_misfit(len(masks), len(styles)))
    pairs = [(_luma(first, i), _luma(second, i)) for i, (first, second) in enumerate(masks, start=1)]
    return TransferInputs(content, list(styles), init, pairs)


def _luma(mask: np.ndarray, number: int) -> np.ndarray:
    values = mask @ LUMA
    if not values.max() > 0:
        raise ArgumentError(f"`masks`, pair {number}: it is all black")
    return values


def _misfit(pairs: int, styles: int) -> str:
    return f"`masks`: {counted(pairs, 'pair')} for {counted(styles, 'style')}; each style needs one"
