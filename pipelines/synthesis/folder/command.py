"""The file that says what a run was asked for: written, read again, and compared with what a later one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import ArgumentError, UserError
from options import from_json, to_json
from pipelines.inputs import check_input_folder
from pipelines.synthesis.settings import GRAM_ALONE, SynthesisSettings, Where, resolve_layers
from runs.machine import choose_precision, versions
from runs.resuming import Identity
from runs.store import DAMAGE, digest, read_json, write_json

if TYPE_CHECKING:
    from pipelines.synthesis.plan import SynthesisPlan

COMMAND = "command.json"
# What the pictures are called that tell a run's targets; see `read_inputs`.
TARGETS = ("source", "texture", "mask")
# Options that do not change the result; the files that others name are compared by what is in them.
NOT_COMPARED = frozenset({"source", "guide", "morph", "mask", "init", "output", "output_dir", "output_prefix"})
NOT_COMPARED |= {"save_every", "weights", "data_dir", "memory"}
# The options that name the files, by how what they are begins.
FILES = {
    "source": "source", "texture": "morph", "guide": "guide", "mask": "mask", "picture to start from": "init",
    "weights": "weights",
}  # fmt: skip


def write_command(folder: Path, settings: SynthesisSettings, files: Mapping[str, Path], loss: str) -> None:
    """Write what a run in `folder` is asked for, the versions and digests of what it begins with, and its loss.

    Args:
        folder: of the run.
        settings: what is asked for.
        files: that were read, by what they are.
        loss: as it is printed.
    """
    digests = digests_of(files)
    content = {
        "arguments": to_json(settings),
        "sources": {str(files[name].absolute()): digests[name] for name in files if name.startswith(TARGETS)},
        "digests": digests,
        "versions": versions(),
        "loss": loss.splitlines(),
    }
    write_json(folder / COMMAND, content)


def read_settings(folder: Path) -> SynthesisSettings:
    """Return the settings of the run in a folder.

    Raises:
        ArgumentError: there is no such folder, or it is not that of a run.
        UserError: what it holds is damaged, or a source has changed since.
    """
    check_input_folder(folder, "resume")
    if not (folder / COMMAND).exists():
        raise ArgumentError(f"`resume` {folder}: not the folder of a synthesis, which contains {COMMAND}")
    settings, content = _read_command(folder)
    for path, kept in content["sources"].items():
        if not Path(path).is_file() or digest(Path(path)) != kept:
            raise UserError(f"`resume` {folder}: the source {path} is missing or has changed")
    return settings


def _read_command(folder: Path) -> tuple[SynthesisSettings, dict[str, Any]]:
    try:
        content = read_json(folder / COMMAND)
        # Runs of earlier versions had no other terms, and no word for them.
        settings = from_json(SynthesisSettings, {**GRAM_ALONE, **content["arguments"]})
        content = {"digests": {}, **content}
        for part in ("sources", "digests"):
            if not all(isinstance(text, str) for pair in content[part].items() for text in pair):
                raise ValueError(f"{part} are not strings")
    except (*DAMAGE, UserError) as error:
        raise UserError(f"{folder}: {COMMAND} is damaged ({error}); `restart` starts over") from error
    return settings, content


def check_unchanged(folder: Path, files: Mapping[str, Path]) -> None:
    """Raise UserError where files, by what they are, are not those with which the run in a folder began."""
    _, content = _read_command(folder)
    kept = content["digests"]  # runs of earlier versions have none
    changed = [f"{name} ({path})" for name, path in files.items() if kept and kept.get(name) != digest(path)]
    if changed:
        raise UserError(f"`resume` {folder}: not as when the run began: {', '.join(changed)}")


def digests_of(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the digests of files by what they are."""
    return {name: digest(path) for name, path in files.items()}


def identity_of_folder(folder: Path, plan: SynthesisPlan) -> Identity:
    """Return what tells the run in `folder` from others.

    Raises:
        UserError: its command is damaged.
    """
    settings, content = _read_command(folder)
    digests = content["digests"] or {f"source {i + 1}": text for i, text in enumerate(content["sources"].values())}
    return identity(settings, plan, digests)


def identity(settings: SynthesisSettings, plan: SynthesisPlan, digests: Mapping[str, str]) -> Identity:
    """Return what tells a run from others: the options that change its result, and the digests of its files."""
    sources = sum(name.startswith("source") for name in digests)
    # Of pictures that one of the runs alone has, the other has no digest to differ from.
    given = {name: getattr(settings, name) is not None for name in ("guide", "morph", "mask", "init")}
    return Identity(options={**_comparable(settings, plan), "source": sources, **given}, digests=digests)


def _comparable(settings: SynthesisSettings, plan: SynthesisPlan) -> dict[str, Any]:
    """Return the options that change the result, with what stands for those that are left to the program."""
    where: Where = "morph" if settings.morph else "regions" if settings.guide else "everywhere"
    resolved = {
        "output_height": settings.size[0],
        "octaves": settings.octaves or plan.geometry.octaves,
        **settings.term_weights(plan.regularity, where),
        "layers": list(resolve_layers(settings.descriptor, settings.layers)),
        "schedule": settings.schedule or ("coarse-to-fine" if settings.init is None else "single"),
        "precision": choose_precision(settings.precision)[0],
    }
    return {name: value for name, value in (to_json(settings) | resolved).items() if name not in NOT_COMPARED}
