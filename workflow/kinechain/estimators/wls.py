"""Weighted least squares for models with ordered outcomes, given covariates.

`dwls` takes its standard errors from the diagonal weights alone; `wlsmv` gives the same estimates with sandwich
standard errors and the scaled and shifted test statistic. Thresholds, slopes and residual correlations come first, by
maximum likelihood; the model is then fitted to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinechain.errors import Problem, raise_if_any
from kinechain.estimators.feasibility import settle_constraints
from kinechain.estimators.layout import lay_out, start_values
from kinechain.estimators.outcome import account_for, failed_fit, flat_parameters
from kinechain.fit import Fit, Search, Status
from kinechain.numerics import Array
from kinechain.numerics.fit_indices import comparative_fit, p_of_chisq, rmsea_of, tucker_lewis
from kinechain.numerics.identification import RANK_TOLERANCE, random_point
from kinechain.numerics.information import invert_information
from kinechain.numerics.likelihood import patterns_from_moments
from kinechain.numerics.model import GroupModel
from kinechain.numerics.moments import Moments
from kinechain.numerics.optimise import Constraints, Optimum, minimise
from kinechain.numerics.ordinal_model import (
    OrdinalRam,
    complete_cells,
    differentiate_statistics,
    imply_statistics,
)
from kinechain.numerics.polychoric import OrdinalMoments, ordinal_moments
from kinechain.numerics.probit import CannotEstimateError
from kinechain.numerics.ram import Index, Part, Ram, imply_moments
from kinechain.numerics.wls import WlsGroup, WlsInference, WlsModel, independence_statistic, infer
from kinechain.parameter_rows import build_table
from kinechain.parameter_table import ParameterTable
from kinechain.sample import DataError, Sample, check_size, draw_sample
from kinechain.spec import ModelSpec

NO_LIKELIHOOD = "weighted least squares has no likelihood"
ROBUST_MEASURES = (
    *("cfi_robust", "tli_robust", "rmsea_robust"),
    *("rmsea_ci_lower_robust", "rmsea_ci_upper_robust", "rmsea_pvalue_robust"),
)
NO_ROBUST = "robust indices are not offered for ordered outcomes; the scaled ones are"
MOST_CLASSES = 20
"""More classes than this are a measurement, not an ordered category."""


def fit_dwls(spec: ModelSpec, data: Any, *, seed: int = 0) -> Fit:
    """Diagonally weighted least squares with the standard errors of its own weights, as lavaan's DWLS."""
    return _fit(spec, data, seed, is_robust=False)


def fit_wlsmv(spec: ModelSpec, data: Any, *, seed: int = 0) -> Fit:
    """Diagonally weighted least squares with sandwich standard errors and the scaled and shifted statistic.

    data  a Cohort, data frame or named columns; people with gaps are left out and counted. The outcomes listed in the
          spec's `ordered` are classes, whatever numbers stand for them; the others are normal given the covariates

    Raises UserError: moments instead of data, missing: fiml, clusters, no ordered outcome, an ordered covariate,
    classes that a group lacks, an outcome separated by its covariates, a residual correlation at its bound.

    Muthén (1984), Psychometrika 49, 115-132; reference values: tests/golden/lavaan.
    """
    return _fit(spec, data, seed, is_robust=True)


@dataclass(frozen=True, slots=True)
class _Setting:
    """Everything known before the search."""

    spec: ModelSpec
    table: ParameterTable
    sample: Sample
    model: WlsModel
    observed: tuple[OrdinalMoments, ...]
    moments: tuple[tuple[Array, Array], ...]
    start: Array
    constraints: Constraints | None


def _fit(spec: ModelSpec, data: Any, seed: int, *, is_robust: bool) -> Fit:
    raise_if_any(_refuse(spec))
    sample = draw_sample(spec, spec.table, data)
    problem = _set_up(spec, sample)
    check_size(spec, sample, problem.table.n_free - sum(row.op == "==" for row in problem.table.constraints))
    involved = _unidentified(problem, seed)
    if involved is not None:
        names = ", ".join(f"`{name}`" for name in involved[:8])
        count = sum(len(group.statistics) for group in problem.model.groups)
        what = f"{problem.table.n_free} free parameters, {count} statistics; involved: {names}"
        return _failed(problem, Status.NOT_IDENTIFIED, what)
    optimum = minimise(problem.model, problem.start, problem.constraints, problem.model.counted)
    if not optimum.converged:
        detail = f"stopped after {optimum.steps} steps with a gradient of {optimum.gradient_norm:.2g}"
        return _failed(problem, Status.STEP_LIMIT, detail, _search(problem, optimum, math.nan))
    return _finish(problem, optimum, is_robust=is_robust)


