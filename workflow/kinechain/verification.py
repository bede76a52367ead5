"""Two manifests compared: which files and numbers differ, whether it matters, and what changed them.

Nothing is computed here and no file is opened: the committed manifest, the one of the recomputed study, and the
digests of what lies in the study's folder come in; one line for each thing compared comes out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import Any

from kinechain.environment import differences
from kinechain.manifest import STEPS

MC_ERRORS = 5.0
"""Monte Carlo errors of the difference by which a drawn limit may move when other draws are made: one limit in two
million moves further, and a study has some thousands."""
LAST_DIGIT = 2e-5
"""Relative difference of two numbers published to six significant digits that differ in the last one."""
WEIGHT = ("input", "verdict", "effect", "number", "page", "raw", "picture")
"""Tiers by what a reader wants to know first."""
MOST_TOLD = 20
"""Things of one tier and one status that the summary names; it counts the others."""
RAW = 1e-9
"""Relative difference that another processor's arithmetic may leave in unrounded numbers."""


class Status(Enum):
    """How one thing compared; the text is said to people."""

    SAME = "same"
    WITHIN = "within its tolerance"
    ADVISORY = "differs, advisory"
    ABSENT = "not compared"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing compared.

    name    file, `cohort/model/effect` or `cohort/claim`
    tier    how strictly it must be met
    status  how it compared
    causes  what changed it: data, config, code, environment, randomness
    what    the finding in words
    """

    name: str
    tier: str
    status: Status
    causes: tuple[str, ...] = ()
    what: str = ""

    def __str__(self) -> str:
        cause = f" [{', '.join(self.causes)}]" if self.causes else ""
        return f"{self.name}: {self.status.value}{cause}{': ' if self.what else ''}{self.what}"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is not as it was when the manifest was written.

    data, config  files whose content (for config: whose meaning) differs
    rewritten     config files that say the same in other bytes
    code          rules whose script or modules differ; `templates` for the pages
    environment   one phrase each
    seed          the two seeds, or empty
    """

    data: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    seed: str = ""
    inference: tuple[str, ...] = ()

    def behind(self, entry: Mapping[str, Any]) -> tuple[str, ...]:
        """Kinds of change that can have reached a file, from its entry in the manifest."""
        inputs, maker = set(entry["inputs"]), str(entry["made_by"])
        upstream = set(STEPS[: STEPS.index(maker) + 1]) if maker in STEPS else {*STEPS}
        upstream |= {"templates"} if maker in ("write_report", "write_index") else set()
        found = {
            "data": inputs & set(self.data),
            "config": inputs & set(self.config),
            "code": upstream & set(self.code),
            "environment": self.environment,
            "randomness": self.seed and maker != "build_cohort",
        }
        return tuple(kind for kind, hit in found.items() if hit)

    def sentences(self) -> list[str]:
        """What changed, a sentence a kind."""
        said = [
            ("data", ", ".join(self.data)),
            ("config", ", ".join((*self.config, *self.inference))),
            ("code", ", ".join(self.code)),
            ("environment", ", ".join(self.environment)),
            ("randomness", self.seed),
        ]
        found = [f"{kind}: {text}" for kind, text in said if text]
        if self.rewritten:
            found.append(f"comments or spacing only, no meaning: {', '.join(self.rewritten)}")
        return found


