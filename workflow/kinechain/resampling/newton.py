"""Models without a closed form: draws searched from the sample's estimate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinechain.errors import Problem, UserError
from kinechain.estimators import fit_model
from kinechain.fit import Fit
from kinechain.numerics import Array
from kinechain.numerics.batched_fiml import Patterns, PatternSums, complete_moments, find_patterns, pattern_sums
from kinechain.numerics.batched_moments import MomentDraws, Scale
from kinechain.numerics.batched_newton import (
    GroupDraws,
    SampleOptimum,
    cell_values,
    imply,
    search_draws,
    settle_sample,
)
from kinechain.numerics.ram import Part, Ram
from kinechain.numerics.streams import CHUNK, Scheme
from kinechain.parameter_table import ParameterTable
from kinechain.resampling.draws import ParameterDraws, join_parameters
from kinechain.resampling.sampling import Design, weight_blocks
from kinechain.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class GroupPeople:
    """People of one group.

    Z         (N, p)  standardised variables, gaps as NaN; rows of other groups, and rows left out, are all NaN
    scale     by which they were standardised
    patterns  people by what is missing
    """

    Z: Array
    scale: Scale
    patterns: Patterns


@dataclass(frozen=True, slots=True)
class NewtonModel:
    """A model, and the sample's optimum in it.

    table      rows of all groups, group after group
    rams       where parameters stand in each group
    exogenous  for each group, the cells that hold moments of exogenous variables taken as given
    """

    table: ParameterTable
    rams: tuple[Ram, ...]
    exogenous: tuple[NDArray[np.bool_], ...]
    optimum: SampleOptimum


def exogenous_cells(ram: Ram, is_exogenous: NDArray[np.bool_], moments: tuple[Array, Array]) -> Array | None:
    """Moments of exogenous variables (c, D) in the data's own units, NaN in the other cells."""
    if not is_exogenous.any():
        return None
    mean, covariance = moments
    cells = np.full((ram.free.size, mean.shape[1]), np.nan)
    for at in np.flatnonzero(is_exogenous):
        cells[at] = mean[ram.row[at]] if ram.part[at] == Part.M else covariance[ram.row[at], ram.column[at]]
    return cells


def raw_moments(moments: MomentDraws, scale: Scale) -> tuple[Array, Array]:
    """Means and covariances in the variables' own units."""
    s = scale.spread[:, None]
    return moments.mean * s + scale.centre[:, None], moments.covariance * (s[:, None] * s[None])


def complete_group(moments: MomentDraws, scale: Scale) -> GroupDraws:
    """A group without gaps."""
    mean, covariance = raw_moments(moments, scale)
    return _known_group(moments.n, mean, covariance)


def _known_group(n: Array, mean: Array, covariance: Array) -> GroupDraws:
    def take(which: NDArray[np.intp]) -> GroupDraws:
        return _known_group(n[which], mean[:, which], covariance[:, :, which])

    return GroupDraws(n, lambda mu, Sigma: (mean, covariance), take)  # noqa: ARG005 -- complete data ask no model


def partial_group(sums: PatternSums, scale: Scale) -> GroupDraws:
    """A group with gaps, completed under the model at each step."""
    s, centre = scale.spread[:, None], scale.centre[:, None]

    def moments(mu: Array, Sigma: Array) -> tuple[Array, Array]:
        return raw_moments(complete_moments(sums, (mu - centre) / s, Sigma / (s[:, None] * s[None])), scale)

    return GroupDraws(sums.n, moments, lambda which: partial_group(sums.take(which), scale))


def parameters_of_groups(
    model: NewtonModel, groups: tuple[GroupDraws, ...], exogenous: tuple[Array | None, ...]
) -> ParameterDraws:
    """Every row of the table in every draw.

    groups     the draws' moments, one entry a group of people
    exogenous  of each group the moments of its fixed causes, None where the model has none

    A draw whose search failed is NaN in every row and marked as failed.
    """
    theta, failed = search_draws(model.rams, groups, exogenous, model.optimum)
    values, standardised = [], []
    with np.errstate(all="ignore"):
        for ram, known in zip(model.rams, exogenous, strict=True):
            cells = cell_values(ram, theta, known)
            variances = np.einsum("iid->id", imply(ram, cells).E)
            values.append(cells)
            standardised.append(standardise_cells(ram, cells, variances))
    raw, std = np.concatenate(values), np.concatenate(standardised)
    lost = failed | ~np.isfinite(raw).all(axis=0)
    return ParameterDraws(np.where(lost, np.nan, raw), np.where(lost, np.nan, std), lost)


