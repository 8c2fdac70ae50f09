"""The page of proof, in Markdown."""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.models.networks import WRONG_REFERENCES, Network
from benchmarks.models.trial import LIMITS, Export, Trial
from benchmarks.torture.outcomes import as_table

NAMES = {"onnx": "ONNX", "litert": "LiteRT", "int8": "LiteRT int8"}
FLAGS = {"entry": "--entry", "input_shape": "--input-shape", "norm_statistics": "--norm-statistics"}
HASH_DIGITS = 12


class Group:
    """Networks of one folder.

    Args:
        title: on the page.
        folder: where they lie.
        networks: in it.
        published: each is told on the page, else their number and what does not go well.
    """

    def __init__(self, title: str, folder: Path, networks: Iterable[Network], published: bool = False) -> None:
        self.title = title
        self.folder = folder
        self.networks = list(networks)
        self.published = published


def write_page(path: Path, command: str, found: Sequence[tuple[Group, Sequence[Trial]]]) -> None:
    """Write the page.

    Args:
        path: file of the page.
        command: that wrote it.
        found: each group with what became of its networks, in their order.
    """
    sections = [_published(group, trials) if group.published else _cases(group, trials) for group, trials in found]
    path.write_text(HEAD.format(command=command, onnx=LIMITS["onnx"], litert=LIMITS["litert"]) + "".join(sections))


HEAD = """# Tested networks

Written by `{command}`. Each network is imported by the scripts of this program, compared with the output of the
original framework (recorded, or computed during the test), and exported. The exports are run in ONNX Runtime, OpenCV
and LiteRT, and compared with the Keras model. Differences are given as the largest absolute difference, and as a share
of the largest value of the output. An export is written only if its difference is at most {onnx:g} (ONNX) or
{litert:g} (LiteRT in float32) of that value. Results in the file given by `--results`, perhaps of earlier revisions,
were not computed again.

The files were published by others and are not part of this program. The tables name their sources and the first digits
of their SHA-256 hashes. The [guide](old_models.md) explains how to convert such a file.
"""


def _published(group: Group, trials: Sequence[Trial]) -> str:
    pairs = _paired(group, trials)
    good = [(network, trial) for network, trial in pairs if not trial.reason]
    truths = [_truth_row(group, *pair) for pair in pairs if not pair[1].reason]
    exports = [_export_row(*pair) for pair in good]
    parts = [
        f"\n## {group.title}\n\n{len(good)} of {len(pairs)} networks can be converted{_untried(group, pairs)}.\n\n",
        as_table(("network", "from", "SHA-256", "compared with", "largest difference", "relative"), truths),
        "\n\n### Exports\n\nSizes in kilobytes, and in parentheses the difference from the Keras model as a "
        "share of the largest value.\n\n",
        as_table(("network", "ONNX", "in OpenCV", "LiteRT", "LiteRT int8"), exports),
        "\n\n### Commands\n\n```sh\n" + "\n".join(_command(network) for network, _ in good) + "\n```\n",
        _failures(pairs),
        _exceptions(trials),
    ]
    return "".join(parts)


def _paired(group: Group, trials: Sequence[Trial]) -> list[tuple[Network, Trial]]:
    """Return the networks that were tried, each with what became of it."""
    known = {trial.name: trial for trial in trials}
    return [(network, known[network.name]) for network in group.networks if network.name in known]


def _untried(group: Group, pairs: Sequence[tuple[Network, Trial]]) -> str:
    missing = len(group.networks) - len(pairs)
    return f"; {missing} more were not tested in this run" if missing else ""


def _truth_row(group: Group, network: Network, trial: Trial) -> tuple[str, ...]:
    absolute, relative = ("", "") if trial.difference is None else (f"{value:.1e}" for value in trial.difference)
    verdict = "" if trial.agrees else " (too far)"
    return (
        network.name,
        _origin(group.folder, network),
        f"`{_hash(network.source)}`",
        trial.truth or "nothing",
        absolute + verdict,
        relative,
    )


