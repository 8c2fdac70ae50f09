"""Applying styles: a blend of a network's styles, or several styles under masks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from errors import ArgumentError, UserError
from images.color import LUMA
from model.saving import load_model
from model.styles import blend_styles, style_names
from pipelines.inputs import read_opaque
from pipelines.stylization.generator import Generator, Stylizer
from pipelines.stylization.masks import MaskedGenerator


def load_styles(
    path: str | os.PathLike,
    *,
    precision: str = "float32",
    style: Mapping[str, float] | None = None,
    masks: Sequence[str | os.PathLike] = (),
) -> Stylizer:
    """Load a `.keras` file with the styles that are asked for.

    Args:
        path: file of the network.
        precision: what it computes in.
        style: names of the network's styles and their weights in the blend; for a network of one style none.
        masks: pictures, white where a style goes: one for each of `style`, or one for a network of one style.

    Raises:
        ArgumentError: the network has no such style, or several and none is named; or there are not as many masks.
        UserError: a file cannot be loaded, or the network does not follow the image contract.
    """
    model = load_model(path)
    try:
        check_masks(len(masks), style or {})
        shares = [read_opaque(path) @ LUMA for path in masks]
        return make_stylizer(model, precision=precision, style=style or {}, masks=shares)
    except UserError as error:
        raise type(error)(f"{path}: {error}") from error


def make_stylizer(
    model: keras.Model,
    *,
    precision: str | None,
    style: Mapping[str, float],
    masks: Sequence[np.ndarray] = (),
) -> Stylizer:
    """Return a network with the styles that are asked for, ready to run.

    Args:
        model: under the image contract, or with the second input `model.styles.STYLE`.
        precision: what it computes in; None: as it is.
        style: see `load_styles`.
        masks: where each style goes, see `MaskedGenerator`.

    Raises:
        ArgumentError: see `load_styles`, as for UserError.
    """
    if not masks:
        return Generator(_network(model, style), precision=precision)
    return masked(lambda part: Generator(_network(model, part), precision=precision), style, masks)


def masked(
    load: Callable[[Mapping[str, float]], Stylizer], style: Mapping[str, float], masks: Sequence[np.ndarray]
) -> MaskedGenerator:
    """Return the networks of several styles, each under its mask.

    Args:
        load: returns the network of a blend of styles, of one here.
        style: names of the styles, all with the weight 1; none for a network of one style.
        masks: one for each, see `MaskedGenerator`.

    Raises:
        ArgumentError: there are not as many masks, or a weight is not 1.
    """
    check_masks(len(masks), style)
    return MaskedGenerator([load({name: 1.0}) for name in style] or [load({})], masks)


def _network(model: keras.Model, style: Mapping[str, float]) -> keras.Model:
    """Return the network from pictures to pictures that has the blend `style` of the styles of `model`."""
    names = style_names(model)
    if not names and style:
        raise ArgumentError(f"`style` {', '.join(style)}: the network has a single style, without a name")
    if names and not style:
        raise ArgumentError(f"`style` is needed: the network has the styles {', '.join(names)}")
    return blend_styles(model, style) if names else model


def check_masks(count: int, style: Mapping[str, float]) -> None:
    """Raise ArgumentError unless there are no masks, or one for each style, which then have no weights."""
    if count == 0:
        return
    if count != max(len(style), 1):
        raise ArgumentError(f"`mask`: {max(len(style), 1)} needed, one for each style, not {count}")
    if any(weight != 1 for weight in style.values()):
        raise ArgumentError("`style`: with `mask` styles have no weights; the brightness of the masks is used instead")
