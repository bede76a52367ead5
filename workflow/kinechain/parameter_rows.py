"""From the text of a model to its parameter table: the rows written, and those lavaan's `sem()` adds.

Rosseel (2012), Journal of Statistical Software 48(2), and the help page of `lavaan::lavOptions`; tests/golden holds
tables that lavaan made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.parameter_table import ParameterTable, Row, row_name
from kinechain.syntax import FlatRow

GROUP_EQUALITIES: Final = (
    "loadings",
    "intercepts",
    "means",
    "thresholds",
    "regressions",
    "residuals",
    "residual.covariances",
    "lv.variances",
    "lv.covariances",
)
"""What can be held equal across groups, under lavaan's names."""


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What the text leaves open, under lavaan's names and with the defaults of its `sem()`.

    fixed_x        moments of exogenous observed variables are taken as given
    meanstructure  intercepts are estimated; None: only where the model, the groups or the estimator need them
    growth         observed intercepts are zero, latent means are free
    group          column that names the group, "" for none
    group_equal    what is held equal across groups (GROUP_EQUALITIES)
    cluster        column that names the cluster, "" for none
    ordered        observed variables taken as ordered categories
    families       outcome -> family of its equation, for the estimator equationwise; normal where none is named
    rescale        moments given from outside have divisor n - 1 and are rescaled by (n - 1) / n
    """

    fixed_x: bool = True
    meanstructure: bool | None = None
    growth: bool = False
    group: str = ""
    group_equal: tuple[str, ...] = ()
    cluster: str = ""
    ordered: tuple[str, ...] = ()
    families: tuple[tuple[str, str], ...] = ()
    rescale: bool = True


@dataclass(frozen=True, slots=True)
class _Roles:
    """Which part each variable plays."""

    latent: tuple[str, ...]
    observed: tuple[str, ...]
    exogenous: tuple[str, ...]
    pure_outcomes: tuple[str, ...]
    exogenous_latent: tuple[str, ...]


def _find_roles(flat: Iterable[FlatRow]) -> _Roles:
    rows = [row for row in flat if row.op not in (":=", "==", "<", ">")]
    latent = tuple(dict.fromkeys(row.lhs for row in rows if row.op == "=~"))
    indicators = dict.fromkeys(row.rhs for row in rows if row.op == "=~")
    outcomes = dict.fromkeys(row.lhs for row in rows if row.op == "~")
    predictors = dict.fromkeys(row.rhs for row in rows if row.op == "~")
    others = dict.fromkeys(name for row in rows for name in (row.lhs, row.rhs) if name and row.op not in ("|", "~*~"))
    threshold_owners = dict.fromkeys(row.lhs for row in rows if row.op in ("|", "~*~"))
    observed = tuple(
        name for name in {**indicators, **outcomes, **predictors, **others, **threshold_owners} if name not in latent
    )
    moments_written = {name for row in rows if row.op in ("~~", "~1") for name in (row.lhs, row.rhs)}
    exogenous = tuple(
        name
        for name in observed
        if name in predictors and name not in indicators and name not in outcomes and name not in moments_written
    )
    free_of_roles = [name for name in outcomes if name not in predictors and name not in indicators]
    return _Roles(
        latent,
        observed,
        exogenous,
        tuple(name for name in latent if name in free_of_roles) + tuple(n for n in observed if n in free_of_roles),
        tuple(name for name in latent if name not in indicators and name not in outcomes),
    )


def build_table(
    flat: Iterable[FlatRow],
    options: ModelOptions = ModelOptions(),
    n_groups: int = 1,
    levels: Mapping[str, int] | None = None,
    *,
    means: bool = False,
    where: str = "model",
) -> ParameterTable:
    """The parameter table of the rows read, automatic rows included, for any number of groups.

    levels  ordered variable -> number of categories; its thresholds `y | t1` ... become rows
    means   intercepts are needed whatever the text says (missing data, robust statistics)

    Raises UserError: a modifier vector whose length is not the number of groups, a relation with two labels, an unknown
    group equality, a formula that names no label, an observed outcome that is also declared ordered but has no
    categories.
    """
    flat = tuple(flat)
    roles = _find_roles(flat)
    relations = [row for row in flat if row.op not in (":=", "==", "<", ">")]
    problems = [
        Problem(where, f"`{word}` cannot be held equal across groups", closest(word, GROUP_EQUALITIES))
        for word in options.group_equal
        if word not in GROUP_EQUALITIES
    ]
    problems += [
        Problem(
            f"{where}:{row.line}:{row.column}",
            f"`{row_name(row)}` has {len(modifier.values)} {modifier.kind} values for {n_groups} "
            + ("group" if n_groups == 1 else "groups"),
            "Give one value, or one a group",
        )
        for row in relations
        for modifier in row.modifiers
        if len(modifier.values) not in (1, n_groups)
        and n_groups > 0
        and not (n_groups == 1 and options.group)  # the single-group view of a model for several groups
    ]
    for row in relations:
        labels = {modifier.values for modifier in row.modifiers if modifier.kind == "label"}
        if len(labels) > 1:
            place = f"{where}:{row.line}:{row.column}"
            problems.append(Problem(place, f"`{row_name(row)}` has {len(labels)} labels", "Keep one of them"))
    raise_if_any(problems)
    with_means = options.meanstructure
    if with_means is None or means:
        with_means = means or options.growth or n_groups > 1 or any(row.op == "~1" for row in relations)
    automatic = _automatic_rows(relations, roles, bool(with_means or options.ordered), levels or {})
    rows: list[Row] = []
    equal: dict[int, str] = {}
    for group in range(1, n_groups + 1):
        markers: set[str] = set()
        for row, user in [(row, True) for row in relations] + [(row, False) for row in automatic]:
            made = _make_row(row, group, user, f".p{len(rows) + 1}.")
            target = _pick(row, "equal", group)
            if target:
                equal[len(rows)] = str(target)
            if made.op == "=~" and made.lhs not in markers:
                markers.add(made.lhs)
                told = any(modifier.kind == "fixed" for modifier in row.modifiers)
                if not told:
                    made = replace(made, fixed=1.0, free=0)
            if not user:
                made = _settle_automatic(made, roles, options, relations, levels or {})
            rows.append(made)
    rows = _hold_equal(rows, roles, options, equal, where)
    table = ParameterTable(
        tuple(rows),
        tuple(row for row in flat if row.op == ":="),
        tuple(row for row in flat if row.op in ("==", "<", ">")),
        roles.observed,
        roles.latent,
        roles.exogenous,
        n_groups,
    )
    raise_if_any(_unknown_labels(table, where) if n_groups > 1 or not options.group else ())
    return table


def _automatic_rows(
    relations: list[FlatRow], roles: _Roles, with_means: bool, levels: Mapping[str, int]
) -> list[FlatRow]:
    """Rows lavaan's `sem()` adds: variances, covariances of exogenous latents and of pure outcomes, exogenous moments,
    thresholds, intercepts."""
    written = {(row.lhs, row.op, row.rhs) for row in relations}
    inner = [name for name in roles.observed if name not in roles.exogenous]
    pairs = [(name, name) for name in (*inner, *roles.latent)]
    pairs += [*combinations(roles.exogenous_latent, 2), *combinations(roles.pure_outcomes, 2)]
    pairs += [(name, other) for at, name in enumerate(roles.exogenous) for other in roles.exogenous[at:]]
    rows = [
        FlatRow(left, "~~", right)
        for left, right in pairs
        if (left, "~~", right) not in written and (right, "~~", left) not in written
    ]
    for name in roles.observed:
        if name in levels:
            rows += [
                FlatRow(name, "|", f"t{number}")
                for number in range(1, levels[name])
                if (name, "|", f"t{number}") not in written
            ]
            rows += [FlatRow(name, "~*~", name)] if (name, "~*~", name) not in written else []
    if with_means:
        rows += [
            FlatRow(name, "~1", "")
            for name in (*inner, *roles.exogenous, *roles.latent)
            if (name, "~1", "") not in written
        ]
    return rows


def _pick(row: FlatRow, kind: str, group: int) -> float | str | None:
    """The last modifier of this kind, for this group."""
    found = [modifier for modifier in row.modifiers if modifier.kind == kind]
    if not found:
        return None
    values = found[-1].values
    return values[0] if len(values) == 1 else values[group - 1]


def _make_row(row: FlatRow, group: int, user: bool, plabel: str) -> Row:
    def number(kind: str, default: float) -> float:
        value = _pick(row, kind, group)
        return default if value is None else float(value)

    fixed = number("fixed", math.nan)
    return Row(
        row.lhs,
        row.op,
        row.rhs,
        group,
        str(_pick(row, "label", group) or ""),
        free=0 if math.isfinite(fixed) else 1,
        fixed=fixed,
        start=number("start", math.nan),
        lower=number("lower", -math.inf),
        upper=number("upper", math.inf),
        user=user,
        plabel=plabel,
    )


def _settle_automatic(
    row: Row, roles: _Roles, options: ModelOptions, relations: list[FlatRow], levels: Mapping[str, int]
) -> Row:
    """What an automatic row is fixed to, if anything."""
    if row.lhs in roles.exogenous and row.op in ("~~", "~1") and options.fixed_x:
        return replace(row, free=0, exo=True)
    if row.op == "~*~":
        return replace(row, free=0, fixed=1.0)
    if row.op == "~~" and row.lhs == row.rhs and row.lhs in levels:
        return replace(row, free=0, fixed=1.0)
    if row.op == "~~" and row.lhs == row.rhs:
        owners = [other.lhs for other in relations if other.op == "=~" and other.rhs == row.lhs]
        alone = any(sum(o.lhs == owner and o.op == "=~" for o in relations) == 1 for owner in owners)
        if alone:
            return replace(row, free=0, fixed=0.0)
    if row.op == "~1":
        is_latent = row.lhs in roles.latent
        if row.lhs in levels or (is_latent != options.growth and row.lhs not in roles.exogenous):
            return replace(row, free=0, fixed=0.0)
    return row


def _equality_of(row: Row, roles: _Roles) -> str:
    """Which word of GROUP_EQUALITIES a row falls under, "" for none."""
    is_latent = row.lhs in roles.latent
    if row.exo or row.lhs in roles.exogenous:
        return ""
    if row.op == "=~":
        return "loadings"
    if row.op == "~":
        return "regressions"
    if row.op == "|":
        return "thresholds"
    if row.op == "~1":
        return "means" if is_latent else "intercepts"
    if row.op == "~~" and row.lhs == row.rhs:
        return "lv.variances" if is_latent else "residuals"
    if row.op == "~~":
        return "lv.covariances" if is_latent else "residual.covariances"
    return ""


def _hold_equal(
    rows: list[Row], roles: _Roles, options: ModelOptions, equal: Mapping[int, str], where: str
) -> list[Row]:
    """Rows numbered: those with one label, held equal across groups, or named by `equal()` share a number."""
    held = set(options.group_equal)
    frees_scales = "thresholds" in held
    frees_means = ("intercepts" in held or frees_scales) and "means" not in held
    first: dict[tuple[str, str, str], int] = {}
    numbers: dict[str, int] = {}
    fixed_labels: dict[str, float] = {}
    rows = _name_equals(rows, equal, where)
    made: list[Row] = []
    last = 0
    for position, row in enumerate(rows):
        settled = row
        if frees_means and row.group > 1 and row.op == "~1" and row.lhs in roles.latent and not row.user:
            settled = replace(row, free=1, fixed=math.nan)
        if frees_scales and row.group > 1 and row.op == "~*~" and not row.user:
            settled = replace(row, free=1, fixed=math.nan)
        if settled.free and row.label in fixed_labels:
            settled = replace(row, free=0, fixed=fixed_labels[row.label])
        elif not settled.free and row.label and math.isfinite(settled.fixed):
            fixed_labels.setdefault(row.label, settled.fixed)
        if settled.free:
            key = (row.lhs, row.op, row.rhs)
            label = row.label
            if not label and _equality_of(row, roles) in held:
                at = first.setdefault(key, position)
                label = made[at].label or made[at].plabel if at < position and made[at].free else ""
                if label and not made[at].label:
                    made[at] = replace(made[at], label=label)
                    numbers[label] = made[at].free
            number = numbers.get(label, 0) if label else 0
            if not number:
                number = last = last + 1
                if label:
                    numbers[label] = number
            settled = replace(settled, label=label, free=number)
        made.append(settled)
        if settled.free:
            numbers.setdefault(settled.plabel, settled.free)
    return made


def _name_equals(rows: list[Row], equal: Mapping[int, str], where: str) -> list[Row]:
    """Rows where one with `equal()` and the row it names (by label or text, same group first) bear one label."""
    named = list(rows)
    for position, target in equal.items():
        row = named[position]
        if row.label:
            continue
        found = [
            at
            for at, other in enumerate(named)
            if at != position and other.free and target in (other.label, row_name(other))
        ]
        if not found:
            known = [row_name(other) for other in rows] + [other.label for other in rows if other.label]
            what = f'`equal("{target}")` names no free parameter'
            raise UserError(Problem(where, what, closest(target, known)))
        at = min(found, key=lambda at: (named[at].group != row.group, at))
        label = named[at].label or named[at].plabel
        named[at] = replace(named[at], label=label)
        named[position] = replace(row, label=label)
    return named


def _unknown_labels(table: ParameterTable, where: str) -> list[Problem]:
    labels = set(table.first_rows())
    shown = {label for label in labels if not label.startswith(".")}
    problems = []
    names: set[str] = set()
    for row in table.definitions:
        place = f"{where}:{row.line}:{row.column}" if row.line else where
        if row.lhs in names or row.lhs in labels:
            what = "is defined twice" if row.lhs in names else "is already the label of a parameter"
            problems.append(Problem(place, f"`{row.lhs}` {what}", "Choose another name"))
        assert row.right is not None
        for name in row.right.names:
            if name not in labels | names:
                problems.append(
                    Problem(
                        place,
                        f"`{name}` in the definition of `{row.lhs}` is neither a label nor defined above",
                        closest(name, shown | names),
                    )
                )
        names.add(row.lhs)
    for row in table.constraints:
        place = f"{where}:{row.line}:{row.column}" if row.line else where
        assert row.left is not None
        assert row.right is not None
        for name in (*row.left.names, *row.right.names):
            if name not in labels | names:
                what = f"`{name}` in the constraint `{row_name(row)}` is not a label"
                problems.append(Problem(place, what, closest(name, shown)))
    return problems
