"""What a style transfer computes with: devices, and the memory that pictures take."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence

import keras

from errors import ArgumentError, unknown_name

# Pictures with more pixels are described in segments and strips, which takes less memory and a third more time.
MAX_PIXELS = 400_000
# Measured on a CPU in float32 with the default layers: the program itself and the descriptor's weights, and what each
# pixel adds, described at once or in strips.
BASE_BYTES, BYTES_AT_ONCE, BYTES_IN_STRIPS = 800_000_000, 3_400, 850
# glibc's parameter number, and the size of blocks that go back to the system as soon as they are freed.
MMAP_THRESHOLD, LARGE_BLOCK = -3, 2_000_000


def known_devices() -> list[str]:
    """Return the devices of Keras' backend by name."""
    if keras.backend.backend() == "torch":
        import torch

        return ["cpu:0", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    return list(dict.fromkeys([*keras.distribution.list_devices(), *keras.distribution.list_devices("cpu")]))


def check_devices(names: Sequence[str]) -> None:
    """Raise ArgumentError where a device is not there."""
    known = known_devices()
    for name in names:
        if name not in known:
            raise ArgumentError(unknown_name("`devices`", name, known))


def bytes_needed(size: tuple[int, int]) -> int:
    """Return about how many bytes of memory a scale of (height, width) needs."""
    pixels = size[0] * size[1]
    return BASE_BYTES + pixels * (BYTES_IN_STRIPS if pixels > MAX_PIXELS else BYTES_AT_ONCE)


def memory_note(size: tuple[int, int]) -> str:
    """Return what memory a scale of (height, width) needs, for the user."""
    height, width = size
    how = ", computing in strips" if height * width > MAX_PIXELS else ""
    return f"{width} x {height} pixels need about {bytes_needed(size) / 1e9:.1f} GB of memory{how}"


def return_freed_memory() -> None:
    """Have the C library give freed maps back to the system at once, so that its heap does not fragment.

    glibc would otherwise keep blocks of up to 32 MB. With other C libraries nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGE_BLOCK)
