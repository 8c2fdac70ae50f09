"""The generators by name. Importing this loads no Keras, so that a script's --help can list them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from errors import ArgumentError, unknown_name

if TYPE_CHECKING:
    import keras

# Each is a function in the module of its name.
GENERATORS = ("hourglass", "johnson", "pyramid", "skip_unpool")


def build_generator(name: str, **options: Any) -> keras.Model:
    """Build the generator `name`, with new weights, in Keras' current dtype policy.

    In style mode (the default) it is under the image contract: float32 RGB in [0, 1] of any size and batch to
    pictures of that size. In texture mode its one input, named "noise", is (batch, height, width,
    noise_depth) of independent values uniform in [0, 1); the picture has its size, is a function of the noise
    alone, and repeats without a seam where the generator's docstring says so. So whoever draws the noise
    holds the seed, and an exported model needs no random numbers.

    Args:
        name: one of GENERATORS.
        options: those of the generator (`hourglass`, `johnson`, `pyramid`, `skip_unpool`) and of
            `model.generators.blocks.Blocks`.

    Raises:
        ArgumentError: the name, an option or its value is unknown.
    """
    builder = generator_builder(name)
    known = generator_options(builder)
    for option in options:
        if option not in known:
            raise ArgumentError(unknown_name(f"option of {name}", option, known))
    return builder(**options)


def generator_builder(name: str) -> Callable[..., keras.Model]:
    """Return the function that builds the generator `name`.

    Raises:
        ArgumentError: there is no such generator.
    """
    if name not in GENERATORS:
        raise ArgumentError(unknown_name("generator", name, GENERATORS))
    return getattr(import_module(f"model.generators.{name}"), name)


def generator_options(builder: Callable[..., keras.Model]) -> tuple[str, ...]:
    """Return the names of the options that `builder` takes: its own and those that all generators share."""
    blocks = import_module("model.generators.blocks").Blocks
    parameters = [
        *inspect.signature(builder).parameters.values(),
        *inspect.signature(blocks).parameters.values(),
    ]
    return tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