@dataclass(frozen=True, slots=True)
class Verification:
    """A study compared with what was committed.

    against     what it was compared with, in words
    changes     what is not as it was
    lines       one for each thing compared
    recomputed  whether everything was computed again, or the files at hand were only held against their digests
    """

    against: str
    changes: Changes
    lines: tuple[Line, ...]
    recomputed: bool
    notes: tuple[str, ...] = field(default=())

    @property
    def is_reproduced(self) -> bool:
        """Whether nothing that matters differs."""
        return all(line.status is not Status.DIFFERS for line in self.lines)

    def count(self) -> dict[str, Counter[Status]]:
        """Tier -> status -> things."""
        found: dict[str, Counter[Status]] = {}
        for line in self.lines:
            found.setdefault(line.tier, Counter())[line.status] += 1
        return found

    def summary(self) -> str:
        """What people read first: the answer, what changed, and each thing that differs."""
        done = (
            "things recomputed and compared with those"
            if self.recomputed
            else "inputs and published files held against their digests"
        )
        same = sum(line.status is Status.SAME for line in self.lines)
        first = "Reproduced" if self.recomputed else "As published"
        answer = first if self.is_reproduced else ("Not reproduced" if self.recomputed else "Not as published")
        said = [f"{answer}: {same} of {len(self.lines)} {done} in {self.against} are the same."]
        said += [f"Changed since: {sentence}." for sentence in self.changes.sentences()]
        said += [f"Note: {note}" for note in self.notes]
        for (status, tier), group in groupby(self.apart(), key=lambda line: (line.status, line.tier)):
            found = list(group)
            said += [str(line) for line in found[:MOST_TOLD]]
            if len(found) > MOST_TOLD:
                said.append(f"... and {len(found) - MOST_TOLD} more of tier `{tier}`: {status.value}")
        return "\n".join(said) + "\n"

    def apart(self) -> list[Line]:
        """Everything that is not the same: the worst first, and of these what decides most."""
        order = (Status.DIFFERS, Status.WITHIN, Status.ADVISORY, Status.ABSENT)
        found = [line for line in self.lines if line.status in order]
        return sorted(found, key=lambda line: (order.index(line.status), WEIGHT.index(line.tier)))


def find_changes(committed: Mapping[str, Any], here: Mapping[str, Any]) -> Changes:
    """What differs between the manifest and the study as it lies here (or as it was recomputed)."""
    old, new = committed["files"], here["files"]
    inputs = {name for files in (old, new) for name, entry in files.items() if entry["tier"] == "input"}
    moved = sorted(name for name in inputs if old.get(name, {}).get("sha256") != new.get(name, {}).get("sha256"))
    said, says = committed["meanings"], here["meanings"]
    seeds = committed["inference"].get("seed"), here["inference"].get("seed")
    is_config = {name: name in said or name in says for name in moved}
    has_moved = {name: said.get(name) != says.get(name) for name in moved}
    rules = [*STEPS, *sorted({*committed["code"], *here["code"]} - {*STEPS})]
    keys = sorted(({*committed["inference"]} | {*here["inference"]}) - {"seed"})
    pairs = [(key, committed["inference"].get(key), here["inference"].get(key)) for key in keys]
    return Changes(
        data=tuple(name for name in moved if not is_config[name]),
        config=tuple(name for name in moved if is_config[name] and has_moved[name]),
        rewritten=tuple(name for name in moved if is_config[name] and not has_moved[name])
        if seeds[0] == seeds[1]
        else (),
        code=tuple(rule for rule in rules if committed["code"].get(rule) != here["code"].get(rule)),
        environment=tuple(differences(committed["environment"], here["environment"])),
        seed=f"seed {seeds[0]} there, {seeds[1]} here" if seeds[0] != seeds[1] else "",
        inference=tuple(f"inference.{key} {a} there, {b} here" for key, a, b in pairs if a != b),
    )


def compare_inputs(committed: Mapping[str, Any], here: Mapping[str, Any], changes: Changes) -> list[Line]:
    """One line an input: the same bytes, the same meaning, another seed, or another content."""
    lines = []
    old, new = committed["files"], here["files"]
    for name in sorted({name for files in (old, new) for name, entry in files.items() if entry["tier"] == "input"}):
        if old.get(name, {}).get("sha256") == new.get(name, {}).get("sha256"):
            lines.append(Line(name, "input", Status.SAME))
        elif name in changes.data or name in changes.config:
            kind = "data" if name in changes.data else "config"
            what = "is new" if name not in old else "is gone" if name not in new else "says something else now"
            lines.append(Line(name, "input", Status.DIFFERS, (kind,), what))
        elif changes.seed:
            lines.append(Line(name, "input", Status.WITHIN, ("randomness",), f"only the seed differs ({changes.seed})"))
        else:
            lines.append(Line(name, "input", Status.ADVISORY, (), "comments or spacing only"))
    return lines


