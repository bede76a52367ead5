"""The data as a model needs them: its variables in its order, by group, with everything that was left out counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.numerics import Array
from kinechain.numerics.collinearity import describe_relation, find_relations
from kinechain.numerics.likelihood import Patterns, patterns_from_data, patterns_from_moments
from kinechain.numerics.moments import Moments
from kinechain.numerics.ram import Index
from kinechain.parameter_table import ParameterTable
from kinechain.spec import ModelSpec, unknown_variables

SPAN = (1e-30, 1e30)
"""Ranges of values whose squares and products stay far from the limits of double precision."""
DIGITS = 1e-10
"""Range of a column, relative to its size, below which most of its digits are rounding."""


class DataError(UserError):
    """Mistakes in the data a model meets. Whoever opened the file adds its name with `found_in`."""

    def found_in(self, file: str) -> UserError:
        """The same lines with the file in front and the place in the model behind."""
        return UserError(*(Problem(file, f"{p.what} ({p.where})", p.remedy) for p in self.problems))


@dataclass(frozen=True, slots=True)
class GroupSample:
    """People of one group.

    label       the value that names the group, "" when there is one group
    patterns    sufficient statistics
    X           (n, p) their values, NaN where missing; None when only moments are known
    membership  (n,) pattern of each person
    clusters    (n,) number of each person's cluster, None when people are independent
    """

    label: str
    patterns: Patterns
    X: Array | None = None
    membership: Index | None = None
    clusters: Index | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The groups, and what was left out on the way to them."""

    names: tuple[str, ...]
    groups: tuple[GroupSample, ...]
    n_rows: int
    n_dropped: Mapping[str, int]
    n_missing: Mapping[str, int]

    @property
    def n(self) -> int:
        """People used."""
        return sum(group.patterns.n_people for group in self.groups)


def draw_sample(spec: ModelSpec, table: ParameterTable, data: Any) -> Sample:
    """The model's observed variables out of a cohort, a table of moments, a data frame or named columns.

    table  rows for one group: only its variables are read

    Listwise: a row with any of them missing is left out. fiml: a row is left out only when all are missing, or, with
    fixed covariates, when one of those is. Both are counted. Products `x:z` are made here from their parts.

    Raises DataError, all problems at once: a column that is missing, empty, infinite, not a number, constant or out of
    scale, moments that no data could have, variables that are exact sums of others, too few people, groups or clusters.
    """
    if not table.observed:
        raise UserError(Problem(spec.where, "the model has no observed variable", "Write at least one equation"))
    try:
        return _draw(spec, table, data)
    except UserError as error:
        raise DataError(*error.problems) from None


def check_size(spec: ModelSpec, sample: Sample, n_parameters: int) -> None:
    """Raise DataError when the model has more parameters than the sample has people."""
    if sample.n < n_parameters:
        what = f"{sample.n} people are fewer than the {n_parameters} parameters of the model"
        raise DataError(Problem(spec.where, what, "Use a smaller model, or more people"))


def _draw(spec: ModelSpec, table: ParameterTable, data: Any) -> Sample:
    moments = data if isinstance(data, Moments) else getattr(data, "moments", None)
    if isinstance(moments, Moments):
        return _from_moments(spec, table, moments)
    columns = getattr(data, "people", data)
    names = table.observed
    wanted = [*names, *(part for part in (spec.options.group, spec.options.cluster) if part)]
    raise_if_any(unknown_variables(spec, wanted, [str(column) for column in columns]))
    values, problems = {}, []
    for name in names:
        parts = [name] if name in columns else name.split(":")
        try:
            numbers = [np.asarray(columns[part], dtype=np.float64) for part in parts]
        except (TypeError, ValueError):
            what = f"`{name}` holds text where numbers are needed"
            problems.append(Problem(spec.where, what, "Recode it as numbers, or leave it out of the model"))
            continue
        values[name] = numbers[0] if len(numbers) == 1 else numbers[0] * numbers[1]
        n_infinite = 0 if np.isfinite(values[name].sum()) else int(np.isinf(values[name]).sum())
        if n_infinite:
            problems.append(Problem(spec.where, f"`{name}` is infinite in {n_infinite} rows", "Correct those values"))
    raise_if_any(problems)
    X = np.column_stack([values[name] for name in names])
    if not len(X):
        raise UserError(Problem(spec.where, "the data have no rows", "Export the data again"))
    return _from_rows(spec, table, X, _labels(columns, spec.options.group), _labels(columns, spec.options.cluster))


def _labels(columns: Any, name: str) -> list[str | None] | None:
    """A column as text, whole numbers without a point; None where it is missing."""
    if not name:
        return None
    values = columns[name]
    values = values.tolist() if hasattr(values, "tolist") else list(values)

    def text(value: Any) -> str | None:
        if value is None or value != value:  # noqa: PLR0124 - not-a-number is the only value that differs from itself
            return None
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value)

    return [text(value) for value in values]