def _refuse(spec: ModelSpec) -> list[Problem]:
    options, where = spec.options, spec.where
    problems = []
    if spec.missing == "fiml":
        problems.append(Problem(where, f"{spec.estimator} cannot use incomplete people", "Choose missing: listwise"))
    if options.cluster:
        problems.append(Problem(where, f"{spec.estimator} does not know clusters", "Use estimator: mlr"))
    if not options.ordered:
        problems.append(
            Problem(where, f"{spec.estimator} needs an ordered outcome", "Name it under `ordered`, or use mlr")
        )
    table = spec.table
    for name in options.ordered:
        if name not in table.observed:
            problems.append(
                Problem(where, f"`{name}` is ordered and not part of the model", "Leave it out of `ordered`")
            )
        elif name in table.exogenous and options.fixed_x:
            what = f"`{name}` is ordered and a covariate: only outcomes are"
            problems.append(
                Problem(where, what, "Enter it as a number or as 0/1 columns, and leave it out of `ordered`")
            )
    for row in table.rows:
        if row.user and row.op == "~~" and row.lhs == row.rhs and row.lhs in options.ordered and row.free:
            what = f"the residual variance of `{row.lhs}` follows from its unit variance and is not free"
            problems.append(Problem(where, what, f"Remove `{row.lhs} ~~ {row.rhs}`"))
    return problems


def _set_up(spec: ModelSpec, sample: Sample) -> _Setting:
    names = sample.names
    classes = _find_classes(spec, sample)
    levels = {name: len(values) for name, values in classes.items()}
    table = build_table(spec.flat, spec.options, len(sample.groups), levels, means=True, where=spec.where)
    is_given = [spec.options.fixed_x and name in table.exogenous for name in names]
    x, y = np.flatnonzero(is_given), np.flatnonzero(~np.array(is_given))
    of_y = tuple(levels.get(names[i], 0) for i in y)
    observed = tuple(_observe(spec, sample, group, classes, x, y) for group in range(len(sample.groups)))
    moments = tuple(_response_moments(found, x, y) for found in observed)
    rams = lay_out(table, moments)
    model = WlsModel(
        tuple(
            WlsGroup(OrdinalRam(ram, y, x, of_y), found.statistics, found.gamma, found.n)
            for ram, found in zip(rams, observed, strict=True)
        )
    )
    start = _start(table, model, rams, moments)
    return _Setting(spec, table, sample, model, observed, moments, start, settle_constraints(spec, table))


def _find_classes(spec: ModelSpec, sample: Sample) -> dict[str, Array]:
    """Values that stand for the classes of each ordered outcome, in order; every group must have them all."""
    classes, problems = {}, []
    for name in spec.options.ordered:
        position = sample.names.index(name)
        columns = [group.X[:, position] for group in sample.groups if group.X is not None]
        if len(columns) != len(sample.groups):
            problems.append(Problem(spec.where, "ordered outcomes need data, not moments", "Use estimator: ml"))
            break
        values = np.unique(np.concatenate(columns))
        classes[name] = values
        if len(values) > MOST_CLASSES:
            what = f"`{name}` is ordered and has {len(values)} classes; {MOST_CLASSES} are the most"
            problems.append(Problem(spec.where, what, "Leave it out of `ordered`, or join classes"))
            continue
        for group, column in zip(sample.groups, columns, strict=True):
            absent = len(values) - len(np.unique(column))
            if absent:
                what = f"group {group.label} has nobody in {absent} of the {len(values)} classes of `{name}`"
                problems.append(Problem(spec.where, what, "Join classes so that every group has them all"))
    if problems:
        raise DataError(*problems)
    return classes


def _observe(
    spec: ModelSpec, sample: Sample, number: int, classes: dict[str, Array], x: Index, y: Index
) -> OrdinalMoments:
    group = sample.groups[number]
    assert group.X is not None
    Y = group.X[:, y].copy()
    levels = []
    for column, position in enumerate(y):
        values = classes.get(sample.names[position])
        levels.append(0 if values is None else len(values))
        if values is not None:
            Y[:, column] = np.searchsorted(values, Y[:, column])
    try:
        return ordinal_moments(Y, tuple(levels), group.X[:, x])
    except CannotEstimateError as error:
        names = " and ".join(f"`{sample.names[y[i]]}`" for i in error.variables) or "the outcomes"
        place = f" in group {group.label}" if group.label else ""
        remedy = "Join thin classes, name it under `ordered`, or leave out what separates or repeats it"
        raise DataError(Problem(spec.where, f"{names}: {error.reason}{place}", remedy)) from None


