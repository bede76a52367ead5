"""Multiple imputation with the bootstrap: resample first, impute within each draw, average over its imputations.

The order matters: docs/decisions has the page. Slow (about a second a draw): a check on full-information maximum
likelihood, not its replacement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.batched_moments import Scale, features, moments_of_sums
from kinechain.numerics.streams import CHUNK, Scheme, chunk_sizes, stream
from kinechain.parameter_table import ParameterTable
from kinechain.resampling.draws import ParameterDraws, join_parameters
from kinechain.resampling.recursive import RecursiveModel, parameters_of_moments
from kinechain.resampling.sampling import Design, chunk_weights

IMPUTATIONS = 5
"""Completed tables a draw is averaged over: the noise imputation leaves in a draw is then small beside resampling's."""

SWEEPS = 5
"""Rounds over all variables with gaps before a table is taken."""


@dataclass(frozen=True, slots=True)
class ImputationDrawer:
    """People resampled with their gaps, gaps filled by chained equations with predictive mean matching (statsmodels).

    X      (n, p)  the model's variables and, after them, any that only help to impute; gaps as NaN
    scale  of the model's variables, by what was observed
    draws  wanted in all: a chunk is filled no further, as a draw is dear
    """

    model: RecursiveModel
    design: Design
    X: Array
    scale: Scale
    draws: int

    @property
    def table(self) -> ParameterTable:
        return self.model.table

    @property
    def n(self) -> int:
        return int(np.isfinite(self.X[:, : len(self.model.names)]).any(axis=1).sum())

    @property
    def scheme(self) -> Scheme:
        return Scheme.IMPUTATION

    @property
    def method(self) -> str:
        return f"{self.design.in_words}, {IMPUTATIONS} imputations averaged in each draw"

    def draw(self, seed: int, cohort: str, chunks: Sequence[int]) -> Iterator[ParameterDraws]:
        """CHUNK draws for each chunk: people as in the bootstrap itself, so that draws compare with other models'."""
        for chunk in chunks:
            weights = chunk_weights(self.design, seed, cohort, chunk)
            rng = stream(seed, cohort, Scheme.IMPUTATION, chunk)
            wanted = chunk_sizes(self.draws)[chunk]
            people = (np.repeat(np.arange(len(self.X)), row.astype(np.intp)) for row in weights[:wanted])
            parts = [self._averaged(self.X[rows], rng, IMPUTATIONS) for rows in people]
            parts += [self._nothing()] * (CHUNK - wanted)
            yield join_parameters(parts)

    def _nothing(self) -> ParameterDraws:
        empty = np.full((len(self.table.rows), 1), np.nan)
        return ParameterDraws(empty, empty.copy(), np.array([True]))

    def sample(self) -> ParameterDraws:
        """The sample's own estimate, over many imputations from a stream of its own."""
        return self._averaged(self.X, stream(0, "", Scheme.IMPUTATION, 0), 10 * IMPUTATIONS)

    def leave_out(self) -> tuple[ParameterDraws, NDArray[np.intp] | None]:
        raise ValueError("leaving people out under imputation is not offered: use the percentile interval")

    def _averaged(self, X: Array, rng: np.random.Generator, imputations: int) -> ParameterDraws:
        """Parameters averaged over imputations of one table, as one draw; failed when it cannot be imputed."""
        p = len(self.model.names)
        try:
            tables = impute(X, rng, imputations)
        except (np.linalg.LinAlgError, ValueError):
            return self._nothing()
        sums = np.array([features(table[:, :p], self.scale).sum(axis=0) for table in tables]).T
        found = parameters_of_moments(self.model, moments_of_sums(sums, p), self.scale)
        return ParameterDraws(
            found.values.mean(axis=1, keepdims=True),
            found.standardised.mean(axis=1, keepdims=True),
            np.array([bool(found.failed.any())]),
        )


def impute(X: Array, rng: np.random.Generator, imputations: int) -> list[Array]:
    """Completed copies of a table (n, p) with gaps as NaN, one after another from one chain.

    statsmodels' chained equations: each variable given all others by least squares, values taken from the nearest
    observed people. A table without gaps comes back as it is.
    """
    import pandas as pd
    from statsmodels.imputation.mice import MICEData

    if np.isfinite(X).all():
        return [X] * imputations
    names = [f"v{k}" for k in range(X.shape[1])]
    chain = MICEData(pd.DataFrame(X, columns=names), rng=rng)
    tables = []
    for _ in range(imputations):
        chain.update_all(SWEEPS)
        tables.append(chain.data[names].to_numpy(np.float64, copy=True))
    return tables


def make_imputation_drawer(
    model: RecursiveModel, design: Design, X: Array, helpers: Array | None, draws: int
) -> ImputationDrawer:
    """A drawer for the model's variables X (n, p) and variables (n, h) that only help to impute."""
    scale = Scale(np.nanmean(X, axis=0), np.nanstd(X, axis=0))
    joined = X if helpers is None else np.column_stack([X, helpers])
    return ImputationDrawer(model, design, joined, scale, draws)
