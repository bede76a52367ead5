"""A thousand single edits to valid config files, as a student makes them: each is explained in lines, or harmless.

    python -m benchmarks.edits [EDITS] [--seed S] [--page FILE.md]

Every edit is made to one file as it was (a letter, a line, a key, a value, an indentation, a truncation), the study is
looked at as `kinechain check` does, and what passes is asked everything that the workflow asks before its first job.
Explained means lines of the form `place: what. remedy.`; a traceback is a failure. Exit code 1 when there is one.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from kinechain.errors import UserError
from kinechain.io import read_yaml
from kinechain.study import load_study
from kinechain.study_preflight import find_mistakes

FILES = ("config/config.yaml", "config/claims.yaml", "config/decisions.yaml", "config/checks.yaml", "config/trial.yaml")
ODD = (
    "-1",
    "0",
    "1e400",
    ".nan",
    "true",
    "null",
    "''",
    "[]",
    "{}",
    "[a, b]",
    "a: b",
    "*x",
    "&x 1",
    "!!python/x 1",
    "é",
    "2026-01-01",
)
LETTERS = "abcdefghijklmnopqrstuvwxyz_0123456789:-,[]{}#'\"~+* |>\t"
LINE = re.compile(r"^\S.*: .+[.?!`]$", re.S)


def drop_letter(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + text[at + 1 :]


def add_letter(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(LETTERS) + text[at:]


def change_letter(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(LETTERS) + text[at + 1 :]


def swap_letters(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def drop_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    return "".join(lines)


def repeat_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    return "".join([*lines[:at], lines[at], *lines[at:]])


def move_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    line = lines.pop(rng.randrange(len(lines)))
    lines.insert(rng.randrange(len(lines)), line)
    return "".join(lines)


def indent_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    lines[at] = " " * rng.randint(1, 4) + lines[at] if rng.random() < 0.5 else lines[at].lstrip(" ")
    return "".join(lines)


def odd_value(text: str, rng: random.Random) -> str:
    """The value of some key becomes something else."""
    places = list(re.finditer(r": ([^\n#{}\[\]]+)", text))
    if not places:
        return drop_line(text, rng)
    match = rng.choice(places)
    return text[: match.start(1)] + rng.choice(ODD) + text[match.end(1) :]


def other_word(text: str, rng: random.Random) -> str:
    """A word of the file is put in place of another."""
    words = list(re.finditer(r"[A-Za-z_]\w+", text))
    one, other = rng.choice(words), rng.choice(words)
    return text[: one.start()] + other[0] + text[one.end() :]


def new_key(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    space = " " * (len(lines[at]) - len(lines[at].lstrip(" ")))
    return "".join([*lines[:at], f"{space}colour: blue\n", *lines[at:]])


def cut_short(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))]


EDITS: tuple[Callable[[str, random.Random], str], ...] = (
    *(drop_letter, add_letter, change_letter, swap_letters, drop_line, repeat_line, move_line, indent_line),
    *(odd_value, other_word, new_key, cut_short),
)


@dataclass
class Tally:
    """What became of the edits; failures with enough to repeat them."""

    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def count(self, kind: str, outcome: str) -> None:
        self.outcomes[outcome] += 1
        self.kinds.setdefault(kind, Counter())[outcome] += 1


def make_bench(folder: Path) -> Path:
    """A small study of three designs: people, published moments, a trial."""
    from tests.workflow.conftest import make_study

    study = make_study(folder).folder
    path = study / "config" / "config.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("- vertebral_normals", "- vertebral_normals\n- demo_trial"), "utf-8")
    if len(load_study(study).cohorts) != 3:
        raise ValueError("the study has not its three designs")
    return study


def ask_everything(root: Path) -> None:
    """What the workflow asks of a study before its first job."""
    from kinechain.checks import parse_plan as parse_checks
    from kinechain.decisions import parse_decisions
    from kinechain.evidence.claim import parse_claims
    from kinechain.trials import parse_plan

    study = load_study(root)
    study.inputs()
    config = root / "config"
    claims = parse_claims(read_yaml(config / "claims.yaml"))
    parse_decisions(read_yaml(config / "decisions.yaml"))
    parse_checks(read_yaml(config / "checks.yaml"), {claim.id: claim.tests[0].effect for claim in claims})
    parse_plan(read_yaml(config / "trial.yaml"))
    for cohort in study.cohorts:
        study.digests(cohort)
        study.measures_digest(cohort)
        study.choices_of_checks(cohort)
        for model in study.models_of(cohort):
            study.macros_of(model)
            study.method_of(cohort, model)
            study.draw_jobs(cohort, model)


def outcome_of(root: Path, before: object, path: Path) -> str:
    """`explained`, `harmless` or a failure in words."""
    try:
        _, problems = find_mistakes(root)
        told = [str(problem) for problem in problems]
    except UserError as error:
        told = str(error).splitlines()
    except Exception:  # noqa: BLE001 -- a traceback is what this looks for
        return f"traceback in check: {traceback.format_exc().strip().splitlines()[-1]}\n{traceback.format_exc()[-900:]}"
    if told:
        odd = [line for line in told if not LINE.match(line) or "Traceback" in line]
        return f"a line of another form: {odd[0]}" if odd else "explained"
    try:
        ask_everything(root)
    except Exception:  # noqa: BLE001 -- a traceback is what this looks for
        return f"passed check, then: {traceback.format_exc()[-900:]}"
    return "harmless" if read_yaml(path) != before else "no change of meaning"


def run_edits(root: Path, count: int, seed: int) -> Tally:
    """Make `count` edits one by one, each to the study as it was."""
    tally = Tally()
    used = [*FILES, *(path.relative_to(root).as_posix() for path in _used(root))]
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        path, edit = root / rng.choice(used), rng.choice(EDITS)
        text = path.read_text("utf-8")
        before = yaml.safe_load(text)
        try:
            path.write_text(edit(text, rng), "utf-8")
            outcome = outcome_of(root, before, path)
        finally:
            path.write_text(text, "utf-8")
        is_good = outcome in ("explained", "harmless", "no change of meaning")
        tally.count(edit.__name__, outcome if is_good else "failed")
        if not is_good:
            tally.failures.append(f"edit {number} of seed {seed} ({edit.__name__}, {path.name}): {outcome}")
            print(tally.failures[-1], flush=True)
    return tally


def _used(root: Path) -> list[Path]:
    study = load_study(root)
    names = [f"cohorts/{name}" for name in study.cohorts] + [f"models/{name}" for name in study.models]
    return [root / "config" / f"{name}.yaml" for name in [*names, "measures"]]


def page_of(tally: Tally, seed: int) -> str:
    outcomes = ("explained", "harmless", "no change of meaning", "failed")
    total = tally.outcomes.total()
    rows = [
        f"| {kind.replace('_', ' ')} | " + " | ".join(str(found[one]) for one in outcomes) + " |"
        for kind, found in sorted(tally.kinds.items())
    ]
    return "\n".join(
        [
            "# Edits",
            "",
            f"`python -m benchmarks.edits {total} --seed {seed}`: {total} random single edits to the config of a study"
            " that had no mistake.",
            "",
            f"| edit | {' | '.join(outcomes)} |",
            "|---|" + "---|" * len(outcomes),
            *rows,
            f"| **all** | {' | '.join(str(tally.outcomes[one]) for one in outcomes)} |",
            "",
            *(f"- {line.splitlines()[0]}" for line in tally.failures),
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("edits", type=int, nargs="?", default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        tally = run_edits(make_bench(Path(name) / "study"), arguments.edits, arguments.seed)
    page = page_of(tally, arguments.seed)
    print(page)
    if arguments.page:
        arguments.page.write_text(page, "utf-8")
    return int(bool(tally.failures))


if __name__ == "__main__":
    sys.exit(main())
