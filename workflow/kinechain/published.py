"""Published moments: means, standard deviations and correlations of a paper, as a cohort for linear models.

Tables arrive rounded and often as one triangle. They are completed, checked, and never mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinechain.assemble import construct_entries, ranked
from kinechain.cohort import Cohort, Finding, FlowStep
from kinechain.cohort_spec import CohortSpec
from kinechain.errors import Problem, closest, raise_if_any
from kinechain.measures import Dictionary
from kinechain.numerics import Array
from kinechain.numerics.moments import Moments, moments_from_published
from kinechain.quality import codebook_entry
from kinechain.scoring import inputs_of


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A published table, completed.

    names        variables as the paper calls them
    mean, sd     (p,)    in the paper's units; sd with divisor n - 1
    correlation  (p, p)
    n            people
    decimals     digits the correlations were rounded to
    title, citation, source   words for readers
    """

    names: tuple[str, ...]
    mean: Array
    sd: Array
    correlation: Array
    n: int
    decimals: int = 2
    title: str = ""
    citation: str = ""
    source: str = ""


def parse_published(data: Mapping[str, Any], shown: str) -> PublishedTable:
    """The table of a moments file whose shape has been checked.

    Raises UserError, all problems at once: lengths that differ, an impossible correlation, a table that contradicts
    itself or that no people can have.
    """
    names = tuple(str(name) for name in data["names"])
    p = len(names)
    problems = [
        Problem(
            shown, f"`{key}` has {len(data[key])} entries for {p} names", "Give one for each of `names`, in their order"
        )
        for key in ("means", "sds")
        if key in data and len(data[key]) != p
    ]
    if len(set(names)) < p:
        problems.append(Problem(shown, "`names` holds a name twice", "Give each variable its own name"))
    key = "correlations" if "correlations" in data else "covariances"
    if key == "correlations" and "sds" not in data:
        problems.append(Problem(shown, "correlations come without `sds`", "Add `sds:`, or give `covariances:`"))
    matrix, found = complete_matrix(data[key], names, shown, key)
    problems += found
    raise_if_any(problems)
    decimals = int(data.get("decimals", 2))
    if key == "covariances":
        variance = np.diag(matrix)
        raise_if_any(
            Problem(shown, f"the variance of `{name}` is not positive", "Check the diagonal of `covariances`")
            for name, value in zip(names, variance, strict=True)
            if not value > 0
        )
        sd = np.sqrt(variance)
        matrix = matrix / np.outer(sd, sd)
    else:
        sd = np.array(data["sds"], dtype=float)
    table = PublishedTable(
        names,
        np.array(data.get("means", np.zeros(p)), dtype=float),
        sd,
        matrix,
        int(data["n"]),
        decimals,
        data.get("title", ""),
        data.get("citation", ""),
        data.get("source", ""),
    )
    raise_if_any(_table_problems(table, shown))
    return table


def complete_matrix(
    rows: Sequence[Sequence[float]], names: tuple[str, ...], shown: str, key: str = "correlations"
) -> tuple[Array, list[Problem]]:
    """A symmetric matrix from a lower or upper triangle (with or without its diagonal) or a square, and what is wrong.

    Without a diagonal the matrix is one of correlations, whose diagonal is 1.
    """
    p = len(names)
    lengths = [len(row) for row in rows]
    matrix = np.full((p, p), np.nan)
    full, without = list(range(1, p + 1)), list(range(1, p))
    if lengths == [p] * p:
        matrix[:] = np.array(rows, dtype=float)
    elif lengths == full:
        matrix[np.tril_indices(p)] = np.concatenate([np.array(row, dtype=float) for row in rows])
    elif lengths == full[::-1]:
        matrix[np.triu_indices(p)] = np.concatenate([np.array(row, dtype=float) for row in rows])
    elif key == "correlations" and lengths in (without, [0, *without]):
        matrix[np.tril_indices(p, -1)] = np.concatenate([np.array(row, dtype=float) for row in rows])
        np.fill_diagonal(matrix, 1.0)
    elif key == "correlations" and lengths in (without[::-1], [*without[::-1], 0]):
        matrix[np.triu_indices(p, 1)] = np.concatenate([np.array(row, dtype=float) for row in rows])
        np.fill_diagonal(matrix, 1.0)
    else:
        what = f"`{key}` has rows of {', '.join(map(str, lengths[:12]))} numbers for {p} names"
        return matrix, [Problem(shown, what, "Give a triangle (rows of 1, 2, 3 ... numbers) or a full square")]
    problems = []
    for i in range(p):
        for j in range(i):
            here, there = matrix[i, j], matrix[j, i]
            if np.isfinite(here) and np.isfinite(there) and abs(here - there) > 1e-12:
                what = f"`{key}` says {here:g} for `{names[i]}` with `{names[j]}` and {there:g} the other way round"
                problems.append(Problem(shown, what, "Correct one of the two"))
            matrix[i, j] = matrix[j, i] = here if np.isfinite(here) else there
    return matrix, problems


