"""Fit measures of a normal model, under lavaan's names."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.fit_indices import (
    beyond_rounding,
    comparative_fit,
    p_of_chisq,
    rmsea_of,
    root_mean_square_residual,
    tucker_lewis,
)
from kinechain.numerics.likelihood import Patterns, log_likelihood, observed_information, saturated_value
from kinechain.numerics.model import saturated_moments
from kinechain.numerics.ram import Index
from kinechain.numerics.robust import saturated_derivatives


@dataclass(frozen=True, slots=True)
class Scaling:
    """Traces that scale the statistics of the model and of the baseline (each is divided by its degrees of freedom)."""

    model: float
    baseline: float


@dataclass(frozen=True, slots=True)
class TestInputs:
    """What the measures are made of.

    patterns         data of each group
    saturated        unrestricted (mean, covariance) of each group
    saturated_value  its log-likelihood
    implied          model's (mean, covariance) of each group
    value            its log-likelihood
    exogenous        positions of the exogenous variables, whose covariances the baseline keeps
    fixed            positions of those whose moments are given, and whose likelihood does not count
    directions       (k, f) orthonormal directions that constraints leave open
    scaling          traces of the scaled statistic, None when it is not asked for
    second, first_order, deltas  for missing data: information of each group about its unrestricted moments, and the
                     derivatives of those moments by the free parameters
    """

    patterns: tuple[Patterns, ...]
    saturated: tuple[tuple[Array, Array], ...]
    saturated_value: float
    implied: tuple[tuple[Array, Array], ...]
    value: float
    n_parameters: int
    n_moments: int
    exogenous: Index
    fixed: Index
    with_means: bool
    directions: Array
    scaling: Scaling | None
    second: tuple[Array, ...]
    first_order: tuple[Array, ...]
    deltas: tuple[Array, ...]

    @property
    def n(self) -> int:
        return sum(data.n_people for data in self.patterns)


def measure_fit(inputs: TestInputs) -> dict[str, float]:
    """All fit measures, under lavaan's names with `_` for `.`; NaN where one does not exist."""
    n, n_groups = inputs.n, len(inputs.patterns)
    fixed_value = sum(_value_of_part(data, inputs.fixed) for data in inputs.patterns)
    logl, unrestricted = inputs.value - fixed_value, inputs.saturated_value - fixed_value
    misfit = beyond_rounding(inputs.saturated_value, inputs.value)
    chisq, df = max(2.0 * misfit, 0.0), inputs.n_moments - inputs.n_parameters
    baseline_value, baseline_df = 0.0, 0
    for data, (mean, covariance) in zip(inputs.patterns, inputs.saturated, strict=True):
        mu, Sigma = independence_moments(data, mean, covariance, inputs.exogenous)
        as_given = Patterns(data.observed, data.n, mu[None], Sigma[None])
        baseline_value += saturated_value(as_given) if data.is_complete else log_likelihood(data, mu, Sigma).value
        p, x = len(mu), len(inputs.exogenous)
        baseline_df += p * (p - 1) // 2 - x * (x - 1) // 2
    baseline = 2.0 * (inputs.saturated_value - baseline_value)
    error = rmsea_of(chisq, df, n, n_groups)
    npar = inputs.n_parameters
    measures = {
        "npar": float(npar),
        "fmin": chisq / (2.0 * n),
        "chisq": chisq,
        "df": float(df),
        "pvalue": p_of_chisq(chisq, df),
        "baseline_chisq": baseline,
        "baseline_df": float(baseline_df),
        "baseline_pvalue": p_of_chisq(baseline, baseline_df),
        "cfi": comparative_fit(chisq, df, baseline, baseline_df),
        "tli": tucker_lewis(chisq, df, baseline, baseline_df),
        "logl": logl,
        "unrestricted_logl": unrestricted,
        "aic": -2.0 * logl + 2.0 * npar,
        "bic": -2.0 * logl + npar * math.log(n),
        "ntotal": float(n),
        "bic2": -2.0 * logl + npar * math.log((n + 2.0) / 24.0),
        "rmsea": error.value,
        "rmsea_ci_lower": error.low,
        "rmsea_ci_upper": error.high,
        "rmsea_pvalue": error.p_close,
        "srmr": root_mean_square_residual(
            [(*seen, *implied) for seen, implied in zip(inputs.saturated, inputs.implied, strict=True)],
            [data.n_people for data in inputs.patterns],
            with_means=inputs.with_means,
        ),
    }
    measures |= _robust_measures(inputs, chisq, df, baseline, baseline_df)
    return measures


