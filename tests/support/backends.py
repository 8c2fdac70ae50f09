"""What tests of Keras' other backends share."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pytest


def cases(names: Iterable[str], on_all: Collection[str]) -> list[Any]:
    """Return parameters of a test of which those in `on_all` run on every backend: long ones need not all."""
    assert set(on_all) <= set(names)
    return [pytest.param(name, marks=pytest.mark.backends) if name in on_all else name for name in names]


def quick_compilation(folder: Path) -> dict[str, str]:
    """Return variables of the environment that make jax compile in less time, with which it spends most of its own.

    It is told to spend little on making functions quick, and to keep in `folder` what took it longer than 0.1 seconds:
    runs that are resumed, and compared with others, compile the same functions again.
    """
    return {
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
