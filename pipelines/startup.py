"""Importing Keras and TensorFlow without their start-up messages."""

from __future__ import annotations

import gc
import linecache
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

from errors import UserError, one_line
from runtimes.processor import ask_for_quick_kernels
from runtimes.quiet import notes_are_wanted, stderr_to

# TensorFlow 2.21 prints these while it starts, whatever TF_CPP_MIN_LOG_LEVEL says; the last where there is no GPU.
NOTE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I0000 |E0000 .* failed call to cuInit")
# Packages that Keras and TensorFlow import where they are there, to offer more to those who use them: about 40 % of the
# time that both take to start.
OFFERS = ("cv2", "jax", "matplotlib", "pandas", "scipy", "sklearn")
# TensorFlow's public names, module by module. It imports all of them with all that is behind them, of which a network's
# forward pass needs half.
PUBLIC_NAMES = "tensorflow._api.v2."
# Whether the process is a script's, which needs none of those offers.
in_script: ContextVar[bool] = ContextVar("in_script", default=False)
# Ways back to Keras' settings of before, for a function of the library.
_undone_later: ContextVar[list[Callable[[], None]] | None] = ContextVar("_undone_later", default=None)


@contextmanager
def quiet_startup(precision: str = "float32") -> Iterator[None]:
    """Import Keras and TensorFlow inside: their start-up notes stay off standard error, all else is passed on.

    Where TF_CPP_MIN_LOG_LEVEL asks for notes nothing is held back. Child processes inherit the variable as it is set
    here, and start as quietly. A script imports Keras before its own lines, without OFFERS. Keras then puts channels
    last and has float32 for its type and its policy, whatever its file of settings or the program around says.

    Args:
        precision: in which the program will compute: "float32", "bfloat16" or "auto".

    Raises:
        UserError: Keras or its backend is not installed, or there is no such backend.
    """
    ask_for_quick_kernels(precision)
    if not notes_are_wanted():
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are for programmers
    with _without_notes():
        _start_keras()
        yield
        _look_for_devices()


@contextmanager
def _without_notes() -> Iterator[None]:
    """Hold back what goes to standard error inside, then pass on all but the notes, unless those are wanted."""
    if notes_are_wanted():
        yield
        return
    with tempfile.TemporaryFile() as held_back:
        try:
            with stderr_to(held_back):
                yield
        finally:
            held_back.seek(0)
            for line in held_back:
                if not NOTE.match(line):
                    with suppress(OSError):  # standard error may be closed
                        os.write(2, line)


@contextmanager
def kept_settings() -> Iterator[None]:
    """Give the settings of Keras that `quiet_startup` changes in here back to the program that calls the library."""
    ways_back: list[Callable[[], None]] = []
    token = _undone_later.set(ways_back)
    try:
        yield
    finally:
        _undone_later.reset(token)
        for undo in ways_back:
            undo()


def _start_keras() -> None:
    """Import Keras, and let it work as this program does.

    Raises:
        UserError: Keras or its backend is not installed, or there is no such backend.
    """
    try:
        if in_script.get() and "keras" not in sys.modules:
            _start_script()
        keras = import_module("keras")
    except (ImportError, ValueError) as error:  # the latter for a backend that Keras does not know
        chosen = os.environ.get("KERAS_BACKEND")
        hint = f"KERAS_BACKEND is {chosen}; it" if chosen else "its backend, which KERAS_BACKEND or keras.json names,"
        raise UserError(
            f"Keras cannot be imported: {one_line(error)} ({hint} must be tensorflow, jax or torch, and installed)"
        ) from error
    config = keras.config
    for found, wanted, change in (
        (config.image_data_format(), "channels_last", config.set_image_data_format),
        # Keras makes the policy of the type when it is first asked for, and then keeps it.
        (config.dtype_policy(), keras.dtype_policies.DTypePolicy("float32"), config.set_dtype_policy),
        (config.floatx(), "float32", config.set_floatx),
    ):
        if found != wanted:
            change(wanted)
            if (ways_back := _undone_later.get()) is not None:
                ways_back.append(partial(change, found))


def _start_script() -> None:
    """Import Keras, and with it its backend, without OFFERS; what is imported later finds those packages."""
    kept = {"jax", "scipy"} if _backend_is_jax() else set()
    withheld = [name for name in OFFERS if name not in kept and name not in sys.modules]
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None: Python raises ImportError
    modules.update(dict.fromkeys(withheld))
    finder = _LazyFinder()
    sys.meta_path.insert(0, finder)
    gc.disable()  # all that an import makes stays: looking for garbage among it takes a tenth of the time
    try:
        import_module("keras")
    finally:
        gc.freeze()
        gc.enable()
        linecache.clearcache()  # TensorFlow notes where its operators are registered, and so reads 70 of its files
        sys.meta_path.remove(finder)
        for name in withheld:
            del sys.modules[name]


class _LazyFinder(MetaPathFinder):
    """Finds modules of PUBLIC_NAMES that are loaded when a name in them is first asked for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PUBLIC_NAMES) or _must_load_now(fullname):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _LazyLoader(spec.loader)
        return spec


class _LazyLoader(Loader):
    """Leaves a module empty, and lets it fill itself."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> None:
        return None  # a common module

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(_pending=self.loader, _lock=RLock())
        module.__class__ = _LazyModule


class _LazyModule(ModuleType):
    """An empty module that is filled at the first name that it lacks.

    importlib's own LazyLoader is not safe before Python 3.11.8 where two threads ask for names at once.
    """

    def __getattr__(self, name: str) -> Any:
        with self.__dict__["_lock"]:
            loader = self.__dict__.pop("_pending", None)
            if loader is not None:
                with _without_notes():  # the profiler, which some of them load, prints its own
                    loader.exec_module(self)
        return self.__getattribute__(name)


def _must_load_now(fullname: str) -> bool:
    """Say whether a public name is in a module with the name of a package of TensorFlow.

    Importing such a package later would put it in the module's place.
    """
    name = fullname.removeprefix(PUBLIC_NAMES).partition(".")[0]
    return any((Path(folder) / name).is_dir() for folder in sys.modules["tensorflow"].__path__)


def _backend_is_jax() -> bool:
    """Return what Keras will find: its environment variable, or its file of settings."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name == "jax"
    home = Path(os.environ.get("KERAS_HOME", Path("~/.keras").expanduser()))
    try:
        return '"jax"' in (home / "keras.json").read_text(errors="replace")
    except OSError:
        return False


def _look_for_devices() -> None:
    """Let TensorFlow look for GPUs now, where it is there: what it says about none stays among the notes."""
    if (tensorflow := sys.modules.get("tensorflow")) is not None:
        tensorflow.config.list_physical_devices()