def _origin(folder: Path, network: Network) -> str:
    """Return where a file comes from, by the table in the folder's README.md: its folders and where they are from."""
    readme = folder / "README.md"
    place = f"/{network.source.relative_to(folder).as_posix()}"
    for line in readme.read_text().splitlines() if readme.is_file() else ():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 1 and any(f"/{name.strip()}/" in place for name in cells[0].split(",")):
            return cells[1]
    return ""


def _hash(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:HASH_DIGITS]


def _export_row(network: Network, trial: Trial) -> tuple[str, ...]:
    onnx, litert, int8 = (trial.exports.get(name, Export()) for name in NAMES)
    opencv = onnx.opencv.partition(": ")[0] if " runs it" in onnx.opencv else "no" if onnx.opencv else ""
    return network.name, _size(onnx), opencv, _size(litert), _size(int8)


def _size(export: Export) -> str:
    return "no" if export.relative is None else f"{export.size / 1000:,.0f} ({export.relative:.0e})"


def _command(network: Network) -> str:
    """Return the command that makes an ONNX file of a network."""
    words = ["python", "import_caffe_weights.py" if network.kind == "Caffe" else "import_torch_weights.py"]
    if network.prototxt is not None:
        words += ["--prototxt", f"<{network.prototxt.name}>"]
    words += ["--input", f"<{network.source.name}>", "--output", _result(network)]
    for name, flag in FLAGS.items():
        value = network.options.get(name)
        for text in [value] if isinstance(value, str) else value or ():
            words += [flag, shlex.quote(text)]
    return " ".join(words)


def _result(network: Network) -> str:
    """Return what the ONNX file of a network is called: like its source, and like its entry where there are several."""
    entry = network.options.get("entry")
    return shlex.quote("_".join([network.source.name.partition(".")[0], *([entry] if entry else [])]) + ".onnx")


def _failures(pairs: Iterable[tuple[Network, Trial]]) -> str:
    known = {name: f" ({why})" for name, why in WRONG_REFERENCES.items()}
    lines = [
        f"- {network.name}: {trial.reason}{known.get(network.name, '')}" for network, trial in pairs if trial.reason
    ]
    return _section("What cannot be converted", lines)


def _exceptions(trials: Iterable[Trial]) -> str:
    """Return the exports that were refused, those of one reason in one line."""
    names: dict[tuple[str, str], list[str]] = {}
    for trial in trials:
        for format, export in trial.exports.items():
            if export.relative is None:
                names.setdefault((format, export.reason), []).append(trial.name)
    lines = [f"- {NAMES[format]}: {reason}: {', '.join(found)}" for (format, reason), found in names.items()]
    return _section("What cannot be exported", lines)


def _section(title: str, lines: Sequence[str]) -> str:
    return f"\n### {title}\n\n" + "\n".join(lines or ["Nothing."]) + "\n"


def _cases(group: Group, trials: Sequence[Trial]) -> str:
    pairs = _paired(group, trials)
    rows = [(what, str(count)) for what, count in _counts(len(group.networks), trials)]
    worst = max((trial.difference[1] for trial in trials if trial.difference), default=0.0)
    apart = [f"- {trial.name}: {trial.difference}" for trial in trials if trial.difference and not trial.agrees]
    parts = [
        f"\n## {group.title}\n\n",
        as_table(("networks", "number"), rows),
        f"\n\nLargest difference from the recorded outputs: {worst:.1e} of the largest value.\n",
        _section("Too far from the original", apart) if apart else "",
        _failures(pairs),
        _exceptions(trials),
    ]
    return "".join(parts)


def _counts(number: int, trials: Sequence[Trial]) -> Iterator[tuple[str, int]]:
    yield "found", number
    yield "tested", len(trials)
    yield "converted", sum(not trial.reason for trial in trials)
    yield "same output as the original", sum(trial.agrees and trial.difference is not None for trial in trials)
    left = Counter(name for trial in trials for name, export in trial.exports.items() if export.relative is not None)
    for name, count in left.items():
        yield f"exported to {NAMES[name]}", count