def _table_problems(table: PublishedTable, shown: str) -> Iterator[Problem]:
    names, R = table.names, table.correlation
    for name, sd in zip(names, table.sd, strict=True):
        if not sd > 0:
            yield Problem(shown, f"the standard deviation of `{name}` is {sd:g}", "It must be positive")
    if table.n < 4:
        yield Problem(shown, f"`n` = {table.n} is too small for correlations", "Check the number of people")
    for name, value in zip(names, np.diag(R), strict=True):
        if abs(value - 1) > 1e-9:
            yield Problem(shown, f"the correlation of `{name}` with itself is {value:g}", "It must be 1")
    bad = np.argwhere(np.tril(~(np.abs(R) <= 1), -1))
    for i, j in bad:
        what = f"the correlation of `{names[i]}` with `{names[j]}` is {R[i, j]:g}, outside -1 to 1"
        yield Problem(shown, what, "Correct it; a lost decimal point is the usual cause")
    if len(bad) or not np.isfinite(R).all():
        return
    values, vectors = np.linalg.eigh(R)
    # rounding each correlation by half a unit moves an eigenvalue by at most that times the number of variables
    rounding = len(names) * 0.5 * 10.0**-table.decimals
    if values[0] < -rounding:
        involved = ", ".join(f"`{names[i]}`" for i in np.flatnonzero(np.abs(vectors[:, 0]) > 0.2))
        what = (
            f"no people can have these correlations together (smallest eigenvalue {values[0]:.3f}); look at {involved}"
        )
        yield Problem(
            shown, what, "Check signs and digits against the paper; correlations from different people do not mix"
        )


def singular_sets(correlation: Array, names: tuple[str, ...], *, decimals: int) -> list[tuple[str, ...]]:
    """Sets of variables that determine each other up to rounding: a model may not hold a whole set."""
    values, vectors = np.linalg.eigh(correlation)
    rounding = len(names) * 0.5 * 10.0**-decimals
    return [
        tuple(names[i] for i in np.flatnonzero(np.abs(vectors[:, k]) > 0.1)) for k in np.flatnonzero(values < rounding)
    ]


def build_published_cohort(
    spec: CohortSpec, dictionary: Dictionary, table: PublishedTable, *, shown: str = ""
) -> Cohort:
    """The cohort of a published table: canonical measures and constructs in problem space, as moments.

    Raises UserError when the spec names a variable the table has not.
    """
    raise_if_any(
        Problem(
            shown or spec.file, f"there is no variable `{column.name}` among `names`", closest(column.name, table.names)
        )
        for column in spec.columns
        if column.name not in table.names
    )
    findings: list[Finding] = []
    index = [table.names.index(column.name) for column in spec.columns]
    names = [column.measure for column in spec.columns]
    p = len(names)
    transform, offset = np.zeros((p, len(table.names))), np.zeros(p)
    for row, (column, place) in enumerate(zip(spec.columns, index, strict=True)):
        transform[row, place], offset[row] = column.to_canonical.factor, column.to_canonical.offset
    for name, way in spec.derivations:
        inputs = inputs_of(way, name)
        weights = {"difference": (1.0, -1.0), "total": (1.0,) * len(inputs), "linear": (float(way.get("factor", 1)),)}
        if way["kind"] not in weights:
            what = f"`{name}` cannot be computed from published moments: its scoring is not linear"
            findings.append(Finding("error", name, what, 0, "Take it out of `constructs` and `derive`"))
            continue
        places = [names.index(key) for key in inputs]
        transform = np.vstack([transform, np.array(weights[way["kind"]]) @ transform[places]])
        shift = float(np.array(weights[way["kind"]]) @ offset[places]) + float(way.get("offset", 0.0))
        offset = np.append(offset, shift)
        names.append(name)
    for construct, measure in spec.constructs.items():
        if measure in names and construct not in names:
            sign = dictionary[measure].sign
            place = names.index(measure)
            transform = np.vstack([transform, sign * transform[place]])
            offset = np.append(offset, sign * offset[place])
            names.append(construct)
    covariance = table.correlation * np.outer(table.sd, table.sd)
    mean = transform @ table.mean + offset
    moments: Moments = moments_from_published(tuple(names), mean, transform @ covariance @ transform.T, table.n)
    findings += _range_findings(moments, dictionary)
    measures = [column.measure for column in spec.columns]
    R = table.correlation[np.ix_(index, index)]
    for members in singular_sets(R, tuple(measures), decimals=table.decimals):
        what = f"{', '.join(f'`{name}`' for name in members)} determine each other: no model may hold all of them"
        findings.append(Finding("note", members[0], what, 0, "Leave one out of each model"))
    return Cohort(
        name=spec.name,
        title=spec.title,
        people=None,
        moments=moments,
        constructs=dict(spec.constructs),
        units={name: dictionary[spec.constructs.get(name, name)].unit for name in names},
        design=spec.design,
        sampling_frame=spec.sampling_frame,
        synthetic=spec.synthetic,
        flow=(FlowStep("people in the published table", 0, table.n, "people"),),
        findings=ranked(findings),
        citation=spec.citation or table.citation,
        extra={
            "codebook": [
                codebook_entry(
                    dictionary[name],
                    columns=tuple(column.name for column in spec.columns if column.measure == name),
                    convention="".join(column.convention for column in spec.columns if column.measure == name),
                    file_unit="".join(column.unit for column in spec.columns if column.measure == name),
                    construct=next((key for key, measure in spec.constructs.items() if measure == name), ""),
                    derived=next((str(way["kind"]) for key, way in spec.derivations if key == name), ""),
                    reliability=dictionary[name].reliability,
                )
                for name in dictionary.measures
                if name in names
            ],
            "constructs": construct_entries(spec.constructs, dictionary),
        },
    )


def _range_findings(moments: Moments, dictionary: Dictionary) -> Iterator[Finding]:
    """Means outside a measure's hard range: a wrong unit, sign or convention."""
    for name, mean in zip(moments.names, moments.mean, strict=True):
        hard = dictionary[name].hard if name in dictionary else None
        if hard and not hard[0] <= mean <= hard[1]:
            what = f"the mean of `{name}` lies outside {hard[0]:g} to {hard[1]:g} {dictionary[name].unit}"
            yield Finding("error", name, what, 0, "Check unit, sign and convention of its column")
