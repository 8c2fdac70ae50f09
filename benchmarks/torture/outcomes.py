"""What became of an attack, and the table of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MAX_SECONDS, MAX_MEGABYTES = 20.0, 1500.0
# Of files of other programs' networks.
MAX_FOREIGN_MEGABYTES = 1000.0
GOOD = ("done", "refused")


@dataclass(frozen=True)
class Outcome:
    """What a script did with one attack.

    Attributes:
        case: what was done, so that it can be done again.
        code: exit code; None where an exception left the script or the process died.
        told: what it wrote to standard error.
        seconds: processor time, user and system together.
        megabytes: largest resident memory.
        max_megabytes: the largest that is allowed.
    """

    case: str
    code: int | None
    told: str
    seconds: float = 0.0
    megabytes: float = 0.0
    max_megabytes: float = MAX_MEGABYTES

    @property
    def verdict(self) -> str:
        """One of GOOD, or what must not happen."""
        if "Traceback (most recent call last)" in self.told:
            return "traceback"
        if self.code is None:
            return "crash"
        if self.seconds > MAX_SECONDS:
            return "slow"
        if self.megabytes > self.max_megabytes:
            return "memory"
        if self.code == 0:
            return "done"
        errors = [line for line in self.told.splitlines() if ": error: " in line]
        is_last = bool(errors) and self.told.rstrip().endswith(errors[-1].rstrip())
        return "refused" if len(errors) == 1 and is_last and self.code in (1, 2) else "unclear"


@dataclass
class Tally:
    """The outcomes of one kind of attack.

    Attributes:
        name: what kind of attack or file is counted.
        verdicts: how often each came.
        failures: what was not good, in words.
        slowest: seconds of the processor.
        largest: megabytes.
        clock: seconds that all took.
        revisions: of the program, one after the other.
    """

    name: str
    verdicts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    largest: float = 0.0
    clock: float = 0.0
    revisions: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome of `Outcome.verdict`."""
        self.count(outcome.verdict, f"{outcome.case}: {outcome.verdict}: {outcome.told.strip()[-600:]}")
        self.slowest = max(self.slowest, outcome.seconds)
        self.largest = max(self.largest, outcome.megabytes)

    def count(self, verdict: str, text: str) -> None:
        """Count a verdict; `text` describes it where it is not among GOOD."""
        self.verdicts[verdict] += 1
        if verdict not in GOOD:
            self.failures.append(text)

    @property
    def total(self) -> int:
        """Number of attacks."""
        return self.verdicts.total()

    def others(self) -> str:
        """What was neither done nor refused, in words."""
        found = {verdict: count for verdict, count in self.verdicts.items() if verdict not in GOOD}
        return ", ".join(f"{count} {verdict}" for verdict, count in found.items()) or "none"


def as_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