def standardise_cells(ram: Ram, cells: Array, variances: Array) -> Array:
    """Cells over the deviations of all variables (std.all); a residual covariance becomes a residual correlation."""
    deviation = np.sqrt(np.abs(variances))
    residual = np.sqrt(np.abs(variances))
    at = np.flatnonzero((ram.part == Part.S) & (ram.row == ram.column))
    residual[ram.row[at]] = np.sqrt(np.abs(cells[at]))
    result = cells.copy()
    for k, (part, i, j) in enumerate(zip(ram.part, ram.row, ram.column, strict=True)):
        if part == Part.A:
            result[k] = cells[k] * deviation[j] / deviation[i]
        elif part == Part.S and i == j:
            result[k] = cells[k] / variances[i]
        elif part == Part.S:
            result[k] = cells[k] / (residual[i] * residual[j])
        elif part == Part.M:
            result[k] = cells[k] / deviation[i]
    return result


@dataclass(frozen=True, slots=True)
class NewtonDrawer:
    """People resampled, for any model with a likelihood."""

    model: NewtonModel
    design: Design
    people: tuple[GroupPeople, ...]

    @property
    def table(self) -> ParameterTable:
        return self.model.table

    @property
    def n(self) -> int:
        return sum(int(group.patterns.order.size) for group in self.people)

    @property
    def scheme(self) -> Scheme:
        return self.design.scheme

    @property
    def method(self) -> str:
        return f"{self.design.in_words}, likelihood maximised in each draw"

    def draw(self, seed: int, cohort: str, chunks: Sequence[int]) -> Iterator[ParameterDraws]:
        yield from (self._drawn(seed, cohort, chunk) for chunk in chunks)

    def _drawn(self, seed: int, cohort: str, chunk: int) -> ParameterDraws:
        sums: list[PatternSums] | None = None
        for rows, weights in weight_blocks(self.design, seed, cohort, chunk):
            own = [pattern_sums(group.Z, group.patterns, weights, rows) for group in self.people]
            sums = own if sums is None else list(map(add, sums, own))
        assert sums is not None
        return self._fitted(sums)

    def _fitted(self, sums: Sequence[PatternSums]) -> ParameterDraws:
        groups = tuple(group_of_sums(own, group.scale) for own, group in zip(sums, self.people, strict=True))
        return parameters_of_groups(self.model, groups, known_moments(self.model, sums, self.people))

    def sample(self) -> ParameterDraws:
        return self._fitted(sample_sums_of(self.people))

    def leave_out(self) -> tuple[ParameterDraws, NDArray[np.intp] | None]:
        n = self.people[0].Z.shape[0]
        kept = reduce(np.logical_or, (np.isin(np.arange(n), group.patterns.order) for group in self.people))
        units = self.design.cluster if self.design.cluster is not None else np.arange(n)
        numbers = np.unique(units[kept])
        parts = []
        for start in range(0, numbers.size, CHUNK):
            weights = (units != numbers[start : start + CHUNK, None]).astype(float)
            parts.append(self._fitted([pattern_sums(group.Z, group.patterns, weights) for group in self.people]))
        return join_parameters(parts), self.design.stratum_of(kept)


def sample_sums_of(people: tuple[GroupPeople, ...]) -> list[PatternSums]:
    """Each group's sums in the sample itself."""
    everyone = np.ones((1, people[0].Z.shape[0]))
    return [pattern_sums(group.Z, group.patterns, everyone) for group in people]


def _moments_of_known(sums: PatternSums) -> MomentDraws:
    """Moments of what is observed; right for variables without gaps."""
    with np.errstate(all="ignore"):
        mean = sums.known[1:, 0] / sums.n
        return MomentDraws(mean, sums.known[1:, 1:] / sums.n - mean[:, None] * mean[None], sums.n)


def group_of_sums(sums: PatternSums, scale: Scale) -> GroupDraws:
    """A group from its sums, completed at each step only where it has gaps."""
    return partial_group(sums, scale) if sums.partial else complete_group(_moments_of_known(sums), scale)


