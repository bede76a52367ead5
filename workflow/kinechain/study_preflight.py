"""Preflight of a study: every mistake that can be known before anything runs, each once and with its place.

A file with a mistake in its shape is left out of what follows; the rest is looked at all the same, so that one misspelt
key does not hide what is wrong elsewhere.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from kinechain.errors import Problem, UserError, closest, forbidden, raise_if_any
from kinechain.io import FOLDER_SEAL, check_folder, read_json, read_once, sha256_file, write_json
from kinechain.places import value_at, with_place
from kinechain.registration import registration_problems
from kinechain.study import CONFIG, Study, check_study, digest_of, read_study

if TYPE_CHECKING:
    from kinechain.cohort import Cohort

FILE = (CONFIG / "config.yaml").as_posix()
FILLED = ("data/derived", "reports", "logs")
"""Folders a run makes and fills."""
STATE = ".snakemake"
"""Folder in which snakemake keeps what it knows of earlier runs."""
MOST_MOVED = 0.1
"""Share of a standard error that an interval's end may move between seeds: more is seen in a table of two digits."""
WELL_DRAWN = 0.04
"""The same share where it is no longer worth a thought; what is asked for in its place."""

_FACTS = re.compile(r"(Did you mean `[^`]+`) \([^)]*\)")
_COHORT = re.compile(r" \(cohort `(\w+)`\)$")


def find_mistakes(
    root: Path, config: Mapping[str, Any] | None = None, loaded: dict[str, Cohort] | None = None
) -> tuple[Study | None, list[Problem]]:
    """The study in `root`, None when its config cannot be read, and every mistake in it, in order of file and line.

    config  what config/config.yaml holds, when the caller has read it
    loaded  where the cohorts that could be read are put
    """
    study, problems = read_study(root, config)
    if study is None:
        return None, [with_place(_as_told(problem, root), root) for problem in problems]
    names = known_names(root)
    problems += config_problems(study, names)
    problems += model_problems(study)
    problems += language_problems(study)
    broken = _dictionary_problems(root)
    problems += broken or check_study(study, loaded)
    problems += [] if broken else registration_problems(study)
    placed = [with_place(_as_told(problem, root), root) for problem in once_for_all_cohorts(problems)]
    return study, sorted(dict.fromkeys(placed), key=lambda problem: _reading_order(problem.where))


def _as_told(problem: Problem, root: Path) -> Problem:
    """The problem with its file named from the study's folder, wherever that lies."""
    return replace(problem, where=problem.where.removeprefix(f"{root}/"))


def check_once(study: Study, config: Mapping[str, Any]) -> None:
    """Raise UserError with every mistake in the study, unless these very files were found good before.

    config  what snakemake runs with: config/config.yaml and what the command line puts in its place

    A study that cannot be written is refused too: nothing could be made in it; and one with files from the future, or
    with damage in a folder that a run made, whose time does not say so.

    What was found good is remembered in data/derived/checked.json, by the digests of config, data and package.
    """
    raise_if_any(unwritable(study.root) or from_the_future(study.root) or damaged(study.root))
    seen = study.root / "data" / "derived" / "checked.json"
    digest = digest_of([_digest_of_files(study), config])
    try:
        if read_json(seen).get("digest") == digest:
            return
    except (OSError, UserError, AttributeError):
        pass  # never written, or cut short: look again
    raise_if_any(find_mistakes(study.root, config)[1])
    write_json({"digest": digest}, seen)


def unwritable(root: Path) -> list[Problem]:
    """The study's folder and those that a run fills, however deep, where they are and cannot be written."""
    rooms = [root, root / STATE]
    rooms += [Path(room) for name in FILLED for room, _, _ in os.walk(root / name)]
    return [
        forbidden("the folder of the study" if room == root else room.relative_to(root).as_posix())
        for room in rooms
        if room.exists() and not os.access(room, os.W_OK)
    ]


AHEAD = 60.0
"""Seconds by which a file may be dated ahead of the clock: shared disks are a little off."""
TOUCH = "find config data -newermt now -exec touch {} +"
"""Gives files of a study that are dated in the future today's time."""


def from_the_future(root: Path) -> list[Problem]:
    """One line when files of the study are dated ahead of the clock: what is made of them would seem older for good."""
    latest = time.time() + AHEAD
    rooms = (room for part in (CONFIG, "data") for room in os.walk(root / part))
    count = sum(Path(room, name).lstat().st_mtime > latest for room, _, names in rooms for name in names)
    if not count:
        return []
    these = "1 file is" if count == 1 else f"{count} files are"
    what = f"{these} dated in the future, so that what is made of them seems older"
    return [Problem("config and data", what, f"Set the clock right, then run `{TOUCH}`")]