def compare_published(committed: Mapping[str, Any], found: Mapping[str, str], *, strict: bool) -> list[Line]:
    """One line for each published file as it lies here, against its digest.

    found   name -> sha256 of the files that are here
    strict  a file that is not here differs; else it is not compared
    """
    lines = []
    for name, entry in committed["files"].items():
        if not name.startswith("reports/"):
            continue
        if name not in found:
            status = Status.DIFFERS if strict else Status.ABSENT
            lines.append(Line(name, entry["tier"], status, (), "is not here; `snakemake` makes it"))
        elif found[name] == entry["sha256"]:
            lines.append(Line(name, entry["tier"], Status.SAME))
        else:
            status = Status.ADVISORY if entry["tier"] == "picture" else Status.DIFFERS
            lines.append(Line(name, entry["tier"], status, (), "is not the file that was published: its bytes differ"))
    return lines


def compare_made(
    committed: Mapping[str, Any],
    again: Mapping[str, Any],
    changes: Changes,
    *,
    raw: Mapping[str, float] | None = None,
    details: Mapping[str, str] | None = None,
) -> list[Line]:
    """One line for each file made: as it was committed, against how it came out again.

    raw      raw file -> largest relative difference of its values, for those whose committed values are at hand
    details  file -> the cells that differ, for those whose committed values are at hand
    """
    strayed = {line.name.split("/")[0] for line in compare_drawn(committed, again, changes) if _matters(line)}
    moved = {name.split("/")[0] for name, old in committed["drawn"].items() if again["drawn"].get(name) != old}
    lines = []
    old, new = committed["files"], again["files"]
    for name in sorted({name for files in (old, new) for name, entry in files.items() if entry["tier"] != "input"}):
        entry = old.get(name) or new[name]
        tier, causes = entry["tier"], changes.behind(entry)
        if name not in old or name not in new:
            lines.append(
                Line(name, tier, Status.DIFFERS, causes, "was not made then" if name in new else "is not made now")
            )
            continue
        if old[name]["sha256"] == new[name]["sha256"]:
            lines.append(Line(name, tier, Status.SAME))
            continue
        owner = _cohort_of(name)
        has_moved = owner in moved if owner else bool(moved)
        has_strayed = owner in strayed if owner else bool(strayed)
        apart = (raw or {}).get(name)
        is_about = bool(old[name].get("about")) and old[name].get("about") == new[name].get("about")
        status, what = _judge(
            tier, causes, has_moved=has_moved, has_strayed=has_strayed, is_about=is_about, apart=apart
        )
        cells = (details or {}).get(name, "")
        lines.append(Line(name, tier, status, causes or ("unexplained",), f"{what}; {cells}" if cells else what))
    return lines


def _cohort_of(name: str) -> str:
    """The cohort a file belongs to: `reports/<cohort>/...`, `data/derived/<cohort>/...`; "" for what all share."""
    parts = name.split("/")
    place = 1 if parts[0] == "reports" else 2
    return parts[place] if len(parts) > place + 1 else ""


