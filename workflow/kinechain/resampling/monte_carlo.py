"""Monte Carlo draws: parameters from the normal law at their estimate, for any fit with a covariance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinechain.fit import Fit
from kinechain.numerics import Array
from kinechain.numerics.batched_newton import cell_values, imply
from kinechain.numerics.batched_wishart import wishart_moments
from kinechain.numerics.normal_law import symmetric_root
from kinechain.numerics.streams import CHUNK, Scheme, stream
from kinechain.parameter_table import ParameterTable
from kinechain.resampling.draws import ParameterDraws
from kinechain.resampling.newton import exogenous_cells, fitted, newton_model, standardise_cells
from kinechain.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class MonteCarloDrawer:
    """Parameters drawn under normality; nobody is resampled and nothing fitted again.

    fit   the sample's own
    root  (k, k)  times standard normal noise: draws of the parameters' errors

    Moments of exogenous variables that the model takes as given are drawn too, from their law under normality: they do
    not move paths, but standardised effects divide by them. The paths' errors do not depend on them.

    MacKinnon, Lockwood & Williams (2004), Multivariate Behavioral Research 39, 99-128.
    """

    fit: Fit
    root: Array

    @property
    def table(self) -> ParameterTable:
        return self.fit.table

    @property
    def n(self) -> int:
        return self.fit.n

    @property
    def scheme(self) -> Scheme:
        return Scheme.MONTE_CARLO

    @property
    def method(self) -> str:
        return "parameters drawn under normality at their estimate (nobody resampled)"

    def draw(self, seed: int, cohort: str, chunks: Sequence[int]) -> Iterator[ParameterDraws]:
        yield from (self._drawn(stream(seed, cohort, self.scheme, chunk)) for chunk in chunks)

    def _drawn(self, rng: np.random.Generator) -> ParameterDraws:
        theta = self.fit.estimates[:, None] + self.root @ rng.standard_normal((self.root.shape[1], CHUNK))
        return self._parameters(theta, rng)

    def sample(self) -> ParameterDraws:
        return self._parameters(self.fit.estimates[:, None], None)

    def leave_out(self) -> tuple[ParameterDraws, NDArray[np.intp] | None]:
        raise ValueError("nobody can be left out of parameters drawn under normality")

    def _parameters(self, theta: Array, rng: np.random.Generator | None) -> ParameterDraws:
        model = newton_model(self.fit)
        values, standardised = [], []
        groups = zip(model.rams, model.exogenous, self.fit.saturated, self.fit.rows.n_by_group, strict=True)
        with np.errstate(all="ignore"):
            for ram, which, (mean, covariance), n in groups:
                known = None
                if rng is not None and which.any():
                    spread = np.sqrt(np.diag(covariance))
                    drawn = wishart_moments(rng, covariance / np.outer(spread, spread), n, theta.shape[1])
                    s = spread[:, None]
                    raw = drawn.mean * s + np.asarray(mean)[:, None], drawn.covariance * (s[:, None] * s[None])
                    known = exogenous_cells(ram, which, raw)
                cells = cell_values(ram, theta, known)
                values.append(cells)
                standardised.append(standardise_cells(ram, cells, np.einsum("iid->id", imply(ram, cells).E)))
        raw_values, std = np.concatenate(values), np.concatenate(standardised)
        lost = np.asarray(~np.isfinite(raw_values).all(axis=0))
        return ParameterDraws(np.where(lost, np.nan, raw_values), np.where(lost, np.nan, std), lost)


def make_monte_carlo_drawer(spec: ModelSpec, data: Any) -> MonteCarloDrawer:
    """A drawer from the sample's own fit. Raises UserError where it has no numbers."""
    fit = fitted(spec, data)
    return MonteCarloDrawer(fit, symmetric_root(fit.covariance))
