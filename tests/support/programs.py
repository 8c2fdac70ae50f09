"""Programs that torch.export writes, and how far what is made of them is from PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch
from torch import nn

from convert.axes import array_from_source_order, array_to_source_order
from convert.pytorch.programs.network import ProgramConversion, convert_program

FREE = torch.export.Dim.DYNAMIC
FORMS = ["exported", "decomposed", "traced", "scripted"]


def export(network: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path, free: Any = None) -> Path:
    """Write a network as torch.export has it; `free` are the sizes that stay free, as its `dynamic_shapes`."""
    program = torch.export.export(network.eval(), inputs, dynamic_shapes=free)
    torch.export.save(program, path)
    return path


def record(form: str, network: nn.Module, pictures: tuple[torch.Tensor, ...], path: Path) -> Path:
    """Write a network as one of FORMS has it, with free heights and widths but where torch.export fixes them."""
    network.eval()
    if form in ("exported", "decomposed"):
        free = torch.export.Dim.AUTO
        made = torch.export.export(network, pictures, dynamic_shapes=({2: free, 3: free},) * len(pictures))
        torch.export.save(made.run_decompositions() if form == "decomposed" else made, path)
    else:
        (torch.jit.trace(network, pictures) if form == "traced" else torch.jit.script(network)).save(path)
    return path


def recorded(form: str, network: nn.Module, pictures: tuple[torch.Tensor, ...], folder: Path) -> keras.Model:
    """Return the model of such a network, for pictures of any size where the file does not fix it."""
    path = record(form, network, pictures, folder / "network.pt2")
    shapes = [(picture.shape[1], None, None) for picture in pictures] if form in ("traced", "scripted") else ()
    return convert_program(path, shapes).model


def takes(model: keras.Model, shape: tuple[int, ...]) -> bool:
    """Return whether a model takes pictures of a shape in PyTorch's order."""
    wanted = (shape[0], *shape[2:], shape[1])
    return all(size in (None, one) for size, one in zip(model.inputs[0].shape, wanted, strict=True))


def several(found: Any) -> list[Any]:
    """Return what a network returns as a list."""
    return list(found) if isinstance(found, (list, tuple)) else [found]


def differences(model: keras.Model, network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> list[float]:
    """Return the largest difference of each output, relative to its largest number, and assert equal shapes."""
    with torch.no_grad():
        expected = [tensor.numpy() for tensor in several(network(*inputs))]
    arrays = [array_from_source_order(tensor.numpy()) for tensor in inputs]
    made = several(model(arrays if len(arrays) > 1 else arrays[0]))
    found = [array_to_source_order(keras.ops.convert_to_numpy(one)) for one in made]
    assert [one.shape for one in found] == [one.shape for one in expected]
    return [
        float(np.abs(one.astype(np.float64) - wanted).max() / (np.abs(wanted).max() or 1))
        for one, wanted in zip(found, expected, strict=True)
    ]


def converted(
    network: nn.Module, inputs: tuple[torch.Tensor, ...], folder: Path, free: Any = None
) -> ProgramConversion:
    """Return the conversion of a network."""
    return convert_program(export(network, inputs, folder / "network.pt2", free))
