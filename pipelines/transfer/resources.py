"""The devices of a style transfer, and the number of pixels up to which pictures are described at once."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from errors import ArgumentError, unknown_name

# Pictures with more pixels are described in segments and strips, which takes less memory and a third more time.
MAX_PIXELS = 400_000
# Measured on a CPU in float32 with the default layers: what each pixel takes that is described at once.
BYTES_AT_ONCE = 3_400


def max_pixels(devices: Sequence[str]) -> int:
    """Return up to how many pixels pictures are described at once; on several devices they never are."""
    return 0 if len(devices) > 1 else MAX_PIXELS


def known_devices() -> dict[str, str]:
    """Return the devices of Keras' backend by name, each with what `keras.device` takes for it."""
    if keras.backend.backend() == "torch":
        import torch

        gpus = {f"{kind}:{i}": f"cuda:{i}" for i in range(torch.cuda.device_count()) for kind in ("gpu", "cuda")}
        # PyTorch takes "cpu:0" for another device than "cpu", where tensors are made: Keras' variables would be copies.
        return {"cpu:0": "cpu"} | gpus
    names = [*keras.distribution.list_devices(), *keras.distribution.list_devices("cpu")]
    return {name: name for name in names}


def check_devices(names: Sequence[str]) -> tuple[str, ...]:
    """Return what `keras.device` takes for devices.

    Raises:
        ArgumentError: a device is not there.
    """
    known = known_devices()
    for name in names:
        if name not in known:
            raise ArgumentError(unknown_name("`devices`", name, known))
    return tuple(known[name] for name in names)
