"""Options that both synthesis and style transfer have: the keyword arguments of `options.option`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from choices import DESCRIPTORS, POOLINGS, PRECISIONS_OR_AUTO

DESCRIPTOR: dict[str, Any] = {
    "help": "network whose features are compared; random filters need no weights and give a much poorer result",
    "default": "vgg19",
    "choices": DESCRIPTORS,
}
POOLING: dict[str, Any] = {"help": "pooling of the descriptor", "choices": POOLINGS}
WEIGHTS: dict[str, Any] = {
    "help": "file of the descriptor's weights",
    "kind": Path,
    "metavar": "FILE",
    "default_text": "found or downloaded",
}
DATA_DIR: dict[str, Any] = {
    "help": "folder to search for the descriptor's weights",
    "default": "model_data",
    "kind": Path,
    "metavar": "FOLDER",
}
MEMORY: dict[str, Any] = {
    "help": "memory that the run may take, such as 6GB; data that does not fit is kept in memory-mapped files, and "
    "sizes that still do not fit are refused",
    "numbers": True,
    "metavar": "SIZE",
    "default_text": "files beyond half of the free memory; limited by the machine",
}
PRECISION: dict[str, Any] = {
    "help": "precision of the descriptor; auto: bfloat16 if it is faster on this processor",
    "default": "auto",
    "choices": PRECISIONS_OR_AUTO,
}
