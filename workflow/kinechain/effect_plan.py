"""Which effects a model has, and their values for given parameters: one number each, or one for every draw."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

import numpy as np

from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.expressions import Expression, evaluate
from kinechain.numerics import Array
from kinechain.parameter_table import ParameterTable, row_name
from kinechain.spec import ModelSpec

MOST_PATHS = 256
"""Specific indirect effects of one pair that are listed; a pair with more has its total indirect effect only."""


@dataclass(frozen=True, slots=True)
class PlannedEffect:
    """One effect, before any number.

    name        `y~x`, `x~~y`, `f=~x`, a defined name, `direct:x->y`, `indirect:x->m->y`, `total_indirect:x->y`,
                `total:x->y` or `r2:y`; ` (group 2)` follows where there are several groups
    kind        path, loading, covariance, defined, direct, indirect, total_indirect, total, r2 or contrast
    lhs, rhs    outcome and source; of a covariance its two variables; rhs is "" where there is one variable
    path        variables from source to outcome, for direct and indirect effects
    label       the user's label
    group       from 1; 0 for a defined effect
    row         its row in the parameter table, -1 where it has none
    expression  formula of a defined effect
    terms       of a contrast: place in the plan and weight of each effect it sums
    """

    name: str
    kind: str
    lhs: str
    rhs: str
    path: tuple[str, ...] = ()
    label: str = ""
    group: int = 1
    row: int = -1
    expression: Expression | None = None
    terms: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class EffectPlan:
    """All effects of a model, in the order of its effect table.

    table    the parameter table they belong to
    effects  parameters first, then defined effects, then what follows from the arrows
    arrows   for each group: (outcome, source) -> row of the table
    order    for each group: variables in causal order, () when the arrows form a loop
    """

    table: ParameterTable
    effects: tuple[PlannedEffect, ...]
    arrows: tuple[Mapping[tuple[str, str], int], ...]
    order: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(effect.name for effect in self.effects)


def plan_effects(
    table: ParameterTable,
    covariates: Collection[str] = (),
    contrasts: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> EffectPlan:
    """The effects of a model.

    covariates  variables adjusted for and not asked about: their paths are listed, nothing is derived from them
    contrasts   name -> effect -> weight: weighted sums of other effects, such as the difference of two (1 and -1), or
                one effect told in another unit (one weight)

    Derived are, for every ordered pair of the other variables that arrows join, the direct, each specific indirect,
    the total indirect and the total effect. A model with a loop has no specific indirect effects: its totals only.
    Raises UserError for a contrast of an effect the model does not have, or whose name is taken.
    """
    effects: list[PlannedEffect] = []
    several = table.n_groups > 1

    def suffix(group: int) -> str:
        return f" (group {group})" if several else ""

    for at, row in enumerate(table.rows):
        kind = {"~": "path", "=~": "loading", "~~": "covariance"}.get(row.op)
        if kind is None or row.exo or (row.op == "~~" and row.lhs == row.rhs):
            continue
        if not row.free and not row.user:
            continue
        if row.op == "~~" and row.lhs in table.exogenous and row.rhs in table.exogenous:
            continue
        name = row_name(row) + suffix(row.group)
        label = "" if row.label.startswith(".") else row.label
        effects.append(PlannedEffect(name, kind, row.lhs, row.rhs, (), label, row.group, at))
    for definition in table.definitions:
        effects.append(PlannedEffect(definition.lhs, "defined", "", "", group=0, expression=definition.right))
    arrows, orders = [], []
    for group in range(1, table.n_groups + 1):
        of_group = {
            (row.lhs, row.rhs): at
            for at, row in enumerate(table.rows)
            if row.op == "~" and row.group == group and (row.free or row.fixed != 0)
        }
        order = causal_order(of_group, (*table.observed, *table.latent))
        arrows.append(of_group)
        orders.append(order)
        asked = [name for name in (order or (*table.observed, *table.latent)) if name not in covariates]
        effects += _derived(of_group, asked, bool(order), group, suffix(group))
        effects += [
            PlannedEffect(f"r2:{row.lhs}{suffix(group)}", "r2", row.lhs, "", group=group, row=at)
            for at, row in enumerate(table.rows)
            if row.op == "~~" and row.lhs == row.rhs and row.group == group
            if any(outcome == row.lhs for outcome, _ in of_group)
        ]
    effects += _contrasts([effect.name for effect in effects], contrasts)
    return EffectPlan(table, tuple(effects), tuple(arrows), tuple(orders))


def contrast_problems(spec: ModelSpec) -> list[Problem]:
    """What stands in the way of a model's contrasts, with the model's file; empty when all can be planned."""
    if not spec.contrasts:
        return []
    try:
        plan_effects(spec.table, spec.covariates, spec.contrasts)
    except UserError as error:
        return [replace(found, where=f"{spec.where}: {found.where}") for found in error.problems]
    return []


def _contrasts(known: Sequence[str], contrasts: Mapping[str, Mapping[str, float]]) -> list[PlannedEffect]:
    """Weighted sums of the effects known; every mistake at once."""
    place = {name: at for at, name in enumerate(known)}
    problems = [
        Problem(f"contrasts: {name}", f"the model has no effect `{effect}`", closest(effect, known))
        for name, weights in contrasts.items()
        for effect in weights
        if effect not in place
    ]
    problems += [
        Problem(f"contrasts: {name}", "an effect of the model has this name already", "Choose another name")
        for name in contrasts
        if name in place
    ]
    raise_if_any(problems)
    return [
        PlannedEffect(
            name,
            "contrast",
            "",
            "",
            group=0,
            terms=tuple((place[effect], float(weight)) for effect, weight in weights.items()),
        )
        for name, weights in contrasts.items()
    ]


def causal_order(arrows: Collection[tuple[str, str]], names: Sequence[str]) -> tuple[str, ...]:
    """Names such that every arrow (outcome, source) points forward, sources first; () when there is a loop."""
    sources: dict[str, list[str]] = {name: [] for name in names}
    for outcome, source in arrows:
        sources[outcome].append(source)
    try:
        return tuple(TopologicalSorter(sources).static_order())
    except CycleError:
        return ()


def _derived(
    arrows: Collection[tuple[str, str]], asked: Sequence[str], is_recursive: bool, group: int, suffix: str
) -> list[PlannedEffect]:
    """Direct, indirect and total effects among the variables asked about."""
    after: dict[str, list[str]] = {name: [] for name in asked}
    for outcome, source in arrows:
        if source in after and outcome in after:
            after[source].append(outcome)
    found: list[PlannedEffect] = []
    for source in asked:
        for outcome in asked:
            if outcome == source or not _reaches(after, source, outcome):
                continue
            pair = f"{source}->{outcome}"
            is_direct = outcome in after[source]
            if is_direct:
                found.append(
                    PlannedEffect(f"direct:{pair}{suffix}", "direct", outcome, source, (source, outcome), "", group)
                )
            indirect = [path for path in _paths(after, source, outcome) if len(path) > 2] if is_recursive else []
            if len(indirect) <= MOST_PATHS:
                found += [
                    PlannedEffect(f"indirect:{'->'.join(path)}{suffix}", "indirect", outcome, source, path, "", group)
                    for path in indirect
                ]
            if indirect or not is_recursive:
                found.append(
                    PlannedEffect(f"total_indirect:{pair}{suffix}", "total_indirect", outcome, source, group=group)
                )
            found.append(PlannedEffect(f"total:{pair}{suffix}", "total", outcome, source, group=group))
    return found


def _reaches(after: Mapping[str, Sequence[str]], source: str, outcome: str) -> bool:
    seen, waiting = set(), [source]
    while waiting:
        for name in after[waiting.pop()]:
            if name == outcome:
                return True
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return False


def _paths(after: Mapping[str, Sequence[str]], source: str, outcome: str) -> list[tuple[str, ...]]:
    """Every directed path, shorter detours first met first; one more than MOST_PATHS at most."""
    found: list[tuple[str, ...]] = []

    def walk(path: tuple[str, ...]) -> None:
        for name in after[path[-1]]:
            if len(found) > MOST_PATHS:
                return
            if name == outcome:
                found.append((*path, name))
            elif _reaches(after, name, outcome):
                walk((*path, name))

    walk((source,))
    return sorted(found, key=len)


def evaluate_plan(plan: EffectPlan, values: Array, standardised: Array) -> tuple[Array, Array]:
    """Every effect, and every effect of the standardised parameters.

    values        (rows, D)  value of each row of the table, in each of D draws
    standardised  (rows, D)  the same rows, standardised (std.all)
    returns       (e, D), (e, D)

    Indirect effects are products along their path, totals follow from all arrows, covariates' included. R2 is one less
    the standardised residual variance. A missing (NaN) parameter makes every effect that needs it NaN.
    """
    both = _walk(plan, np.concatenate([values, standardised], axis=1), np.concatenate([standardised] * 2, axis=1))
    draws = values.shape[1]
    return both[:, :draws], both[:, draws:]


def _walk(plan: EffectPlan, values: Array, standardised: Array) -> Array:
    result = np.empty((len(plan.effects), values.shape[1]))
    named = {name: values[at] for name, at in plan.table.first_rows().items()}
    named |= {row.label: values[at] for at, row in enumerate(plan.table.rows) if row.label and row.label not in named}
    totals = [_Totals(arrows, order, values) for arrows, order in zip(plan.arrows, plan.order, strict=True)]
    products: dict[tuple[int, tuple[str, ...]], Array] = {}

    def product(group: int, path: tuple[str, ...]) -> Array:
        key = (group, path)
        if key not in products:
            last = values[plan.arrows[group - 1][path[-1], path[-2]]]
            products[key] = last if len(path) == 2 else product(group, path[:-1]) * last
        return products[key]

    for at, effect in enumerate(plan.effects):
        if effect.kind == "r2":
            np.subtract(1.0, standardised[effect.row], out=result[at])
        elif effect.row >= 0:
            result[at] = values[effect.row]
        elif effect.expression is not None:
            named[effect.name] = result[at]
            result[at] = evaluate(effect.expression, named)
        elif effect.terms:
            result[at] = sum(weight * result[other] for other, weight in effect.terms)
        elif effect.path:
            result[at] = product(effect.group, effect.path)
        else:
            total = totals[effect.group - 1].total(effect.rhs, effect.lhs)
            row = plan.arrows[effect.group - 1].get((effect.lhs, effect.rhs))
            is_part = effect.kind == "total_indirect" and row is not None
            result[at] = total - values[row] if is_part and row is not None else total
    return result


class _Totals:
    """Total effects from one source at a time, each computed once."""

    def __init__(self, arrows: Mapping[tuple[str, str], int], order: tuple[str, ...], values: Array) -> None:
        self.arrows, self.order, self.values = arrows, order, values
        self.known: dict[str, dict[str, Array]] = {}

    def total(self, source: str, outcome: str) -> Array:
        if source not in self.known:
            self.known[source] = self._forward(source) if self.order else self._solved(source)
        return self.known[source][outcome]

    def _forward(self, source: str) -> dict[str, Array]:
        """Sums over all directed paths, by substitution in causal order."""
        reached: dict[str, Array] = {}
        into: dict[str, list[tuple[str, int]]] = {}
        for (outcome, cause), row in self.arrows.items():
            into.setdefault(outcome, []).append((cause, row))
        for outcome in self.order:
            for cause, row in into.get(outcome, ()):
                if cause == source:
                    part = self.values[row]
                elif cause in reached:
                    part = self.values[row] * reached[cause]
                else:
                    continue
                reached[outcome] = reached[outcome] + part if outcome in reached else part
        return reached

    def _solved(self, source: str) -> dict[str, Array]:
        """Sums over all paths round a loop: a column of (I - A)^-1 - I; NaN where a loop feeds itself fully."""
        names = sorted({name for arrow in self.arrows for name in arrow})
        place = {name: at for at, name in enumerate(names)}
        draws = self.values.shape[1]
        system = np.tile(np.eye(len(names)), (draws, 1, 1))
        for (outcome, cause), row in self.arrows.items():
            system[:, place[outcome], place[cause]] -= self.values[row]
        unit = np.eye(len(names))[:, [place[source]]]
        column = np.full((draws, len(names)), np.nan)
        finite = np.flatnonzero(np.isfinite(system).all(axis=(1, 2)))
        good = finite[np.linalg.cond(system[finite]) < 1 / np.finfo(float).eps]
        if good.size:
            column[good] = np.linalg.solve(system[good], np.broadcast_to(unit, (good.size, *unit.shape)))[:, :, 0]
        column[:, place[source]] -= 1
        return {name: column[:, at] for name, at in place.items()}
