"""Random intercepts of person and cluster, the check beside the unstructured covariance; by statsmodels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.longitudinal import contrast
from kinechain.trials.contrasts import MAINTENANCE, ArmModel, ContrastRow, comparison_weights, possible
from kinechain.trials.plan import TrialPlan
from kinechain.trials.trial import Trial


@dataclass(frozen=True, slots=True)
class MixedFit:
    """Fixed effects of a model whose people, and clusters, differ by a constant; NaN when it did not converge.

    beta               (q,)
    covariance         (q, q)
    variance_person, variance_cluster, variance_residual   in squared units of y; cluster 0 where there is none
    """

    beta: Array
    covariance: Array
    variance_person: float
    variance_cluster: float
    variance_residual: float
    converged: bool


def fit_intercepts(y: Array, X: Array, person: NDArray[np.intp], cluster: NDArray[np.intp] | None = None) -> MixedFit:
    """Linear mixed model by REML.

    y        (N,)    one row a visit seen
    X        (N, q)
    person   (N,)    who it is; cluster (N,) where people come from, each person in one
    """
    from statsmodels.regression.mixed_linear_model import MixedLM
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    if cluster is None:
        model = MixedLM(y, X, groups=person)
    else:
        blocks, names = [], []
        for group in np.unique(cluster):
            inside = person[cluster == group]
            members = np.unique(inside)
            blocks.append((inside[:, None] == members).astype(float))
            names.append([str(member) for member in members])
        from statsmodels.regression.mixed_linear_model import VCSpec

        order = np.argsort(cluster, kind="stable")
        model = MixedLM(
            y[order],
            X[order],
            groups=cluster[order],
            exog_re=np.ones((len(y), 1)),
            exog_vc=VCSpec(["person"], [names], [blocks]),
        )
    # A failed search is recorded in `converged`; statsmodels would only warn.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = model.fit(reml=True, method=["bfgs", "lbfgs"])
    q = X.shape[1]
    person_variance = float(found.vcomp[0]) if cluster is not None else float(np.asarray(found.cov_re)[0, 0])
    cluster_variance = float(np.asarray(found.cov_re)[0, 0]) if cluster is not None else 0.0
    if not found.converged:
        return MixedFit(np.full(q, np.nan), np.full((q, q), np.nan), np.nan, np.nan, np.nan, False)
    residual = float(found.scale)
    covariance = _fixed_covariance(X, person, cluster, (person_variance, cluster_variance, residual))
    return MixedFit(np.asarray(found.fe_params), covariance, person_variance, cluster_variance, residual, True)


def _fixed_covariance(
    X: Array, person: NDArray[np.intp], cluster: NDArray[np.intp] | None, variances: tuple[float, float, float]
) -> Array:
    """(X'V^-1 X)^-1 at the estimated variances; statsmodels' own counts covariances with them, which are zero."""
    of_person, of_cluster, residual = variances
    groups = person if cluster is None else cluster
    parts = []
    for group in np.unique(groups):
        inside = groups == group
        same = person[inside][:, None] == person[inside][None, :]
        V = of_cluster + of_person * same + residual * np.eye(int(inside.sum()))
        parts.append(X[inside].T @ np.linalg.solve(V, X[inside]))
    return np.asarray(np.linalg.inv(np.sum(parts, axis=0)), dtype=np.float64)


def compare_with_intercepts(trial: Trial, plan: TrialPlan, model: ArmModel, outcome: str) -> list[ContrastRow]:
    """The contrasts of an outcome with one variance for all visits and one covariance between them."""
    n, V = model.Y.shape
    seen = ~np.isnan(model.Y)
    person = np.broadcast_to(np.arange(n)[:, None], (n, V))[seen]
    cluster = None
    if trial.cluster is not None:
        cluster = np.broadcast_to(trial.cluster[model.used][:, None], (n, V))[seen]
    fit = fit_intercepts(model.Y[seen], model.X[seen], person, cluster)
    sd = float(np.nanstd(model.Y[:, 0], ddof=1))
    rows = []
    for comparison in possible(trial, plan):
        for when in (plan.after, plan.later, MAINTENANCE):
            weights = comparison_weights(trial, model, comparison, when, plan)
            result = contrast(weights, fit.beta, fit.covariance, model.df)
            rows.append(ContrastRow(outcome, comparison, when, "mixed", result, n, sd, trial.units.get(outcome, "")))
    return rows
