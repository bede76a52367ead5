"""The estimator itself, applied to each resample: for models that no faster way fits exactly.

Ordered outcomes by weighted least squares, equations with families of their own, and models whose parameters are held
by constraints or bounds. A draw that the estimator refuses (an empty class, a covariate without variation) or does not
finish counts as failed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kinechain.errors import Problem, UserError
from kinechain.estimators import fit_model
from kinechain.fit import Fit
from kinechain.links import effects_across_links
from kinechain.numerics import Array
from kinechain.numerics.batched_moments import MomentDraws, Scale
from kinechain.numerics.moments import Moments
from kinechain.numerics.streams import CHUNK, Scheme
from kinechain.parameter_table import ParameterTable
from kinechain.resampling.draws import ParameterDraws
from kinechain.resampling.sampling import Design, chunk_weights
from kinechain.solution import solve_rows, standardise_rows
from kinechain.spec import ModelSpec

if TYPE_CHECKING:
    from kinechain.effect_plan import EffectPlan


def needs_refit(spec: ModelSpec) -> bool:
    """Whether a model's draws must be fitted by its own estimator."""
    is_held = any(math.isfinite(row.lower) or math.isfinite(row.upper) for row in spec.table.rows)
    return spec.estimator not in ("ml", "mlr") or bool(spec.table.constraints) or is_held


@dataclass(frozen=True, slots=True)
class RefitDrawer:
    """People resampled, the model fitted anew in each draw.

    spec     the model
    fit      the sample's own
    design   how people are resampled
    X        (N, p)  observed variables, gaps as NaN
    groups   (N,)    group of each row as text, None for one group
    draws    draws wanted in all: those of the last chunk that nobody asked for are not fitted
    """

    spec: ModelSpec
    fit: Fit
    design: Design
    X: Array
    groups: NDArray[np.generic] | None
    draws: int

    @property
    def table(self) -> ParameterTable:
        return self.fit.table

    @property
    def n(self) -> int:
        return self.fit.n

    @property
    def scheme(self) -> Scheme:
        return self.design.scheme

    @property
    def method(self) -> str:
        return f"{self.design.in_words}, fitted anew in each draw"

    def undefined(self, plan: EffectPlan) -> list[int]:
        """Places of the effects that do not exist on the outcome's own scale: they cross a link."""
        absent = effects_across_links(plan, self.fit.links)
        return [at for at, effect in enumerate(plan.effects) if effect.name in absent]

    def draw(self, seed: int, cohort: str, chunks: Sequence[int]) -> Iterator[ParameterDraws]:
        for chunk in chunks:
            weights = chunk_weights(self.design, seed, cohort, chunk)
            yield self._fitted(weights[: max(self.draws - chunk * CHUNK, 0)], CHUNK)

    def sample(self) -> ParameterDraws:
        return _collect([_values_of(self.fit)], len(self.table.rows))

    def leave_out(self) -> tuple[ParameterDraws, NDArray[np.intp] | None]:
        kept = self._used()
        units = self.design.cluster if self.design.cluster is not None else np.arange(self.design.n)
        weights = (units != np.unique(units[kept])[:, None]).astype(float)
        return self._fitted(weights, len(weights)), self.design.stratum_of(kept)

    def _used(self) -> NDArray[np.bool_]:
        """Rows that take part in the sample's own fit."""
        seen = np.isfinite(self.X)
        if self.groups is not None:
            seen = seen & (self.groups != "")[:, None]
        if self.spec.missing == "fiml":
            given = [at for at, name in enumerate(self.table.observed) if name in self.fit.rows.fixed]
            return np.asarray(seen.any(axis=1) & seen[:, given].all(axis=1))
        return np.asarray(seen.all(axis=1))

    def _fitted(self, weights: Array, size: int) -> ParameterDraws:
        found = [self._refit(counts) for counts in np.rint(weights).astype(np.intp)]
        return _collect([*found, *[None] * (size - len(found))], len(self.table.rows))

    def _refit(self, counts: NDArray[np.intp]) -> tuple[Array, Array] | None:
        # groups are numbered as they appear: rows of one group stay together, in the sample's order of groups
        order = np.arange(len(counts))
        if self.groups is not None:
            place = {label: at for at, label in enumerate(self.fit.rows.group_labels)}
            order = np.argsort([place.get(str(label), len(place)) for label in self.groups], kind="stable")
        rows = np.repeat(order, counts[order])
        data: dict[str, Any] = {name: self.X[rows, at] for at, name in enumerate(self.spec.table.observed)}
        options = self.spec.options
        if self.groups is not None:
            data[options.group] = np.array([str(label) or None for label in self.groups[rows]], dtype=object)
        if options.cluster and self.design.cluster is not None:
            # each copy of a cluster is a cluster of its own
            first = np.concatenate([[0], np.cumsum(counts[order])[:-1]])
            copy = np.arange(len(rows)) - np.repeat(first, counts[order])
            data[options.cluster] = self.design.cluster[rows] + copy * (int(self.design.cluster.max()) + 1)
        return _values_or_none(self.spec, self.table, data)