def _from_rows(
    spec: ModelSpec, table: ParameterTable, X: Array, groups: list[str | None] | None, clusters: list[str | None] | None
) -> Sample:
    names = table.observed
    has_gaps = bool(np.isnan(X.sum()))
    is_missing = np.isnan(X) if has_gaps else np.zeros((1, len(names)), dtype=np.bool_)
    keep = np.ones(len(X), dtype=np.bool_)
    dropped: dict[str, int] = {}

    def drop(rows: Any, reason: str) -> None:
        nonlocal keep
        count = int((rows & keep).sum())
        if count:
            dropped[reason] = count
            keep = keep & ~rows

    for labels, name in ((groups, spec.options.group), (clusters, spec.options.cluster)):
        if labels is not None:
            drop(np.array([label is None for label in labels]), f"`{name}` is missing")
    if not has_gaps:
        pass
    elif spec.missing == "fiml":
        drop(is_missing.all(axis=1), "all variables are missing")
        if spec.options.fixed_x and table.exogenous:
            at = [names.index(name) for name in table.exogenous]
            drop(is_missing[:, at].any(axis=1), "a fixed covariate is missing")
    else:
        drop(is_missing.any(axis=1), "a variable is missing")
    if not keep.any():
        what = (
            f"no people are left of {len(X)} rows: {', '.join(f'{why} in {count}' for why, count in dropped.items())}"
        )
        raise UserError(Problem(spec.where, what, "Leave out the emptiest variable, or use missing: fiml"))
    order = list(dict.fromkeys(label for label in groups if label is not None)) if groups is not None else [""]
    codes = {label: number for number, label in enumerate(dict.fromkeys(clusters or ()))}
    if clusters is not None and len({label for label, kept in zip(clusters, keep, strict=True) if kept}) < 2:
        what = f"`{spec.options.cluster}` has the same value for everyone, and robust errors need many clusters"
        raise UserError(Problem(spec.where, what, "Leave the cluster out"))
    _check_groups(spec, groups, keep)
    made, problems = [], []
    for label in order:
        chosen = keep if groups is None else keep & np.array([value == label for value in groups])
        of_group = X if chosen.all() else X[chosen]
        place = f"group {label}" if label else ""
        found = _check_columns(spec, names, of_group, place)
        problems += found
        if found:
            continue
        patterns, membership = patterns_from_data(of_group)
        problems += _check_coverage(spec, names, patterns, place)
        problems += _check_collinear(spec, names, of_group, patterns, place)
        cluster_codes = None
        if clusters is not None:
            all_codes = np.array([codes[value] for value in clusters], dtype=np.intp)
            cluster_codes = all_codes[chosen]
        made.append(GroupSample(label, patterns, of_group, membership, cluster_codes))
    raise_if_any(problems)
    used = is_missing[keep].sum(axis=0) if has_gaps else np.zeros(len(names), dtype=np.intp)
    n_missing = {name: int(count) for name, count in zip(names, used, strict=True) if count}
    return Sample(names, tuple(made), len(X), dropped, n_missing)


def _check_groups(spec: ModelSpec, groups: list[str | None] | None, keep: Any) -> None:
    """Two people are the least a group can have. Its name is not told: with one member it may be a person's value."""
    if groups is None:
        if keep.sum() < 2:
            what = "1 person is left, and covariances need more than one"
            raise UserError(Problem(spec.where, what, "Use more people, or missing: fiml when values are missing"))
        return
    sizes = dict.fromkeys((label for label in groups if label is not None), 0)
    for label, kept in zip(groups, keep, strict=True):
        if kept and label is not None:
            sizes[label] += 1
    n_small = sum(size < 2 for size in sizes.values())
    if n_small:
        what = f"{n_small} of the {len(sizes)} groups of `{spec.options.group}` have fewer than 2 people"
        raise UserError(Problem(spec.where, what, "Join groups or leave these people out; check that it names groups"))


def _check_columns(spec: ModelSpec, names: tuple[str, ...], X: Array, place: str) -> list[Problem]:
    """Columns without values or without variation."""
    problems = []
    where = f" in {place}" if place else ""
    low, high = X.min(axis=0), X.max(axis=0)
    for position, name in enumerate(names):
        least, most = float(low[position]), float(high[position])
        if least != least:  # noqa: PLR0124 - not-a-number is the only value that differs from itself
            column = X[~np.isnan(X[:, position]), position]
            if not len(column):
                problems.append(Problem(spec.where, f"`{name}` has no values{where}", "Leave it out of the model"))
                continue
            least, most = float(column.min()), float(column.max())
        if least == most:
            what = f"`{name}` has the same value for everyone{where}"
            problems.append(Problem(spec.where, what, "A constant has no covariance: leave it out of the model"))
        elif not SPAN[0] <= most - least <= SPAN[1]:
            problems.append(_out_of_scale(spec, name, most - least))
        elif most - least < DIGITS * max(abs(least), abs(most)):
            what = f"`{name}` varies{where} only in the digits that are lost to rounding"
            problems.append(Problem(spec.where, what, "Subtract a constant from it before it is stored"))
    return problems