def known_moments(
    model: NewtonModel, sums: Sequence[PatternSums], people: tuple[GroupPeople, ...]
) -> tuple[Array | None, ...]:
    """Moments of the exogenous variables taken as given, which have no gaps, in every draw."""
    return tuple(
        exogenous_cells(ram, which, raw_moments(_moments_of_known(own), group.scale))
        for ram, which, own, group in zip(model.rams, model.exogenous, sums, people, strict=True)
    )


def make_newton_drawer(
    spec: ModelSpec, data: Any, X: Array, design: Design, groups: NDArray[np.generic] | None
) -> NewtonDrawer:
    """A drawer for people, whatever the model.

    X       (N, p)  the model's observed variables, gaps as NaN
    groups  (N,)    group of each row as text, None where it is missing; None for one group

    Raises UserError where the sample itself has no maximum, with the reason the fit gives.
    """
    fit = fitted(spec, data)
    table = fit.table
    fixed = [at for at, name in enumerate(table.observed) if name in table.exogenous and spec.options.fixed_x]
    people = []
    for label in fit.rows.group_labels:
        own = X.copy()
        if groups is not None and len(fit.rows.group_labels) > 1:
            own[groups != label] = np.nan
        unusable = ~np.isfinite(X[:, fixed]).all(axis=1)
        if spec.missing != "fiml":
            unusable |= ~np.isfinite(X).all(axis=1)
        own[unusable] = np.nan
        scale = Scale(np.nanmean(own, axis=0), np.nanstd(own, axis=0))
        Z = (own - scale.centre) / scale.spread
        people.append(GroupPeople(Z, scale, find_patterns(Z)))
    model = newton_model(fit)
    sums = sample_sums_of(tuple(people))
    of_groups = tuple(group_of_sums(own, group.scale) for own, group in zip(sums, people, strict=True))
    optimum = settle_sample(model.rams, fit.estimates, of_groups, known_moments(model, sums, tuple(people)))
    return NewtonDrawer(_settled(model, optimum, spec), design, tuple(people))


def fitted(spec: ModelSpec, data: Any) -> Fit:
    """The sample's fit. Raises UserError where it has none to draw round."""
    fit = fit_model(spec, data)
    if not fit.status.has_numbers:
        raise UserError(Problem(spec.where, "the sample's own fit did not converge", fit.status.value))
    return fit


def newton_model(fit: Fit) -> NewtonModel:
    """The fit as a model to draw from; its optimum is still to be settled."""
    rams = tuple(group.ram for group in fit.groups)
    exo = np.array([row.exo for row in fit.table.rows])
    ends = np.cumsum([ram.free.size for ram in rams])
    exogenous = tuple(exo[end - ram.free.size : end] for ram, end in zip(rams, ends, strict=True))
    empty = np.zeros((0, 0))
    return NewtonModel(fit.table, rams, exogenous, SampleOptimum(fit.estimates, empty, fit.estimates))


def _settled(model: NewtonModel, optimum: SampleOptimum | None, spec: ModelSpec) -> NewtonModel:
    if optimum is None:
        raise UserError(
            Problem(spec.where, "the likelihood is flat at the estimate: there is nothing to draw round", "Simplify it")
        )
    return NewtonModel(model.table, model.rams, model.exogenous, optimum)


def newton_moment_fit(
    spec: ModelSpec, data: Any, moments: MomentDraws, scale: Scale
) -> tuple[partial[ParameterDraws], ParameterTable]:
    """A fit of moments (draws of them) and its table, for one group whose people are not at hand.

    moments  the sample's own (D = 1)
    """
    fit = fitted(spec, data)
    model = newton_model(fit)
    known = exogenous_cells(model.rams[0], model.exogenous[0], raw_moments(moments, scale))
    optimum = settle_sample(model.rams, fit.estimates, (complete_group(moments, scale),), (known,))
    return partial(_fit_moments, _settled(model, optimum, spec)), model.table


def _fit_moments(model: NewtonModel, moments: MomentDraws, scale: Scale) -> ParameterDraws:
    known = exogenous_cells(model.rams[0], model.exogenous[0], raw_moments(moments, scale))
    return parameters_of_groups(model, (complete_group(moments, scale),), (known,))