def _robust_measures(inputs: TestInputs, chisq: float, df: int, baseline: float, baseline_df: int) -> dict[str, float]:
    """Scaled statistics and indices; robust indices, which for missing data rest on the moments made complete."""
    n, n_groups = inputs.n, len(inputs.patterns)
    measures: dict[str, float] = {}
    scaling = inputs.scaling
    factor = factor_baseline = math.nan
    if scaling is not None:
        factor = scaling.model / df if df else math.nan
        factor_baseline = scaling.baseline / baseline_df if baseline_df else math.nan
        scaled = chisq / factor if df else chisq
        scaled_baseline = baseline / factor_baseline if baseline_df else math.nan
        error = rmsea_of(chisq, scaling.model if df else 0.0, n, n_groups)  # as in lavaan: on the scaled df
        measures |= {
            "chisq_scaled": scaled,
            "df_scaled": float(df),
            "pvalue_scaled": p_of_chisq(scaled, df),
            "chisq_scaling_factor": factor,
            "baseline_chisq_scaled": scaled_baseline,
            "baseline_df_scaled": float(baseline_df),
            "baseline_pvalue_scaled": p_of_chisq(scaled_baseline, baseline_df),
            "baseline_chisq_scaling_factor": factor_baseline,
            "cfi_scaled": comparative_fit(scaled, df, scaled_baseline, baseline_df),
            "tli_scaled": tucker_lewis(scaled, df, scaled_baseline, baseline_df),
            "rmsea_scaled": error.value,
            "rmsea_ci_lower_scaled": error.low,
            "rmsea_ci_upper_scaled": error.high,
            "rmsea_pvalue_scaled": error.p_close,
        }
    if inputs.second:
        chisq, factor, baseline, factor_baseline = _complete_form(inputs, df, baseline_df)
    elif scaling is None:
        return measures
    if not df:
        factor = 1.0
    error = rmsea_of(chisq / factor, df, n, n_groups, factor)
    measures |= {
        "cfi_robust": comparative_fit(chisq, df, baseline, baseline_df, factor, factor_baseline),
        "tli_robust": tucker_lewis(chisq, df, baseline, baseline_df, factor, factor_baseline),
        "rmsea_robust": error.value,
        "rmsea_ci_lower_robust": error.low,
        "rmsea_ci_upper_robust": error.high,
        "rmsea_pvalue_robust": error.p_close,
    }
    return measures


def independence_moments(data: Patterns, mean: Array, covariance: Array, exogenous: Index) -> tuple[Array, Array]:
    """Maximum-likelihood moments when only the exogenous variables covary.

    mean, covariance  the unrestricted ones, from which complete data take their numbers
    """
    Sigma = np.diag(np.diag(covariance)).copy()
    mu = mean.copy()
    if not data.is_complete:
        n_each = data.n @ data.observed
        mu = data.n @ data.mean / n_each
        deviation = np.where(data.observed, data.mean - mu, 0.0)
        spread = data.n @ (np.diagonal(data.covariance, axis1=1, axis2=2) + deviation**2) / n_each
        Sigma = np.diag(spread)
    if len(exogenous):
        block = _part(data, exogenous)
        mean_x, covariance_x, _, _ = saturated_moments(block)
        mu[exogenous] = mean_x
        Sigma[np.ix_(exogenous, exogenous)] = covariance_x
    return mu, Sigma


def baseline_moments(
    data: Patterns, mean: Array, covariance: Array, exogenous: Index, fixed: Index, with_means: bool
) -> tuple[Array, Array, Array, Array]:
    """Moments of the baseline and their derivatives by its own parameters."""
    mu, Sigma = independence_moments(data, mean, covariance, exogenous)
    d_mu, d_Sigma = saturated_derivatives(len(mu), fixed, with_means=with_means)
    is_exogenous = np.isin(np.arange(len(mu)), exogenous)
    allowed = np.eye(len(mu), dtype=np.bool_) | np.outer(is_exogenous, is_exogenous)
    keep = ~(np.abs(d_Sigma) * ~allowed[:, :, None]).any(axis=(0, 1))
    return mu, Sigma, d_mu[:, keep], d_Sigma[:, :, keep]


def _part(data: Patterns, chosen: Index) -> Patterns:
    """The patterns of some of the variables; people without any of them are left out."""
    observed = data.observed[:, chosen]
    if data.is_complete:
        return Patterns(observed, data.n, data.mean[:, chosen], data.covariance[:, chosen[:, None], chosen])
    if observed.all():
        n = float(data.n.sum())
        mean = data.n @ data.mean[:, chosen] / n
        deviation = data.mean[:, chosen] - mean
        within = np.tensordot(data.n, data.covariance[:, chosen[:, None], chosen[None, :]], 1)
        between = (data.n[:, None] * deviation).T @ deviation
        return Patterns(
            np.ones((1, len(chosen)), dtype=np.bool_), np.array([n]), mean[None], ((within + between) / n)[None]
        )
    have = observed.any(axis=1)
    return Patterns(
        observed[have],
        data.n[have],
        data.mean[have][:, chosen],
        data.covariance[have][:, chosen[:, None], chosen[None, :]],
    )


