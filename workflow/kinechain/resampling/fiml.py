"""Recursive path models with missing values: draws by maximum likelihood on all that was observed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from kinechain.errors import Problem, UserError
from kinechain.numerics import Array
from kinechain.numerics.batched_fiml import (
    Patterns,
    SampleFit,
    expected_features,
    find_patterns,
    fit_draws,
    fit_sample,
    pattern_sums,
)
from kinechain.numerics.batched_moments import MomentDraws, Scale
from kinechain.numerics.streams import CHUNK, Scheme
from kinechain.parameter_table import ParameterTable
from kinechain.resampling.draws import ParameterDraws, join_parameters
from kinechain.resampling.recursive import RecursiveModel, parameters_of_moments
from kinechain.resampling.sampling import TILED_FROM, Design, weight_blocks


@dataclass(frozen=True, slots=True)
class FimlDrawer:
    """People resampled with their gaps.

    Z         (n, p)  standardised variables of the model, gaps as NaN
    scale     by which they were standardised: means and deviations of what was observed
    patterns  people by what is missing; those outside take no part
    fit       the sample's own maximum
    """

    model: RecursiveModel
    design: Design
    Z: Array
    scale: Scale
    patterns: Patterns
    fit: SampleFit

    @property
    def table(self) -> ParameterTable:
        return self.model.table

    @property
    def n(self) -> int:
        return int(self.patterns.order.size)

    @property
    def scheme(self) -> Scheme:
        return self.design.scheme

    @property
    def method(self) -> str:
        return f"{self.design.in_words}, full-information maximum likelihood in each draw"

    def draw(self, seed: int, cohort: str, chunks: Sequence[int]) -> Iterator[ParameterDraws]:
        is_small = self.Z.shape[0] < TILED_FROM
        expected = expected_features(self.Z, self.patterns, self.fit) if is_small else None
        yield from (self._drawn(seed, cohort, chunk, expected) for chunk in chunks)

    def _drawn(self, seed: int, cohort: str, chunk: int, expected: Array | None) -> ParameterDraws:
        blocks = weight_blocks(self.design, seed, cohort, chunk)
        if expected is not None:
            (_, weights), *_ = blocks
            return self._fitted(weights, expected)
        sums = reduce(add, (pattern_sums(self.Z, self.patterns, weights, rows) for rows, weights in blocks))
        return self._parameters(*fit_draws(sums, self.model.equations, self.fit))

    def _fitted(self, weights: Array, expected: Array) -> ParameterDraws:
        sums = pattern_sums(self.Z, self.patterns, weights)
        return self._parameters(*fit_draws(sums, self.model.equations, self.fit, expected.T @ weights.T))

    def _parameters(self, moments: MomentDraws, failed: NDArray[np.bool_]) -> ParameterDraws:
        found = parameters_of_moments(self.model, moments, self.scale)
        lost = found.failed | failed
        return ParameterDraws(np.where(lost, np.nan, found.values), np.where(lost, np.nan, found.standardised), lost)

    def sample(self) -> ParameterDraws:
        return self._parameters(*fit_draws(self.fit.sums, self.model.equations, self.fit))

    def leave_out(self) -> tuple[ParameterDraws, NDArray[np.intp] | None]:
        expected = expected_features(self.Z, self.patterns, self.fit)
        kept = np.zeros(self.Z.shape[0], bool)
        kept[self.patterns.order] = True
        units = self.design.cluster if self.design.cluster is not None else np.arange(self.Z.shape[0])
        numbers = np.unique(units[kept])
        parts = []
        for start in range(0, numbers.size, CHUNK):
            left_out = numbers[start : start + CHUNK]
            parts.append(self._fitted((units != left_out[:, None]).astype(float), expected))
        return join_parameters(parts), self.design.stratum_of(kept)


def make_fiml_drawer(model: RecursiveModel, design: Design, X: Array, where: str) -> FimlDrawer:
    """A drawer for data (n, p) with gaps.

    Rows that lack a variable whose moments are taken as given (`fixed_x`) take no part, as in the estimate itself.
    Raises UserError when a variable was never observed, or when the model is not identified by what was.
    """
    fixed = [at for at, name in enumerate(model.names) if any(row.exo and row.lhs == name for row in model.table.rows)]
    usable = X.copy()
    usable[~np.isfinite(X[:, fixed]).all(axis=1)] = np.nan
    seen = np.isfinite(usable)
    never = [name for name, count in zip(model.names, seen.sum(axis=0), strict=True) if count < 2]
    if never:
        raise UserError(
            *(Problem(where, f"`{name}` was observed in fewer than two people", "Leave it out") for name in never)
        )
    with np.errstate(invalid="ignore"):
        centre, spread = np.nanmean(usable, axis=0), np.nanstd(usable, axis=0)
    scale = Scale(centre, np.where(spread > 0, spread, 1.0))
    Z = (usable - scale.centre) / scale.spread
    patterns = find_patterns(Z)
    fit = fit_sample(pattern_sums(Z, patterns, np.ones((1, Z.shape[0]))), model.equations)
    if fit is None:
        raise UserError(
            Problem(
                where,
                "these patterns of missing values do not identify the model: maximum likelihood does not settle",
                "Leave out a variable that is rarely observed together with the others",
            )
        )
    return FimlDrawer(model, design, Z, scale, patterns, fit)
