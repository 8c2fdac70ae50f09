"""What all tests share: the optional reference folder."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtimes.processor import ask_for_quick_kernels

ROOT = Path(__file__).resolve().parent.parent
LONGEST = ("test_backends", "test_devices", "test_readme")


# As the scripts do before they import TensorFlow, which some tests do at once: child processes compute alike.
ask_for_quick_kernels()


def shared_folder() -> Path | None:
    """Return the folder of large reference files, or None where this machine has none."""
    folder = Path(os.environ.get("TEXTURE_NETS_SHARED", ROOT.parent / "shared"))
    return folder if folder.is_dir() else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest tests, and deselect those of the reference files where there are none.

    Where these are required (.ci/run) nothing is deselected.
    """
    # Or they would run on when all else is done.
    items.sort(key=lambda item: next((i for i, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST)))
    if shared_folder() is not None or "TEXTURE_NETS_REQUIRE_SHARED" in os.environ:
        return
    needing = [item for item in items if "shared" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=needing)
    items[:] = [item for item in items if item not in set(needing)]


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = shared_folder()
    if folder is None:
        pytest.fail("the folder of reference files is missing (environment variable TEXTURE_NETS_SHARED)")
    return folder


@pytest.fixture(scope="session")
def random_descriptor_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG-19 with random weights that keep the size of activations: for tests that need any descriptor."""
    import numpy as np
    from support.training_cases import write_descriptor_weights

    path = tmp_path_factory.mktemp("weights") / "vgg.keras"
    write_descriptor_weights(path, np.random.default_rng(0), until="relu5_1")
    return path


@pytest.fixture
def random_descriptor(random_descriptor_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the program find `random_descriptor_file` where it looks for VGG-19."""
    monkeypatch.setenv("TEXTURE_NETS_VGG19", str(random_descriptor_file))
    return random_descriptor_file


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """Python's own handlers of the signals that end a run, which nohup and background jobs of a shell switch off."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    found = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in found.items():
        signal.signal(number, handler)


def hear_ctrl_c() -> None:
    """Let a child process hear Ctrl-C (`preexec_fn`), which shells switch off for what they run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def first_photos(shared: Path) -> list[Path]:
    """Return the photos that lay there first: the figures of the tests were found on them, not on the newer ones."""
    newer = {line.split("\t")[0] for line in (shared / "photos" / "MANIFEST.tsv").read_text().splitlines()}
    return [path for path in sorted((shared / "photos").glob("*.jpg")) if path.name not in newer]
