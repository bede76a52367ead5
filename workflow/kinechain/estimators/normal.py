"""Maximum likelihood for linear models of normal variables: complete or missing data, latent variables, groups.

`ml` takes its standard errors from the information; `mlr` gives the same estimates with sandwich standard errors and a
scaled test statistic. A cluster column makes either of them robust to dependence within clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinechain.errors import Problem, UserError
from kinechain.estimators.feasibility import settle_constraints
from kinechain.estimators.layout import lay_out, start_values
from kinechain.estimators.measures import Scaling, TestInputs, baseline_moments, measure_fit
from kinechain.estimators.outcome import account_for, failed_fit, flat_parameters
from kinechain.fit import Fit, Search, Status
from kinechain.numerics import Array
from kinechain.numerics.identification import check_identification
from kinechain.numerics.information import invert_information, open_directions
from kinechain.numerics.likelihood import log_likelihood, observed_information
from kinechain.numerics.model import GroupModel, NormalModel, saturated_moments
from kinechain.numerics.optimise import Constraints, Optimum, minimise
from kinechain.numerics.ram import Index, Part, Ram, differentiate_moments
from kinechain.numerics.robust import first_order_information, saturated_derivatives
from kinechain.parameter_table import ParameterTable
from kinechain.sample import DataError, Sample, check_size, draw_sample
from kinechain.spec import ModelSpec


def fit_ml(spec: ModelSpec, data: Any, *, seed: int = 0) -> Fit:
    """Maximum likelihood. With `missing: fiml` people with gaps count for what they have.

    data  a Cohort, Moments, a data frame or named columns; `draw_sample` says what is left out and what is refused

    Raises UserError for a model with ordered outcomes, and for clusters when the data are moments. A fit that is not
    identified or did not converge is returned without numbers, its status saying why.
    """
    return _fit(spec, data, seed, is_robust=bool(spec.options.cluster))


def fit_mlr(spec: ModelSpec, data: Any, *, seed: int = 0) -> Fit:
    """Maximum likelihood with sandwich standard errors and the Yuan-Bentler statistic in its Mplus form.

    data  as in `fit_ml`, but not moments: the sandwich needs the people

    Raises UserError for moments and for a model with ordered outcomes. A fit that is not identified or did not
    converge is returned without numbers, its status saying why. Yuan & Bentler (2000), Sociological Methodology 30,
    165-200; reference values: tests/golden/lavaan.
    """
    return _fit(spec, data, seed, is_robust=True)


def _fit(spec: ModelSpec, data: Any, seed: int, *, is_robust: bool) -> Fit:
    if spec.options.ordered:
        ordered = ", ".join(f"`{name}`" for name in spec.options.ordered)
        raise UserError(Problem(spec.where, f"{ordered} ordered: ml and mlr take all variables as normal", "Use wlsmv"))
    sample = draw_sample(spec, spec.table_for(1), data)
    if is_robust and any(group.X is None for group in sample.groups):
        raise UserError(Problem(spec.where, "robust standard errors need data, not moments", "Use estimator: ml"))
    table = spec.table_for(len(sample.groups))
    check_size(spec, sample, table.n_asked)
    problem = _set_up(spec, table, sample)
    identification = table.memory.get("identification")  # it belongs to the model: what holds once holds for any data
    if identification is None:
        identification = check_identification(problem.rams, problem.start, problem.n_moments, problem.constraints, seed)
    if identification.holds:
        table.memory["identification"] = identification
    else:
        names = table.parameter_names()
        involved = ", ".join(f"`{names[i]}`" for i in identification.involved[:8])
        if table.n_free > identification.n_moments:
            detail = f"{table.n_free} free parameters, {identification.n_moments} moments; involved: {involved}"
        else:
            detail = f"these can change together without any moment changing: {involved}"
        return _failed(problem, Status.NOT_IDENTIFIED, detail)
    if not all(ok for *_, ok in problem.saturated_fits):
        return _failed(
            problem, Status.STEP_LIMIT, "the moments without a model did not settle: some gaps are too large"
        )
    optimum = minimise(problem.model, problem.start, problem.constraints, problem.model.n)
    if not optimum.converged:
        detail = f"stopped after {optimum.steps} steps with a gradient of {optimum.gradient_norm:.2g}"
        if not optimum.steps and not math.isfinite(optimum.gradient_norm):
            detail = "the fixed and starting values give covariances that are not positive definite"
        return _failed(problem, Status.STEP_LIMIT, detail, _search(problem, optimum, math.nan))
    return _finish(problem, optimum, is_robust=is_robust)


@dataclass(frozen=True, slots=True)
class _Setting:
    """Everything known before the search."""

    spec: ModelSpec
    table: ParameterTable
    sample: Sample
    rams: tuple[Ram, ...]
    model: NormalModel
    saturated_fits: tuple[tuple[Array, Array, float, bool], ...]
    start: Array
    constraints: Constraints | None
    fixed: Index
    n_moments: int

    @property
    def moments(self) -> tuple[tuple[Array, Array], ...]:
        return tuple((mean, covariance) for mean, covariance, _, _ in self.saturated_fits)


def _set_up(spec: ModelSpec, table: ParameterTable, sample: Sample) -> _Setting:
    try:
        fits = tuple(saturated_moments(group.patterns) for group in sample.groups)
    except np.linalg.LinAlgError:
        what = "the covariances of the data are not positive definite"
        raise DataError(Problem(spec.where, what, "Leave out variables that repeat others, or use fewer")) from None
    moments = tuple((mean, covariance) for mean, covariance, _, _ in fits)
    rams = lay_out(table, moments)
    model = NormalModel(tuple(GroupModel(ram, group.patterns) for ram, group in zip(rams, sample.groups, strict=True)))
    fixed = np.array([sample.names.index(name) for name in table.exogenous if spec.options.fixed_x], dtype=np.intp)
    p, f = len(sample.names), len(fixed)
    per_group = p * (p + 1) // 2 - f * (f + 1) // 2 + (p - f if table.has_means else 0)
    start = _make_proper(model, rams, start_values(table, rams, moments))
    constraints = settle_constraints(spec, table)
    return _Setting(spec, table, sample, rams, model, fits, start, constraints, fixed, per_group * len(rams))


def _make_proper(model: NormalModel, rams: tuple[Ram, ...], start: Array) -> Array:
    """Starting values whose implied covariances are positive definite: covariances, then paths, are shrunk."""
    theta = start.copy()
    for shrink in (1.0, 0.5, 0.25, 0.1, 0.0):
        for part in (Part.S, Part.A):
            try:
                model.value(theta)
            except np.linalg.LinAlgError:
                for ram in rams:
                    off = (ram.free >= 0) & (ram.part == part) & (ram.row != ram.column)
                    theta[ram.free[off]] = start[ram.free[off]] * shrink
            else:
                return theta
    for ram in rams:
        on = (ram.free >= 0) & (ram.part == Part.S) & (ram.row == ram.column)
        theta[ram.free[on]] = np.abs(start[ram.free[on]]) + 1e-3
    return theta


def _search(problem: _Setting, optimum: Optimum, condition: float) -> Search:
    return Search(problem.start, optimum.steps, optimum.gradient_norm, condition)


def _failed(problem: _Setting, status: Status, detail: str, search: Search | None = None) -> Fit:
    """A fit without numbers."""
    return failed_fit(
        problem.spec,
        problem.table,
        problem.sample,
        status,
        detail,
        search or Search(problem.start, 0, math.nan, math.nan),
        problem.model.groups,
        problem.moments,
    )


def _finish(problem: _Setting, optimum: Optimum, *, is_robust: bool) -> Fit:
    """Covariance, measures and status at the optimum."""
    model, theta, table = problem.model, optimum.theta, problem.table
    is_missing = problem.spec.missing == "fiml"
    kind = "observed" if is_missing or is_robust else "expected"
    bread, condition, flat = invert_information(model.information(theta, kind), optimum.active)
    if np.isnan(bread).any():
        return _failed(problem, Status.SINGULAR, flat_parameters(table, flat), _search(problem, optimum, condition))
    n_equal = len(problem.constraints.equal(theta)[0]) if problem.constraints else 0
    if n_equal:
        n_equal = int(np.linalg.matrix_rank(optimum.active[:n_equal]))
    covariance, scaling = bread, None
    second: list[Array] = []
    first: list[Array] = []
    if is_robust or not all(group.patterns.is_complete for group in problem.sample.groups):
        second, first = _saturated_information(problem, first_order=is_robust)
    moment_covariances: tuple[Array, ...] = ()
    if is_robust:
        meat = _meat(problem, theta)
        covariance = bread @ meat @ bread
        inverses = [np.linalg.inv(W) for W in second]
        moment_covariances = tuple(inverse @ J @ inverse for inverse, J in zip(inverses, first, strict=True))
        of_saturated = sum(float(np.sum(J * inverse.T)) for inverse, J in zip(inverses, first, strict=True))
        scaling = _scaling(problem, of_saturated, meat, _test_bread(problem, optimum, bread))
    inputs = _test_inputs(problem, optimum, table.n_free - n_equal, scaling, second, first)
    status, detail = _judge(problem, theta)
    return Fit(
        problem.spec,
        table,
        theta,
        covariance,
        measure_fit(inputs),
        status,
        problem.spec.estimator,
        account_for(problem.spec, table, problem.sample),
        _search(problem, optimum, condition),
        model.groups,
        problem.moments,
        information="sandwich" if is_robust else kind,
        detail=detail,
        moment_covariances=moment_covariances,
    )


def _test_bread(problem: _Setting, optimum: Optimum, bread: Array) -> Array:
    """Inverse information behind the scaled statistic.

    `ml` with clusters is tested by Yuan and Bentler's statistic as lavaan does, without the curvature of the moments;
    `mlr`, with or without clusters, by its Mplus form, with the information of the standard errors.
    """
    if not problem.spec.options.cluster or problem.spec.estimator == "mlr":
        return bread
    theta = optimum.theta
    information = np.zeros_like(bread)
    for group in problem.model.groups:
        implied, at = group.at(theta)
        information += observed_information(group.data, at, *differentiate_moments(group.ram, implied))
    return invert_information(information, optimum.active)[0]


def _meat(problem: _Setting, theta: Array) -> Array:
    """Sum of outer products of the scores of people (or clusters)."""
    k = len(theta)
    meat = np.zeros((k, k))
    for group, people in zip(problem.model.groups, problem.sample.groups, strict=True):
        implied, at = group.at(theta)
        d_mu, d_Sigma = differentiate_moments(group.ram, implied)
        mu = implied.mu if group.ram.means else group.data.mean[0]
        assert people.X is not None
        assert people.membership is not None
        meat += first_order_information(people.X, people.membership, group.data, mu, at, d_mu, d_Sigma, people.clusters)
    return meat


def _saturated_information(problem: _Setting, *, first_order: bool) -> tuple[list[Array], list[Array]]:
    """Information of each group about its unrestricted moments: observed, and first-order if asked."""
    p = len(problem.sample.names)
    second: list[Array] = []
    first: list[Array] = []
    for people, (mean, covariance) in zip(problem.sample.groups, problem.moments, strict=True):
        d_mu, d_Sigma = saturated_derivatives(p, problem.fixed, with_means=problem.table.has_means)
        at = log_likelihood(people.patterns, mean, covariance)
        second.append(observed_information(people.patterns, at, d_mu, d_Sigma))
        if first_order:
            assert people.X is not None
            assert people.membership is not None
            first.append(
                first_order_information(
                    people.X, people.membership, people.patterns, mean, at, d_mu, d_Sigma, people.clusters
                )
            )
    return second, first


def _scaling(problem: _Setting, of_saturated: float, meat: Array, bread: Array) -> Scaling:
    """Traces behind the scaled statistic, for the model and for the baseline; that of the moments alone is given."""
    of_model = float(np.sum(meat * bread.T))
    of_baseline = 0.0
    for people, (mean, covariance) in zip(problem.sample.groups, problem.moments, strict=True):
        mu, Sigma, d_mu, d_Sigma = baseline_moments(
            people.patterns, mean, covariance, _exogenous(problem), problem.fixed, problem.table.has_means
        )
        at = log_likelihood(people.patterns, mu, Sigma)
        assert people.X is not None
        assert people.membership is not None
        J = first_order_information(
            people.X, people.membership, people.patterns, mu, at, d_mu, d_Sigma, people.clusters
        )
        of_baseline += float(np.sum(J * np.linalg.inv(observed_information(people.patterns, at, d_mu, d_Sigma)).T))
    return Scaling(of_saturated - of_model, of_saturated - of_baseline)


def _exogenous(problem: _Setting) -> Index:
    return np.array([problem.sample.names.index(name) for name in problem.table.exogenous], dtype=np.intp)


def _test_inputs(
    problem: _Setting,
    optimum: Optimum,
    n_parameters: int,
    scaling: Scaling | None,
    second: list[Array],
    first: list[Array],
) -> TestInputs:
    model, table, theta = problem.model, problem.table, optimum.theta
    deltas: list[Array] = []
    is_partial = not all(group.patterns.is_complete for group in problem.sample.groups)
    if is_partial:
        rows, columns = np.tril_indices(len(problem.sample.names))
        is_fixed = np.isin(np.arange(len(problem.sample.names)), problem.fixed)
        keep = ~(is_fixed[rows] & is_fixed[columns])
        for group in model.groups:
            d_mu, d_Sigma = differentiate_moments(group.ram, group.at(theta)[0])
            deltas.append(np.concatenate([d_mu[~is_fixed], d_Sigma[rows[keep], columns[keep]]]))
    return TestInputs(
        patterns=tuple(group.patterns for group in problem.sample.groups),
        saturated=problem.moments,
        saturated_value=sum(value for _, _, value, _ in problem.saturated_fits),
        implied=tuple(_implied_moments(group, theta) for group in model.groups),
        value=model.log_likelihood(theta),
        n_parameters=n_parameters,
        n_moments=problem.n_moments,
        exogenous=_exogenous(problem),
        fixed=problem.fixed,
        with_means=table.has_means,
        directions=open_directions(optimum.active, len(theta)),
        scaling=scaling,
        second=tuple(second) if is_partial else (),
        first_order=tuple(first) if is_partial else (),
        deltas=tuple(deltas),
    )


def _implied_moments(group: GroupModel, theta: Array) -> tuple[Array, Array]:
    implied, _ = group.at(theta)
    return (implied.mu if group.ram.means else group.data.mean[0]), implied.Sigma


def _judge(problem: _Setting, theta: Array) -> tuple[Status, str]:
    """CONVERGED, or IMPROPER with the names of what cannot be."""
    said = []
    several = len(problem.rams) > 1
    for number, group in enumerate(problem.model.groups, start=1):
        ram = group.ram
        value = ram.cells(theta)
        place = f" in group {number}" if several else ""
        for cell in np.flatnonzero((ram.part == Part.S) & (ram.row == ram.column) & (ram.free >= 0)):
            if value[cell] < 0.0:
                said.append(f"the variance of `{ram.names[ram.row[cell]]}` is {value[cell]:.4g}{place}")
        if ram.m > ram.p and not said:
            latent = group.at(theta)[0].E[ram.p :, ram.p :]
            sd = np.sqrt(np.maximum(np.diag(latent), 1e-300))
            if np.linalg.eigvalsh(latent / np.outer(sd, sd))[0] < -1e-8:
                said.append(f"the latent variables have impossible correlations{place}")
    return (Status.IMPROPER, "; ".join(said)) if said else (Status.CONVERGED, "")