def _value_of_part(data: Patterns, chosen: Index) -> float:
    """Log-likelihood of the exogenous variables alone, at their own moments."""
    if not len(chosen):
        return 0.0
    block = _part(data, chosen)
    return saturated_moments(block)[2]


def _complete_form(inputs: TestInputs, df: int, baseline_df: int) -> tuple[float, float, float, float]:
    """Statistic and correction for missing data, of model and baseline: Zhang & Savalei (2023), their forms for normal
    data (no scaling asked for) and for any data."""
    W_missing = _block_diagonal(inputs.second)
    complete, baseline_value, saturated_value, value = [], 0.0, 0.0, 0.0
    baseline_deltas = []
    d_mu, d_Sigma = saturated_derivatives(len(inputs.saturated[0][0]), inputs.fixed, with_means=inputs.with_means)
    for data, (mean, covariance), (mu, Sigma) in zip(inputs.patterns, inputs.saturated, inputs.implied, strict=True):
        pseudo = Patterns(
            np.ones((1, len(mean)), dtype=np.bool_), np.array([float(data.n_people)]), mean[None], covariance[None]
        )
        at = log_likelihood(pseudo, mean, covariance)
        saturated_value += at.value
        value += log_likelihood(pseudo, mu, Sigma).value
        # lavaan takes exogenous moments as given in this one matrix, random covariates or not; so do we, to agree
        is_given = _concerns_only(d_mu, d_Sigma, inputs.exogenous)
        W = observed_information(pseudo, at, d_mu, d_Sigma)
        complete.append(np.where(is_given[:, None] | is_given, 0.0, W))
        mu_b, Sigma_b, d_mu_b, d_Sigma_b = baseline_moments(
            data, mean, covariance, inputs.exogenous, inputs.fixed, inputs.with_means
        )
        baseline_value += log_likelihood(pseudo, mu_b, Sigma_b).value
        baseline_deltas.append(_coordinates(d_mu, d_Sigma, d_mu_b, d_Sigma_b))
    W_complete = _block_diagonal(complete)
    W_inverse = np.linalg.inv(W_missing)
    J = _block_diagonal(inputs.first_order) if inputs.first_order else None

    def correction(delta: Array) -> float:
        bent = W_missing @ delta
        U = W_missing - bent @ np.linalg.pinv(delta.T @ bent, hermitian=True) @ bent.T
        if J is None:
            return float(np.sum((W_complete @ W_inverse @ U) * W_inverse.T))
        gamma = W_inverse @ J @ W_inverse
        return float(np.sum((U @ W_inverse @ W_complete @ W_inverse @ U) * gamma.T))

    chisq = 2.0 * beyond_rounding(saturated_value, value)
    baseline = 2.0 * (saturated_value - baseline_value)
    factor = correction(np.concatenate(inputs.deltas) @ inputs.directions) / df if df else math.nan
    factor_baseline = correction(_block_diagonal(baseline_deltas)) / baseline_df if baseline_df else math.nan
    return chisq, factor, baseline, factor_baseline


def _concerns_only(d_mu: Array, d_Sigma: Array, chosen: Index) -> NDArray[np.bool_]:
    """Which unrestricted moments are means and covariances of chosen variables alone: (k,) booleans."""
    others = np.setdiff1d(np.arange(len(d_mu)), chosen)
    moves = np.concatenate([d_mu[others], d_Sigma[others].reshape(-1, d_mu.shape[1])])
    return np.asarray(~moves.any(axis=0), dtype=np.bool_)


def _coordinates(d_mu: Array, d_Sigma: Array, d_mu_b: Array, d_Sigma_b: Array) -> Array:
    """Derivatives of the unrestricted moments (columns of d_mu, d_Sigma) by the parameters of d_mu_b, d_Sigma_b."""
    size = (d_mu**2).sum(axis=0) + (d_Sigma**2).sum(axis=(0, 1))
    inner: Array = d_mu.T @ d_mu_b + np.einsum("ijk,ijl->kl", d_Sigma, d_Sigma_b)
    coordinates: Array = inner / size[:, None]
    return coordinates


def _block_diagonal(blocks: tuple[Array, ...] | list[Array]) -> Array:
    out = np.zeros((sum(len(block) for block in blocks), sum(block.shape[1] for block in blocks)))
    row = column = 0
    for block in blocks:
        out[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return out
