"""Equation by equation: for outcomes that a normal model cannot serve.

Each equation is fitted on its own, with the distribution named under the model's `families`; the parameters then stand
in one table and one `Fit`. That is maximum likelihood where equations form no loop, residuals are independent and no
parameter is shared. What rests on one joint normal distribution does not exist here, and the fit says so
(`Fit.undefined`, `Fit.links`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

import numpy as np

from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.estimators.families import FAMILIES, EquationFit, fit_equation
from kinechain.estimators.layout import lay_out
from kinechain.estimators.outcome import account_for
from kinechain.fit import Fit, Search, Status
from kinechain.numerics import Array
from kinechain.numerics.model import GroupModel
from kinechain.numerics.ram import Index
from kinechain.parameter_rows import build_table
from kinechain.parameter_table import ParameterTable, Row, row_name
from kinechain.sample import Sample, draw_sample
from kinechain.spec import ModelSpec

NO_JOINT_TEST: Final = "equations fitted one by one have no joint test of fit; test the independences the model implies"
NO_STANDARD: Final = "equations with different distributions share no standardised scale"
JOINT_MEASURES: Final = ("chisq", "df", "pvalue", "baseline_chisq", "cfi", "tli", "rmsea", "srmr", "unrestricted_logl")


def fit_equationwise(spec: ModelSpec, data: Any, *, seed: int = 0) -> Fit:  # noqa: ARG001 - every search is deterministic
    """Every equation by maximum likelihood, with its own family; `normal` where none is named.

    data  a Cohort, data frame or named columns. People with a gap in any variable are left out and counted, so that all
          equations speak about the same people. A cluster column gives `mixed` equations a random intercept and the
          others standard errors robust to dependence within clusters

    Raises UserError: moments, latent variables, loops, residual covariances, fixed values, shared labels, constraints,
    groups, missing: fiml, an unknown family, an outcome that its family cannot have.
    """
    families = dict(spec.options.families)
    raise_if_any(_refuse(spec, families))
    spec = replace(spec, options=replace(spec.options, fixed_x=True))
    sample = draw_sample(spec, spec.table, data)
    people = sample.groups[0]
    if people.X is None:
        raise UserError(Problem(spec.where, "equations with families need data, not moments", "Use estimator: ml"))
    X = people.X
    columns = {name: X[:, at] for at, name in enumerate(sample.names)}
    raise_if_any(
        Problem(spec.where, f"`{outcome}` {fault} for the family {family}", "Choose another family, or recode it")
        for outcome, family in families.items()
        if (fault := FAMILIES[family].accepts(columns[outcome]))
    )
    table = _build(spec, families, columns)
    equations = _equations(table)
    fits: dict[str, EquationFit] = {}
    for outcome, predictors in equations.items():
        design = np.column_stack([columns[name] for name in predictors]) if predictors else np.zeros((len(X), 0))
        family = FAMILIES[families.get(outcome, "normal")]
        fits[outcome] = fit_equation(family, columns[outcome], design, people.clusters)
    return _assemble(spec, table, sample, families, fits)


def _refuse(spec: ModelSpec, families: dict[str, str]) -> list[Problem]:
    table, options, where = spec.table, spec.options, spec.where
    outcomes = {row.lhs for row in table.rows if row.op == "~"}
    problems = [
        Problem(where, f"the family `{family}` of `{name}` is unknown", closest(family, FAMILIES))
        for name, family in families.items()
        if family not in FAMILIES
    ]
    problems += [
        Problem(where, f"`{name}` has a family and no equation", closest(name, outcomes))
        for name in families
        if name not in outcomes
    ]
    said = {
        "latent variables": bool(table.latent),
        "constraints": bool(table.constraints),
        "groups": bool(options.group),
        "missing: fiml": spec.missing == "fiml",
        "ordered (name a family instead)": bool(options.ordered),
        "growth curves": options.growth,
    }
    problems += [
        Problem(where, f"equation-wise estimation has no {what}", "Use estimator: mlr or wlsmv, or leave them out")
        for what, is_there in said.items()
        if is_there
    ]
    shared: dict[int, list[Row]] = {}
    for row in table.rows:
        if row.exo or not row.user:
            continue
        shared.setdefault(row.free, []).append(row)
        name = row_name(row)
        if row.op in ("|", "~*~"):
            problems.append(Problem(where, f"`{name}`: cuts follow from the family", "Leave it out"))
        elif row.op == "~~" and row.lhs != row.rhs:
            problems.append(Problem(where, f"`{name}`: equations fitted one by one have no residual covariance"))
        elif not row.free:
            problems.append(Problem(where, f"`{name}` is fixed; equation-wise estimation has no fixed values"))
        elif math.isfinite(row.lower) or math.isfinite(row.upper):
            problems.append(Problem(where, f"`{name}` is bounded; equation-wise estimation has no bounds"))
    problems += [
        Problem(
            where,
            f"{', '.join(f'`{row_name(row)}`' for row in rows)} are held equal; equation-wise estimation holds none",
        )
        for number, rows in shared.items()
        if number and len(rows) > 1
    ]
    if "mixed" in families.values() and not options.cluster:
        problems.append(Problem(where, "the family mixed needs `cluster`", "Name the column of units"))
    sources: dict[str, list[str]] = {}
    for row in table.rows:
        if row.op == "~":
            sources.setdefault(row.lhs, []).append(row.rhs)
    try:
        tuple(TopologicalSorter(sources).static_order())
    except CycleError:
        problems.append(Problem(where, "the equations form a loop, which least squares would get wrong", "Use ml"))
    return problems


def _build(spec: ModelSpec, families: dict[str, str], columns: dict[str, Array]) -> ParameterTable:
    """The parameter table: rows an equation does not have are left out, those its family fixes are fixed."""
    ordered = {name for name, family in families.items() if FAMILIES[family].is_ordered}
    levels = {name: len(np.unique(columns[name])) for name in ordered}
    table = build_table(spec.flat, spec.options, 1, levels, means=True, where=spec.where)
    rows: list[Row] = []
    for row in table.rows:
        family = FAMILIES[families.get(row.lhs, "normal")]
        if row.op == "~~" and not row.exo:
            if row.lhs != row.rhs or family.link == "log":
                continue
            if math.isfinite(family.residual):
                rows.append(replace(row, free=0, fixed=family.residual))
                continue
        if row.op == "~*~":
            continue
        rows.append(replace(row, free=1 + sum(other.free > 0 for other in rows)) if row.free else row)
    return replace(table, rows=tuple(rows))


def _equations(table: ParameterTable) -> dict[str, list[str]]:
    """Predictors of every outcome; a variable that is only named in a variance has an equation without predictors."""
    equations: dict[str, list[str]] = {name: [] for name in table.observed if name not in table.exogenous}
    for row in table.rows:
        if row.op == "~":
            equations[row.lhs].append(row.rhs)
    return equations


def _places(table: ParameterTable, outcome: str) -> list[int]:
    """Free positions of one equation in the order of `EquationFit.estimates`."""
    own = [row for row in table.rows if row.lhs == outcome and row.free]
    return [row.free - 1 for op in ("~", "~1", "|", "~~") for row in own if row.op == op]


def _assemble(
    spec: ModelSpec, table: ParameterTable, sample: Sample, families: dict[str, str], fits: dict[str, EquationFit]
) -> Fit:
    people = sample.groups[0]
    k, n = table.n_free, sample.n
    moments = ((people.patterns.mean[0], people.patterns.covariance[0]),)
    failed = [f"`{outcome}`: {fit.problem}" for outcome, fit in fits.items() if fit.problem]
    estimates, covariance = np.full(k, math.nan), np.full((k, k), math.nan)
    measures = {"npar": float(k), "ntotal": float(n)} | dict.fromkeys(JOINT_MEASURES, math.nan)
    status = Status.STEP_LIMIT if failed else Status.CONVERGED
    if not failed:
        places = {outcome: _places(table, outcome) for outcome in fits}
        covariance = np.zeros((k, k))
        for outcome, fit in fits.items():
            estimates[places[outcome]] = fit.estimates
            covariance[np.ix_(places[outcome], places[outcome])] = fit.covariance
        if people.clusters is not None:
            covariance = _robust(fits, places, covariance, people.clusters)
        logl = sum(fit.logl for fit in fits.values())
        npar = k + sum(families.get(outcome) in ("negative_binomial", "mixed") for outcome in fits)
        measures |= {"npar": float(npar), "logl": logl, "aic": 2.0 * npar - 2.0 * logl}
        measures |= {"bic": npar * math.log(n) - 2.0 * logl}
    extra = {f"{name}:{outcome}": value for outcome, fit in fits.items() for name, value in fit.extra.items()}
    (ram,) = lay_out(table, moments)
    return Fit(
        spec,
        table,
        estimates,
        covariance,
        measures,
        status,
        spec.estimator,
        account_for(spec, table, sample),
        Search(np.full(k, math.nan), 0, math.nan, math.nan),
        (GroupModel(ram, people.patterns),),
        moments,
        information="sandwich" if people.clusters is not None else "observed",
        detail="; ".join(failed),
        notes=tuple(f"equation of {outcome}: {families.get(outcome, 'normal')}" for outcome in fits),
        extra={} if failed else extra,
        undefined=dict.fromkeys(JOINT_MEASURES, NO_JOINT_TEST)
        | ({"standardised": NO_STANDARD} if set(families.values()) - {"normal"} else {}),
        links={name: FAMILIES[family].link for name, family in families.items() if FAMILIES[family].link != "identity"},
    )


def _robust(fits: dict[str, EquationFit], places: dict[str, list[int]], covariance: Array, clusters: Index) -> Array:
    """Sandwich over clusters, equations together; a mixed equation, which models its units, keeps its own."""
    known = {outcome: fit.influence for outcome, fit in fits.items() if fit.influence is not None}
    if not known:
        return covariance
    at = [place for outcome in known for place in places[outcome]]
    stacked = np.column_stack(list(known.values()))
    units, codes = np.unique(clusters, return_inverse=True)
    total = np.zeros((len(units), stacked.shape[1]))
    np.add.at(total, codes, stacked)
    robust = covariance.copy()
    robust[np.ix_(at, at)] = total.T @ total * (len(units) / (len(units) - 1.0))
    return robust