def damaged(root: Path) -> list[Problem]:
    """Files in sealed folders that are no longer what a run wrote; those that stand alone tell when they are read."""
    problems: list[Problem] = []
    for room in FILLED:
        for seal in sorted((root / room).rglob(FOLDER_SEAL)):
            try:
                check_folder(seal.parent)
            except UserError as error:
                problems += (_as_told(problem, root) for problem in error.problems)
    return problems


def _dictionary_problems(root: Path) -> list[Problem]:
    """Mistakes in config/measures.yaml, without which no cohort can be looked at."""
    from kinechain.preflight import read_dictionary

    try:
        read_dictionary(root / CONFIG)
    except UserError as error:
        return list(error.problems)
    return []


def known_names(root: Path) -> frozenset[str]:
    """Constructs and measures of config/measures.yaml; none when it cannot be read, which is told elsewhere."""
    try:
        dictionary = read_once(root / CONFIG / "measures.yaml")
    except UserError:
        return frozenset()
    parts = (value_at(dictionary, part) for part in ("measures", "constructs"))
    return frozenset(str(name) for part in parts if isinstance(part, Mapping) for name in part)


def config_problems(study: Study, known: Collection[str]) -> list[Problem]:
    """Names in config/config.yaml that stand for nothing, and draws that are too few for its intervals."""
    columns = {str(name) for cohort in study.cohorts.values() for name in cohort.get("columns") or ()}
    return [
        *_unknown_models(study),
        *_unknown_covariates(study.config.get("macros", {}), {*known, *columns}),
        *_unknown_chain(study, known),
        *_too_few_draws(study.config["inference"]),
    ]


def _unknown_models(study: Study) -> Iterator[Problem]:
    for key in ("main_model", "chain_model"):
        name = value_at(study.config, "report", key)
        known = {path.stem for path in (study.root / CONFIG / "models").glob("*.yaml")}
        if name and name not in known:
            yield Problem(FILE, f"`{name}`, the {key} of the report, is not a model", closest(name, known))


def _unknown_chain(study: Study, known: Collection[str]) -> Iterator[Problem]:
    for name in value_at(study.config, "report", "chain") or () if known else ():
        if name not in known:
            yield Problem(
                FILE,
                f"`{name}` in the chain of the report is no construct",
                closest(name, known, "config/measures.yaml"),
            )


def _unknown_covariates(macros: Mapping[str, str], known: Collection[str]) -> Iterator[Problem]:
    """A covariate that no cohort could ever have would otherwise count as unmeasured everywhere.

    Arms (`arm_<name>`) are named by the trial that has them and by no dictionary.
    """
    for macro, text in macros.items():
        for name in re.split(r"[+\s:]+", text):
            if name and name not in known and name not in macros and not name.startswith("arm_"):
                remedy = closest(name, {*known, *macros}, "config/measures.yaml")
                yield Problem(FILE, f"`{name}` in the macro {macro} is no construct, measure or macro", remedy)


def movement_between_seeds(draws: int, level: float) -> float:
    """Standard error of an end of a percentile interval over seeds, as a share of the effect's own standard error.

    draws  number of resamples
    level  of the interval, a share

    The standard error of a sample quantile (Serfling 1980, section 2.3.3) of draws that are about normal.
    """
    tail = (1.0 - level) / 2.0
    normal = NormalDist()
    return math.sqrt(tail * (1.0 - tail) / draws) / normal.pdf(normal.inv_cdf(tail))


def _too_few_draws(inference: Mapping[str, Any]) -> Iterator[Problem]:
    draws, level = int(inference["draws"]), float(inference["level"])
    moved = movement_between_seeds(draws, level)
    if moved > MOST_MOVED:
        needed = math.ceil(draws * (moved / WELL_DRAWN) ** 2 / 1000) * 1000
        what = f"`draws` = {draws}: interval ends would move by ±{moved:.2f} of a standard error between seeds"
        yield Problem(FILE, what, f"Write {needed} or more")


def model_problems(study: Study) -> list[Problem]:
    """Paths that point back in the declared order, and claims and labels of a model that are nowhere else."""
    claims = _read_quietly(study.root, "claims")
    tiers = value_at(_read_quietly(study.root, "checks"), "time_order") or []
    chain = value_at(study.config, "report", "chain") or []
    problems: list[Problem] = []
    for name, model in study.models.items():
        file = f"config/models/{name}.yaml"
        named = [*(model.get("claims") or ()), *([model["compare"]] if "compare" in model else [])]
        problems += [
            Problem(file, f"`{claim}` is not a claim", closest(claim, claims, "config/claims.yaml"))
            for claim in dict.fromkeys(named)
            if claims and claim not in claims
        ]
        paths = _paths_of(model)
        problems += _against_time(file, paths, tiers, "time_order in config/checks.yaml")
        if "compare" not in model:
            problems += _against_time(
                file, paths, [[one] for one in chain], f"chain in {FILE}, unless `compare` names a rival"
            )
    return problems


