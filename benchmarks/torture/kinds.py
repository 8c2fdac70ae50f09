"""The kinds of attack with files and folders, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.torture.files import (
    CaffeFiles,
    CraftedKerasFiles,
    Files,
    KerasFiles,
    TorchFiles,
    TorchStateDicts,
    WeightFiles,
)
from benchmarks.torture.folders import SynthesisFolders, TrainingFolders, TransferFolders
from benchmarks.torture.networks import READERS, ConvertSafetensors

KINDS: dict[str, Callable[[Path, int], Files]] = {
    "crafted .keras": CraftedKerasFiles,
    "damaged .keras": KerasFiles,
    "damaged .h5": WeightFiles,
    "damaged .t7": TorchFiles,
    "damaged Caffe": CaffeFiles,
    "damaged .pth": TorchStateDicts,
    "damaged .safetensors": ConvertSafetensors,
    "folders of syntheses": SynthesisFolders,
    "folders of transfers": TransferFolders,
    "folders of trainings": TrainingFolders,
    **READERS,
}
