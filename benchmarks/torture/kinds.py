"""The kinds of attack with files and folders, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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
from benchmarks.torture.networks import READERS, ConvertSafetensors, ConvertSnapshot
from benchmarks.torture.outcomes import MAX_FOREIGN_MEGABYTES, MAX_MEGABYTES


@dataclass(frozen=True)
class Kind:
    """A kind of attack.

    Attributes:
        make: makes the attacks, of a folder and a seed.
        count: number of attacks in all.
        max_megabytes: memory that an attack may take.
        chunk: attacks of one process; then another begins, with an empty memory.
        session: attacks after which the process forgets the Keras models of before; None: it has none.
        is_whole: all attacks are carried out even where a share of each kind is asked for.
    """

    make: Callable[[Path, int], Files]
    count: int
    max_megabytes: float = MAX_MEGABYTES
    chunk: int = 100
    session: int | None = 20
    is_whole: bool = False


_foreign = partial(Kind, max_megabytes=MAX_FOREIGN_MEGABYTES)
# A run leaves graphs of some tens of megabytes, which Python would collect later than the next run needs memory.
_runs = partial(Kind, chunk=6, session=1)

KINDS = {
    "crafted .keras": Kind(CraftedKerasFiles, 61, is_whole=True),
    "damaged .keras": Kind(KerasFiles, 10_000),
    "damaged .h5": Kind(WeightFiles, 2000),
    "damaged .t7": _foreign(TorchFiles, 1000),
    "damaged Caffe": _foreign(CaffeFiles, 2000),
    "damaged .caffemodel.h5": _foreign(ConvertSnapshot, 1000),
    "damaged .pth": _foreign(TorchStateDicts, 1000),
    "damaged .safetensors": _foreign(ConvertSafetensors, 1000),
    "folders of syntheses": _runs(SynthesisFolders, 170),
    "folders of transfers": _runs(TransferFolders, 170),
    "folders of trainings": _runs(TrainingFolders, 170),
    **{name: _foreign(reader, 100_000, chunk=10_000, session=None, is_whole=True) for name, reader in READERS.items()},
}
