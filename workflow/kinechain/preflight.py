"""Preflight: a cohort's config and data looked at together, every mistake told at once with its place.

`check_cohort` answers with lines, `load_cohort` with the cohort or the same lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kinechain.cohort import Cohort, Finding
from kinechain.cohort_spec import CohortSpec, Doubt, parse_cohort_spec
from kinechain.disclosure import THRESHOLD, finding_words
from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.io import read_once, yaml_positions
from kinechain.measures import Dictionary, dictionary_problems, parse_dictionary
from kinechain.schema import check_shape, where

Places = dict[tuple[str | int, ...], tuple[int, int]]


def read_dictionary(config_dir: Path) -> Dictionary:
    """The dictionary of config/measures.yaml. Raises UserError with every mistake in it."""
    return _read_dictionary(config_dir, _state(config_dir / "measures.yaml"))


def _state(file: Path) -> tuple[int, ...]:
    """What changes when a file is written again; nothing for one that is not there."""
    state = file.stat() if file.exists() else None
    return (state.st_mtime_ns, state.st_size) if state else ()


@cache
def _read_dictionary(config_dir: Path, _state: tuple[int, ...]) -> Dictionary:
    """The dictionary, read once for as long as its file stays as it is."""
    file = config_dir / "measures.yaml"
    shown = f"{config_dir.name}/measures.yaml"
    data = _read_yaml(file, shown)
    if not isinstance(data, Mapping):
        raise UserError(
            Problem(shown, "the file is empty or not a mapping of keys", "See config/README.md for its keys")
        )
    raise_if_any(check_shape(data, "measures", file, shown=shown))
    dictionary = parse_dictionary(data)
    raise_if_any(dictionary_problems(dictionary, shown))
    return dictionary


def check_cohort(name: str, config_dir: Path) -> list[Problem]:
    """Every mistake in a cohort's yaml and data; empty when it is fit to be analysed."""
    try:
        load_cohort(name, config_dir)
    except UserError as error:
        return list(error.problems)
    return []


def cohort_warnings(name: str, config_dir: Path, cohort: Cohort | None = None) -> list[Problem]:
    """What is doubtful in a cohort and does not stop it, worst first, each with its line of yaml.

    cohort  when the caller has loaded it

    Raises UserError when something stops it.
    """
    cohort = cohort or load_cohort(name, config_dir)
    file = config_dir / "cohorts" / f"{name}.yaml"
    shown = f"{config_dir.name}/cohorts/{name}.yaml"
    spec, _ = parse_cohort_spec(name, _read_yaml(file, shown), read_dictionary(config_dir))
    places, threshold = yaml_positions(file), read_threshold(config_dir)
    return [
        _finding_problem(finding, spec, places, shown, threshold)
        for finding in cohort.findings
        if finding.level == "warning"
    ]


def load_cohort(name: str, config_dir: Path) -> Cohort:
    """The cohort of config/cohorts/<name>.yaml.

    Raises UserError with every mistake in its yaml, its data and the dictionary, worst first.
    """
    file = config_dir / "cohorts" / f"{name}.yaml"
    shown = f"{config_dir.name}/cohorts/{name}.yaml"
    if not file.exists():
        known = sorted(path.stem for path in (config_dir / "cohorts").glob("*.yaml"))
        raise UserError(Problem(shown, f"there is no cohort `{name}`", closest(name, known)))
    data = _read_yaml(file, shown)
    if not isinstance(data, Mapping):
        raise UserError(
            Problem(shown, "the file is empty or not a mapping of keys", "See config/README.md for its keys")
        )
    raise_if_any(check_shape(data, "cohort", file, shown=shown))
    dictionary = read_dictionary(config_dir)
    spec, doubts = parse_cohort_spec(name, data, dictionary)
    places = yaml_positions(file)
    problems = [_doubt_problem(doubt, places, shown) for doubt in doubts]
    try:
        cohort = _build(spec, dictionary, config_dir.parent)
    except UserError as error:
        problems += [_with_place(problem, spec, places, shown) for problem in error.problems]
        raise UserError(*problems) from None
    threshold = read_threshold(config_dir)
    problems += [
        _finding_problem(finding, spec, places, shown, threshold)
        for finding in cohort.findings
        if finding.level == "error"
    ]
    raise_if_any(problems)
    return cohort


