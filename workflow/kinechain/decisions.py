"""The thresholds of a study, each with its unit, scale and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinechain.errors import Problem, UserError, closest, raise_if_any

FILE = "config/decisions.yaml"
SCALES = ("standardised", "raw", "share")
NEEDS_SCALE = ("sesoi", "mcid")


@dataclass(frozen=True, slots=True)
class Decision:
    """One threshold.

    name    dotted key in config/decisions.yaml
    values  the number, or the numbers of a grid
    unit    what they are counted in
    scale   which estimates they may be held against: standardised, raw, share, or "" where no estimate is meant
    source  citation, or that the study declared it
    """

    name: str
    values: tuple[float, ...]
    unit: str
    scale: str
    source: str

    @property
    def value(self) -> float:
        """The number of a decision that is one number."""
        (number,) = self.values
        return number


@dataclass(frozen=True, slots=True)
class Decisions:
    """All thresholds by name."""

    entries: Mapping[str, Decision]

    def __getitem__(self, name: str) -> Decision:
        if name not in self.entries:
            raise UserError(
                Problem(FILE, f"the decision `{name}` is asked for but not there", closest(name, self.entries, FILE))
            )
        return self.entries[name]

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def value(self, name: str) -> float:
        """The number of one decision.

        Raises UserError when config/decisions.yaml does not hold it.
        """
        return self[name].value


def parse_decisions(content: Mapping[str, Mapping[str, Any]]) -> Decisions:
    """The decisions that config/decisions.yaml holds.

    Raises UserError for a smallest effect of interest or clinical difference that names no scale or is not positive,
    and for levels outside 0.5 to 1.
    """
    entries: dict[str, Decision] = {}
    problems: list[Problem] = []
    for name, entry in content.items():
        raw = entry["value"]
        values = tuple(float(number) for number in raw) if isinstance(raw, list) else (float(raw),)
        decision = Decision(name, values, str(entry["unit"]), str(entry.get("scale", "")), str(entry["source"]))
        entries[name] = decision
        where = f"{FILE}: {name}"
        if name.split(".")[0] in NEEDS_SCALE:
            if decision.scale not in SCALES:
                problems.append(
                    Problem(where, "a smallest effect without a scale decides nothing", f"Add `scale:` {_options()}")
                )
            if min(values) <= 0:
                problems.append(
                    Problem(where, f"`value` = {min(values):g} is not positive", "Write the size of the effect")
                )
        if name in ("level", "equivalence_level") and not 0.5 < values[0] < 1:
            problems.append(Problem(where, f"`value` = {values[0]:g} is no level", "Write a share such as 0.95"))
    raise_if_any(problems)
    return Decisions(entries)


def _options() -> str:
    return ", ".join(f"`{scale}`" for scale in SCALES[:-1]) + f" or `{SCALES[-1]}`"