def language_problems(study: Study) -> list[Problem]:
    """Words of the authors, in config and in model files, that say more than the weakest design they are read with can.

    The reasons of a model's edges are let through: they tell the mechanism that is put to the test.
    """
    from kinechain.language import GUARDED, guard, says_too_much, too_strong

    said = value_at(study.config, "study") or {}
    mine = {f"{FILE}: study.{name}": str(said[name]) for name in GUARDED if said.get(name)}
    problems = guard(mine, design) if (design := _weakest(study, study.cohorts)) else []
    for name, model in study.models.items():
        design = _weakest(study, [cohort for cohort in study.cohorts if name in study.models_of(cohort)])
        if not design:
            continue
        file = f"config/models/{name}.yaml"
        for key in ("title", "question", "assumptions"):
            lines = model.get(key) or ()
            for line in [lines] if isinstance(lines, str) else lines:
                problems += guard({f"{file}: {key}": str(line)}, design)
        labels = re.findall(r"^\s*(\w+)\s*:=", str(model.get("effects") or ""), flags=re.M)
        strong = [label for label in labels if too_strong(label.replace("_", " "), design)]
        problems += [says_too_much(f"{file}: effects", [label], design) for label in strong]
    return problems


def _weakest(study: Study, cohorts: Iterable[str]) -> str:
    """The design that says least among those of some cohorts; nothing where there are none."""
    designs = [str(study.cohorts[cohort].get("design", "")) for cohort in cohorts]
    known = [design for design in WEAKEST_FIRST if design in designs]
    return known[0] if known else ""


WEAKEST_FIRST = ("summary", "cross_sectional", "longitudinal", "trial")
"""Designs by what they let a sentence say."""


def _paths_of(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(outcome, cause) of every regression, macros as they stand; none where the text cannot be read."""
    from kinechain.syntax import parse_model

    try:
        rows = parse_model(str(model.get("equations", "")))
    except UserError:
        return []
    return [(row.lhs, row.rhs) for row in rows if row.op == "~"]


def _against_time(
    file: str, paths: Iterable[tuple[str, str]], tiers: Iterable[Iterable[str]], declared: str
) -> list[Problem]:
    place = {str(name): number for number, tier in enumerate(tiers, 1) for name in tier}
    return [
        Problem(
            file,
            f"`{outcome} ~ {cause}`: {cause} -> {outcome} points back in time"
            f" (declared order {place[cause]} > {place[outcome]})",
            f"Turn it round; the order is {declared}",
        )
        for outcome, cause in paths
        if cause in place and outcome in place and place[cause] > place[outcome]
    ]


def _read_quietly(root: Path, name: str) -> Mapping[str, Any]:
    """A shared config file, empty when it cannot be read: that is told where it is checked."""
    try:
        content = read_once(root / CONFIG / f"{name}.yaml")
    except UserError:
        return {}
    return content if isinstance(content, Mapping) else {}


def once_for_all_cohorts(problems: Iterable[Problem]) -> list[Problem]:
    """One line for a mistake that several cohorts meet, with their names; facts in a remedy are the first cohort's."""
    first: dict[tuple[str, str, str], Problem] = {}
    cohorts: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        match = _COHORT.search(problem.what)
        what = problem.what[: match.start()] if match else problem.what
        key = (problem.where, what, _FACTS.sub(r"\1", problem.remedy))
        first.setdefault(key, replace(problem, what=what))
        cohorts.setdefault(key, []).extend([match[1]] if match else [])
    told = []
    for key, problem in first.items():
        names = list(dict.fromkeys(cohorts[key]))
        where = f" (cohort{'s' * (len(names) > 1)} {', '.join(names)})" if names else ""
        told.append(replace(problem, what=problem.what + where))
    return told


def _reading_order(place: str) -> tuple[str, int, int]:
    file, line, column = [*place.split(": ", maxsplit=1)[0].split(":"), "0", "0"][:3]
    return file, int(line) if line.isdigit() else 0, int(column) if column.isdigit() else 0


def _digest_of_files(study: Study) -> str:
    names = sorted({name for names in study.inputs().values() for name in names})
    package = sorted(Path(__file__).parent.rglob("*.py"))
    digests = [sha256_file(study.root / name) for name in names] + [sha256_file(path) for path in package]
    return digest_of([names, digests])