def read_threshold(config_dir: Path) -> int:
    """Smallest count that may be shown, from config/decisions.yaml; the project's default where it says nothing."""
    file = config_dir / "decisions.yaml"
    return _read_threshold(file, _state(file)) if file.exists() else THRESHOLD


@cache
def _read_threshold(file: Path, _state: tuple[int, ...]) -> int:
    decisions = read_once(file)
    entry = decisions.get("gate.smallest_shown_count", {}) if isinstance(decisions, Mapping) else {}
    return int(entry.get("value", THRESHOLD)) if isinstance(entry, Mapping) else THRESHOLD


def _read_yaml(file: Path, shown: str) -> Any:
    """What a yaml holds; mistakes in it name the file as the reader knows it, not where this machine keeps it."""
    try:
        return read_once(file)
    except UserError as error:
        raise UserError(
            *(Problem(item.where.replace(str(file), shown, 1), item.what, item.remedy) for item in error.problems)
        ) from None


def _build(spec: CohortSpec, dictionary: Dictionary, root: Path) -> Cohort:
    if spec.format == "moments":
        return _build_published(spec, dictionary, root)
    from kinechain.assemble import build_cohort
    from kinechain.pseudonyms import read_key
    from kinechain.readers import read_rows

    raw = read_rows(spec, root, dictionary)
    key = read_key(root) if spec.hashed else b""
    return build_cohort(spec.reading({**raw.settings, **spec.read}), dictionary, raw, key=key)


def _build_published(spec: CohortSpec, dictionary: Dictionary, root: Path) -> Cohort:
    from kinechain.published import build_published_cohort, parse_published
    from kinechain.readers import data_path
    from kinechain.readers.square import read_square

    path = data_path(spec, root)
    if path.suffix == ".csv":
        data: Any = read_square(path, spec.file)
    else:
        data = _read_yaml(path, spec.file)
        if not isinstance(data, Mapping):
            raise UserError(
                Problem(spec.file, "the file is empty or not a mapping of keys", "Give n, names, sds, correlations")
            )
    raise_if_any(check_shape(data, "moments", path, shown=spec.file))
    return build_published_cohort(spec, dictionary, parse_published(data, spec.file), shown=spec.file)


def _doubt_problem(doubt: Doubt, places: Places, shown: str) -> Problem:
    return Problem(where(doubt.path, places, shown), doubt.what, doubt.remedy)


def _with_place(problem: Problem, spec: CohortSpec, places: Places, shown: str) -> Problem:
    """A mistake in the data, with the line of yaml that named what is not there."""
    if problem.where != spec.file:
        return problem
    for column in spec.wanted:
        if f"`{column}`" in problem.what:
            line = _line_of_column(column, spec, places, shown)
            return Problem(problem.where, f"{problem.what} ({line})", problem.remedy)
    return Problem(problem.where, f"{problem.what} ({where(('file',), places, shown)})", problem.remedy)


def _line_of_column(column: str, spec: CohortSpec, places: Places, shown: str) -> str:
    if ("columns", column) in places:
        return where(("columns", column), places, shown)
    roles = [role for role, name in spec.structure.items() if name == column]
    if roles:
        return where((roles[0],), places, shown)
    rules = [index for index, rule in enumerate(spec.eligibility) if rule["column"] == column]
    return where(("eligibility", rules[0]) if rules else ("columns",), places, shown)


def _finding_problem(finding: Finding, spec: CohortSpec, places: Places, shown: str, threshold: int) -> Problem:
    column = finding.column or next((item.name for item in spec.columns if item.measure == finding.measure), "")
    line = _line_of_column(column, spec, places, shown) if column else where(("columns",), places, shown)
    return Problem(spec.file, f"{finding_words(finding, threshold)} ({line})", finding.remedy)
