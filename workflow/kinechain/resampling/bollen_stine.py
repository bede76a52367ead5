"""Test of fit by the Bollen-Stine bootstrap: how often people from a world in which the model holds fit this badly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kinechain.errors import Problem, UserError
from kinechain.fit import Fit
from kinechain.numerics import Array
from kinechain.numerics.batched_moments import MomentDraws, Scale, moments_of_sums
from kinechain.numerics.batched_newton import imply
from kinechain.numerics.normal_law import symmetric_root
from kinechain.numerics.ram import imply_moments
from kinechain.numerics.streams import CHUNK, Scheme, chunk_sizes
from kinechain.resampling.drawer import MomentFit
from kinechain.resampling.drawing import columns
from kinechain.resampling.draws import MOST_FAILED
from kinechain.resampling.newton import fitted, newton_model, newton_moment_fit, raw_moments
from kinechain.resampling.recursive import parameters_of_moments, recursive_model
from kinechain.resampling.sampling import chunk_sums, make_design, make_features, sample_sums, unit_features
from kinechain.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class FitTest:
    """Result of the test.

    chisq      likelihood-ratio statistic of the sample
    df         its degrees of freedom
    p_value    share of draws whose statistic is at least as large, (1 + count) / (1 + draws); NaN when too many failed
    mc_error   standard error of p_value from the finite number of draws
    statistics (B,) of the draws, NaN where one failed
    """

    chisq: float
    df: int
    p_value: float
    mc_error: float
    statistics: Array
    failed: int


def bootstrap_fit_test(
    spec: ModelSpec, data: Mapping[str, Any] | pd.DataFrame, *, seed: int, draws: int = 2000, cohort: str = ""
) -> FitTest:
    """The Bollen-Stine test of one model of one group.

    data  columns by name; rows with a gap in a variable of the model are left out

    The data are turned so that their covariances are those the model implies, then resampled; the model is fitted anew
    in each draw. Raises UserError for several groups, or a model that leaves nothing to test.

    Bollen & Stine (1992), Sociological Methods & Research 21, 205-229, eq. 19.
    """
    if spec.options.group:
        raise UserError(Problem(spec.where, "the Bollen-Stine test is for one group", "Test each group alone"))
    fit = fitted(spec, data)
    names = fit.table.observed
    X = columns(data, names)
    X = X[np.isfinite(X).all(axis=1)]
    df = round(float(fit.measures.get("df", 0)))
    if df < 1:
        raise UserError(Problem(spec.where, "the model reproduces every covariance: there is nothing to test"))
    turned = turn(X, fit)
    source, design = make_features(turned), make_design(Scheme.BOLLEN_STINE, len(turned), where=spec.where)
    own = moments_of_sums(sample_sums(source), len(names))
    model = recursive_model(spec.table)
    refit: MomentFit
    if model is not None:
        refit = partial(parameters_of_moments, model)
    else:
        held_data = dict(zip(names, turned.T, strict=True))
        refit, _ = newton_moment_fit(spec, held_data, own, source.scale)
    held = unit_features(source, design)
    parts = []
    for chunk, size in enumerate(chunk_sizes(draws)):
        sums = chunk_sums(source, design, held, seed, cohort, [chunk])
        parts.append(statistics_of(fit, refit, moments_of_sums(sums, len(names)), source.scale)[:size])
        assert size <= CHUNK
    statistics = np.concatenate(parts)
    used = np.isfinite(statistics)
    chisq = float(fit.measures["chisq"])
    p_value = (1 + float((statistics[used] >= chisq).sum())) / (1 + used.sum())
    failed = int((~used).sum())
    if failed > MOST_FAILED * draws:
        p_value = np.nan
    error = float(np.sqrt(p_value * (1 - p_value) / max(used.sum(), 1)))
    return FitTest(chisq, df, float(p_value), error, statistics, failed)


def turn(X: Array, fit: Fit) -> Array:
    """Data (n, p) whose covariances are those the fit implies: centred, turned by roots of S and Sigma; means kept."""
    (group,) = fit.groups
    Sigma = imply_moments(group.ram, fit.estimates).Sigma
    centred = X - X.mean(axis=0)
    S = centred.T @ centred / len(X)
    return np.asarray(X.mean(axis=0) + centred @ np.linalg.inv(symmetric_root(S)).T @ symmetric_root(Sigma).T)


def statistics_of(fit: Fit, refit: MomentFit, moments: MomentDraws, scale: Scale) -> Array:
    """Likelihood-ratio statistic of every draw (D,), NaN where the model could not be fitted."""
    model = newton_model(fit)
    parameters = refit(moments, scale)
    mean, covariance = raw_moments(moments, scale)
    spread = scale.spread[:, None]
    with np.errstate(all="ignore"):
        implied = imply(model.rams[0], parameters.values[: model.rams[0].free.size])
        Sigma = (implied.Sigma / (spread[:, None] * spread[None])).transpose(2, 0, 1)
        S = (covariance / (spread[:, None] * spread[None])).transpose(2, 0, 1)
        good = np.isfinite(Sigma).all(axis=(1, 2))
        statistics = np.full(good.size, np.nan)
        if good.any():
            W = np.linalg.inv(Sigma[good])
            discrepancy = np.linalg.slogdet(Sigma[good])[1] - np.linalg.slogdet(S[good])[1]
            discrepancy += np.einsum("dij,dji->d", W, S[good]) - S.shape[1]
            if model.rams[0].means:
                off = ((mean - implied.mu) / spread).T[good]
                discrepancy += np.einsum("di,dij,dj->d", off, W, off)
            statistics[good] = moments.n[good] * discrepancy
    return statistics