def _response_moments(found: OrdinalMoments, x: Index, y: Index) -> tuple[Array, Array]:
    """Means and covariances of covariates and outcomes together; an ordered outcome counts as its latent response."""
    p = len(x) + len(y)
    mean, covariance = np.zeros(p), np.zeros((p, p))
    mean[x], covariance[np.ix_(x, x)] = found.x_mean, found.x_covariance
    mean[y] = found.means + found.slopes @ found.x_mean
    cross = found.slopes @ found.x_covariance
    covariance[np.ix_(y, x)], covariance[np.ix_(x, y)] = cross, cross.T
    covariance[np.ix_(y, y)] = found.residual_covariance + cross @ found.slopes.T
    return mean, covariance


def _start(
    table: ParameterTable, model: WlsModel, rams: tuple[Ram, ...], moments: tuple[tuple[Array, Array], ...]
) -> Array:
    """Starting values of the normal model for the latent responses; scales of 1, thresholds that meet the observed."""
    theta = start_values(table, rams, moments)
    told = {row.free - 1 for row in table.rows if row.free and math.isfinite(row.start)}
    for ram in rams:
        scales = ram.free[ram.select(Part.DELTA)]
        theta[[place for place in scales if place not in told]] = 1.0
        cuts = ram.free[ram.select(Part.TAU)]
        theta[[place for place in cuts if place not in told]] = 0.0
    total, count = np.zeros(len(theta)), np.zeros(len(theta))
    for group in model.groups:
        gap, delta = group.statistics - imply_statistics(group.model, theta.astype(np.complex128)).real, group.model
        cells = delta.ram.select(Part.TAU)
        first = np.cumsum([0, *(max(level - 1, 1) for level in delta.levels)])
        owner = {int(i): int(first[k]) for k, i in enumerate(delta.y)}
        for cell in cells:
            at = owner[int(delta.ram.row[cell])] + int(delta.ram.column[cell])
            total[delta.ram.free[cell]] += gap[at]
            count[delta.ram.free[cell]] += 1.0
    move = total / np.maximum(count, 1.0)
    move[list(told)] = 0.0
    return theta + move


def _unidentified(problem: _Setting, seed: int) -> tuple[str, ...] | None:
    """Names of parameters that can move together without any statistic changing; None when there are none."""
    k = problem.table.n_free
    rng = np.random.default_rng(seed)
    rams = tuple(group.model.ram for group in problem.model.groups)
    involved: tuple[str, ...] = problem.table.parameter_names()
    for _ in range(3):
        theta = random_point(rams, problem.start, rng)
        try:
            blocks = [
                np.sqrt(group.weight)[:, None] * differentiate_statistics(group.model, theta)[1]
                for group in problem.model.groups
            ]
        except np.linalg.LinAlgError:
            continue
        if problem.constraints is not None:
            blocks.append(problem.constraints.equal(theta)[1])
        J = np.concatenate(blocks)
        size = np.sqrt((J * J).sum(axis=0))
        _, singular, Vt = np.linalg.svd(J / np.where(size > 0.0, size, 1.0))
        rank = int((singular > RANK_TOLERANCE * max(singular[0], 1e-300)).sum()) if len(singular) else 0
        if rank == k:
            return None
        weight = np.abs(Vt[rank:]).max(axis=0)
        involved = tuple(name for name, w in zip(problem.table.parameter_names(), weight, strict=True) if w > 1e-4)
    return involved


def _search(problem: _Setting, optimum: Optimum, condition: float) -> Search:
    return Search(problem.start, optimum.steps, optimum.gradient_norm, condition)


def _groups(problem: _Setting, theta: Array | None) -> tuple[GroupModel, ...]:
    """Normal models of the latent responses, the residual variances of ordered outcomes at their values."""
    made = []
    for group, (mean, covariance) in zip(problem.model.groups, problem.moments, strict=True):
        ram = group.model.ram
        if theta is not None:
            cells = complete_cells(group.model, theta.astype(np.complex128)).real
            ram = replace(ram, fixed=np.where(ram.free >= 0, 0.0, cells))
        made.append(GroupModel(ram, patterns_from_moments(Moments(problem.sample.names, mean, covariance, group.n))))
    return tuple(made)


def _failed(problem: _Setting, status: Status, detail: str, search: Search | None = None) -> Fit:
    """A fit without numbers."""
    return failed_fit(
        problem.spec,
        problem.table,
        problem.sample,
        status,
        detail,
        search or Search(problem.start, 0, math.nan, math.nan),
        _groups(problem, None),
        problem.moments,
    )