def _judge(
    tier: str, causes: tuple[str, ...], *, has_moved: bool, has_strayed: bool, is_about: bool, apart: float | None
) -> tuple[Status, str]:
    """Status and words of a file whose bytes differ.

    has_moved    some recorded number of its cohort came out otherwise
    has_strayed  one of them by more than its Monte Carlo error, or a verdict changed
    is_about     its numbers are the same to four significant digits, and everything else in it
    apart        largest relative difference of a raw file's values, None when they are not at hand
    """
    if tier == "picture":
        return Status.ADVISORY, "see the pictures side by side; its numbers are compared for themselves"
    if set(causes) - {"environment", "randomness"}:
        return (Status.ADVISORY if tier == "raw" else Status.DIFFERS), "follows from what changed"
    if tier == "raw":
        return _judge_raw(causes, apart)
    if has_strayed:
        return Status.DIFFERS, "recorded numbers moved by more than their Monte Carlo error, or a verdict changed"
    if is_about and "randomness" not in causes:
        return Status.WITHIN, "the same to four significant digits: another processor rounds further ones otherwise"
    if tier == "page" and "environment" in causes:
        return Status.ADVISORY, "another environment sets pages otherwise; its numbers are compared for themselves"
    if has_moved:
        return Status.WITHIN, "its cohort's recorded numbers are within their Monte Carlo error, its verdicts the same"
    if "randomness" in causes:
        return Status.ABSENT, "drawn with another seed, and no Monte Carlo error of it is recorded"
    if causes:
        return Status.DIFFERS, "numbers that nothing was drawn for came out otherwise"
    return Status.DIFFERS, "neither data, config, code, packages nor seed changed; is this the manifest of this study?"


def _judge_raw(causes: tuple[str, ...], apart: float | None) -> tuple[Status, str]:
    if "randomness" in causes:
        return Status.WITHIN, "drawn with another seed; decided by the published numbers"
    if apart is None:
        return Status.ABSENT, "other bytes, and the committed values are not here; decided by the published numbers"
    if apart <= RAW:
        return Status.WITHIN, f"values agree to a relative {apart:.1e}"
    return Status.DIFFERS, f"values differ by a relative {apart:.1e}, more than {RAW:.0e}"


def compare_drawn(committed: Mapping[str, Any], again: Mapping[str, Any], changes: Changes) -> list[Line]:
    """One line for each effect whose limits were drawn and for each verdict, recorded against recomputed."""
    causes = tuple(sentence.split(":")[0] for sentence in changes.sentences() if not sentence.startswith("comments"))
    lines = []
    for name, old in committed["drawn"].items():
        new = again["drawn"].get(name)
        if new == old:
            lines.append(Line(name, "effect", Status.SAME))
        elif new is None:
            lines.append(Line(name, "effect", Status.DIFFERS, causes, "is not estimated now"))
        else:
            what, is_close = _distance(old, new)
            status = Status.WITHIN if is_close else Status.DIFFERS
            lines.append(Line(name, "effect", status, causes or ("unexplained",), what))
    for name in sorted(again["drawn"].keys() - committed["drawn"].keys()):
        lines.append(Line(name, "effect", Status.DIFFERS, causes, "was not estimated then"))
    for name in sorted({*committed["verdicts"], *again["verdicts"]}):
        was, now = committed["verdicts"].get(name, "not judged"), again["verdicts"].get(name, "not judged")
        if was == now:
            lines.append(Line(name, "verdict", Status.SAME, (), was))
        else:
            lines.append(Line(name, "verdict", Status.DIFFERS, causes or ("unexplained",), f"{was} there, {now} here"))
    return lines


def _distance(old: Iterable[float | None], new: Iterable[float | None]) -> tuple[str, bool]:
    """How far an effect moved, in words, and whether other draws alone may move it so far."""
    (was, *limits_was), (now, *limits_now) = list(old), list(new)
    if (was is None) != (now is None) or (was is not None and now is not None and _relative(was, now) > LAST_DIGIT):
        return f"estimate {was} there, {now} here", False
    moves = []
    for side in (0, 1):
        a, b, error_a, error_b = limits_was[side], limits_now[side], limits_was[side + 2], limits_now[side + 2]
        if a is None or b is None:
            moves.append(0.0 if a == b else math.inf)
        elif _relative(a, b) > LAST_DIGIT:
            error = math.hypot(error_a or 0.0, error_b or 0.0)
            moves.append(abs(a - b) / error if error else math.inf)
    furthest = max(moves, default=0.0)
    return f"a limit moved by {furthest:.1f} Monte Carlo errors", furthest <= MC_ERRORS


def _relative(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0


def _matters(line: Line) -> bool:
    return line.status is Status.DIFFERS