def _values_or_none(spec: ModelSpec, table: ParameterTable, data: Any) -> tuple[Array, Array] | None:
    """Raw and standardised value of each row; None where there is no fit, or one of another table."""
    try:
        fit = fit_model(spec, data)
    except (UserError, np.linalg.LinAlgError):
        return None
    names = [(row.lhs, row.op, row.rhs, row.group) for row in fit.table.rows]
    if not fit.status.has_numbers or names != [(row.lhs, row.op, row.rhs, row.group) for row in table.rows]:
        return None
    return _values_of(fit)


def _values_of(fit: Fit) -> tuple[Array, Array]:
    solution = solve_rows(fit)
    return solution.values, standardise_rows(fit.table, solution, "all")[0]


def _collect(found: Sequence[tuple[Array, Array] | None], n_rows: int) -> ParameterDraws:
    values, standardised = np.full((n_rows, len(found)), np.nan), np.full((n_rows, len(found)), np.nan)
    for at, pair in enumerate(found):
        if pair is not None:
            values[:, at], standardised[:, at] = pair
    return ParameterDraws(values, standardised, np.array([pair is None for pair in found], dtype=np.bool_))


def make_refit_drawer(
    spec: ModelSpec, data: Any, X: Array, design: Design, groups: NDArray[np.generic] | None, draws: int
) -> RefitDrawer:
    """A drawer for people, whatever the estimator.

    draws   wanted in all
    X       (N, p)  the model's observed variables, gaps as NaN
    groups  (N,)    group of each row as text, "" where it is missing; None for one group

    Raises UserError where the sample's own fit has no numbers, or where clusters are modelled and not resampled.
    """
    if spec.options.cluster and design.cluster is None:
        what = f"`{spec.options.cluster}` holds people who are alike, so that people cannot be drawn one by one"
        raise UserError(Problem(spec.where, what, "Draw whole clusters"))
    return RefitDrawer(spec, fitted_sample(spec, data), design, X, groups, draws)


def fitted_sample(spec: ModelSpec, data: Any) -> Fit:
    """The sample's own fit. Raises UserError where it has no numbers."""
    fit = fit_model(spec, data)
    if not fit.status.has_numbers:
        raise UserError(Problem(spec.where, "the sample's own fit did not converge", fit.status.value))
    return fit


def refit_moments(spec: ModelSpec, data: Moments) -> tuple[partial[ParameterDraws], ParameterTable]:
    """A fit of drawn moments by the model's own estimator, and its table."""
    table = fitted_sample(spec, data).table
    return partial(_fit_moments, spec, table), table


def _fit_moments(spec: ModelSpec, table: ParameterTable, moments: MomentDraws, scale: Scale) -> ParameterDraws:
    s, names = scale.spread, spec.table.observed
    found = [
        _values_or_none(
            spec,
            table,
            Moments(
                names,
                moments.mean[:, at] * s + scale.centre,
                moments.covariance[:, :, at] * np.outer(s, s),
                round(float(n)),
            ),
        )
        for at, n in enumerate(moments.n)
    ]
    return _collect(found, len(table.rows))