def _finish(problem: _Setting, optimum: Optimum, *, is_robust: bool) -> Fit:
    """Covariance, measures and status at the optimum."""
    model, theta, table = problem.model, optimum.theta, problem.table
    curvature = model.slope(theta, exact=False).curvature
    bread, condition, flat = invert_information(curvature * model.counted, optimum.active)
    if np.isnan(bread).any():
        return _failed(problem, Status.SINGULAR, flat_parameters(table, flat), _search(problem, optimum, condition))
    known = infer(model, theta, optimum.active)
    groups = _groups(problem, theta)
    status, detail = _judge(groups, theta)
    repaired = sum(found.repaired_cells for found in problem.observed)
    notes = [f"{repaired} empty cells of 2 x 2 tables were given half a person, margins kept"] if repaired else []
    return Fit(
        problem.spec,
        table,
        theta,
        known.robust if is_robust else known.naive,
        _measure(problem, theta, known, is_robust=is_robust),
        status,
        problem.spec.estimator,
        account_for(problem.spec, table, problem.sample),
        _search(problem, optimum, condition),
        groups,
        problem.moments,
        information="sandwich" if is_robust else "expected",
        detail=detail,
        notes=tuple(notes),
        ordinal=model,
        undefined=dict.fromkeys(("logl", "aic", "bic"), NO_LIKELIHOOD) | dict.fromkeys(ROBUST_MEASURES, NO_ROBUST),
    )


def _judge(groups: tuple[GroupModel, ...], theta: Array) -> tuple[Status, str]:
    """CONVERGED, or IMPROPER with the names of what cannot be."""
    said = []
    for number, group in enumerate(groups, start=1):
        ram, place = group.ram, f" in group {number}" if len(groups) > 1 else ""
        value = ram.cells(theta)
        for cell in np.flatnonzero((ram.part == Part.S) & (ram.row == ram.column)):
            if value[cell] < 0.0:
                said.append(f"the variance of `{ram.names[ram.row[cell]]}` is {value[cell]:.4g}{place}")
        if ram.m > ram.p and not said:
            latent = imply_moments(ram, theta).E[ram.p :, ram.p :]
            sd = np.sqrt(np.maximum(np.diag(latent), 1e-300))
            if np.linalg.eigvalsh(latent / np.outer(sd, sd))[0] < -1e-8:
                said.append(f"the latent variables have impossible correlations{place}")
    return (Status.IMPROPER, "; ".join(said)) if said else (Status.CONVERGED, "")


def _measure(problem: _Setting, theta: Array, known: WlsInference, *, is_robust: bool) -> dict[str, float]:
    """Fit measures under lavaan's names; likelihoods do not exist and are left out."""
    model = problem.model
    n, n_groups = model.counted, len(model.groups)
    baseline, baseline_df, scale, shift = independence_statistic(model)
    npar = sum(len(group.statistics) for group in model.groups) - known.df
    measures = {
        "npar": float(npar),
        "ntotal": float(problem.sample.n),
        "fmin": known.chisq / (2.0 * n),
        "baseline_chisq": baseline,
        "baseline_df": float(baseline_df),
        "baseline_pvalue": p_of_chisq(baseline, baseline_df),
    }
    scaled_baseline = baseline / scale + shift
    for suffix, chisq, base in (("", known.chisq, baseline), ("_scaled", known.scaled_chisq, scaled_baseline)):
        if suffix and not is_robust:
            break
        error = rmsea_of(chisq, known.df, n, n_groups)
        measures |= {
            f"chisq{suffix}": chisq,
            f"df{suffix}": float(known.df),
            f"pvalue{suffix}": p_of_chisq(chisq, known.df),
            f"cfi{suffix}": comparative_fit(chisq, known.df, base, baseline_df),
            f"tli{suffix}": tucker_lewis(chisq, known.df, base, baseline_df),
            f"rmsea{suffix}": error.value,
            f"rmsea_ci_lower{suffix}": error.low,
            f"rmsea_ci_upper{suffix}": error.high,
            f"rmsea_pvalue{suffix}": error.p_close,
        }
    if is_robust:
        measures |= {
            "chisq_scaling_factor": known.scale if known.df else math.nan,
            "chisq_shift": known.shift if known.df else math.nan,
            "baseline_chisq_scaled": scaled_baseline,
            "baseline_df_scaled": float(baseline_df),
            "baseline_pvalue_scaled": p_of_chisq(scaled_baseline, baseline_df),
            "baseline_chisq_scaling_factor": scale,
        }
    measures["srmr"] = _residual(problem, theta)
    return measures


def _residual(problem: _Setting, theta: Array) -> float:
    """SRMR as lavaan counts it here: covariances given the covariates; the numeric variances and the covariates' own
    moments count as met."""
    total = 0.0
    for group, found in zip(problem.model.groups, problem.observed, strict=True):
        p = len(group.model.y)
        count = p * (p - 1) // 2
        gap = (group.statistics - imply_statistics(group.model, theta.astype(np.complex128)).real)[-count:]
        first, second = np.triu_indices(p, k=1)
        sd = np.sqrt(np.diag(found.residual_covariance))
        gap = gap / (sd[first] * sd[second]) if count else np.zeros(0)
        total += found.n * math.sqrt(float(gap @ gap) / (p * (p + 1) / 2.0 + len(group.model.x)))
    return total / problem.sample.n