def _out_of_scale(spec: ModelSpec, name: str, size: float) -> Problem:
    what = f"`{name}` varies by about {size:.0e}, which is beyond what can be computed with"
    return Problem(spec.where, what, "Give it in another unit")


def _check_coverage(spec: ModelSpec, names: tuple[str, ...], patterns: Patterns, place: str) -> list[Problem]:
    """Pairs of variables that nobody has both of: nothing is known about their covariance."""
    together = patterns.observed.T.astype(np.float64) @ patterns.observed
    return [
        Problem(
            spec.where,
            f"nobody{f' in {place}' if place else ''} has both `{names[i]}` and `{names[j]}`",
            "Leave one of them out of the model",
        )
        for i, j in zip(*np.nonzero(np.triu(together == 0.0)), strict=True)
    ]


def _check_collinear(
    spec: ModelSpec, names: tuple[str, ...], X: Array, patterns: Patterns, place: str
) -> list[Problem]:
    """Columns that are exact linear combinations of others, each told with the relation; too few people likewise."""
    where = f" in {place}" if place else ""
    if patterns.is_complete:
        n, S = patterns.n_people, patterns.covariance[0]
        if n <= len(names):
            what = f"{n} people{where} are too few for the covariances of {len(names)} variables"
            return [Problem(spec.where, what, "Use fewer variables, or more people")]
    else:
        complete = X[~np.isnan(X).any(axis=1)]
        if len(complete) <= len(names) + 1:
            return []
        S = np.cov(complete, rowvar=False, bias=True)
        if not (np.diag(S) > 0.0).all():
            return []
    return [
        Problem(spec.where, f"{describe_relation(names, relation)}{where}", "Leave one of them out of the model")
        for relation in find_relations(S)
    ]


def _from_moments(spec: ModelSpec, table: ParameterTable, moments: Moments) -> Sample:
    options = spec.options
    if options.group or options.cluster or options.ordered:
        what = "groups, clusters and ordered variables need the people, not moments"
        raise UserError(Problem(spec.where, what, "Use --data, or leave them out"))
    known = moments.names
    problems = [
        Problem(spec.where, f"`{name}` is not among the moments", closest(name, known))
        for name in table.observed
        if name not in known
    ]
    raise_if_any(problems)
    chosen = moments.select(table.observed)
    S = chosen.covariance
    if not np.isfinite(S).all():
        raise UserError(
            Problem(spec.where, "the moments have gaps or are infinite", "Give every variance and covariance")
        )
    if np.abs(S - S.T).max() > 1e-8 * np.abs(S).max():
        raise UserError(Problem(spec.where, "the moments are not symmetric", "Give the same number on both sides"))
    if not (np.diag(S) > 0.0).all():
        names = ", ".join(f"`{n}`" for n, value in zip(chosen.names, np.diag(S), strict=True) if value <= 0.0)
        raise UserError(Problem(spec.where, f"the variance of {names} is not positive", "Correct the diagonal"))
    sd = np.sqrt(np.diag(S))
    raise_if_any(
        _out_of_scale(spec, name, size)
        for name, size in zip(chosen.names, sd, strict=True)
        if not SPAN[0] <= size <= SPAN[1]
    )
    R = S / np.outer(sd, sd)
    raise_if_any(
        Problem(
            spec.where,
            f"the correlation of `{chosen.names[i]}` and `{chosen.names[j]}` is {R[i, j]:.4g}, outside -1 to 1",
            "Correct the misprint",
        )
        for i, j in zip(*np.nonzero(np.triu(np.abs(R) > 1.0 + 1e-9, 1)), strict=True)
    )
    if chosen.n <= len(chosen.names):
        what = f"{chosen.n} people are too few for the covariances of {len(chosen.names)} variables"
        raise UserError(Problem(spec.where, what, "Use fewer variables, or more people"))
    raise_if_any(
        Problem(spec.where, describe_relation(chosen.names, relation), "Leave one of them out of the model")
        for relation in find_relations(S, is_published=True)
    )
    if np.linalg.eigvalsh(R)[0] <= 0.0:
        what = "the moments are not positive definite: no data could have them"
        raise UserError(Problem(spec.where, what, "Check them for misprints and for pairwise deletion"))
    return Sample(chosen.names, (GroupSample("", patterns_from_moments(chosen)),), chosen.n, {}, {})
