"""A fit as a record for files: the contract of `kinechain fit` and of fits/<model>.json."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from scipy.special import ndtr, ndtri

from kinechain.effect_plan import plan_effects
from kinechain.expressions import linearise
from kinechain.fit import Fit, std_errors_of
from kinechain.inspection import explained_variance, find_modification_indices, find_residuals
from kinechain.links import effects_across_links, undefined_of
from kinechain.numerics import Array
from kinechain.solution import solve_rows, standardise_rows

LEVEL: Final = 0.95
MEASURES: Final = (
    *("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "rmsea_ci_lower", "rmsea_ci_upper", "rmsea_pvalue", "srmr"),
    *("logl", "unrestricted_logl", "aic", "bic", "bic2"),
)
"""Fit measures that are told as absent when a fit failed."""


def fit_record(fit: Fit) -> dict[str, Any]:
    """Everything a fit says, as plain values; NaN where it has no numbers.

    Keys of the contract first (status, n_obs, parameters, fit_measures, modification_indices), then how the
    numbers came about: model, estimator, missing, rows dropped, patterns, fixed covariates, search, explained variance,
    residuals; `undefined` says why a number that is NaN in a converged fit does not exist.
    """
    rows = fit.rows
    return {
        "status": fit.status.code,
        "status_text": _status_text(fit),
        "model": fit.spec.name,
        "estimator": fit.estimator,
        "missing": fit.spec.missing,
        "information": fit.information,
        "n_obs": fit.n,
        "n_rows": rows.n_rows,
        "n_dropped": sum(rows.n_dropped.values()),
        "dropped": dict(rows.n_dropped),
        "groups": [
            {"group": number, "group_label": label, "n_obs": n, "patterns": patterns}
            for number, (label, n, patterns) in enumerate(
                zip(rows.group_labels, rows.n_by_group, rows.n_patterns, strict=True), start=1
            )
        ],
        "n_clusters": rows.n_clusters,
        "missing_values": dict(rows.n_missing),
        "fixed_covariates": list(rows.fixed),
        "unmeasured": {outcome: list(names) for outcome, names in fit.spec.unmeasured.items()},
        "parameters": _parameter_records(fit),
        "fit_measures": _measures(fit),
        "modification_indices": [
            {"lhs": i.lhs, "op": i.op, "rhs": i.rhs, "group": i.group, "mi": i.mi, "epc": i.epc}
            for i in find_modification_indices(fit)
        ],
        "r2": _explained(fit),
        "residuals": [
            {
                "lhs": r.lhs,
                "rhs": r.rhs,
                "group": r.group,
                "raw": r.raw,
                "normalised": r.normalised,
                "standardised": r.standardised,
            }
            for r in find_residuals(fit)
        ],
        "iterations": fit.search.steps,
        "gradient_norm": fit.search.gradient_norm,
        "condition_number": fit.search.condition_number,
        "starting_values": dict(zip(fit.table.parameter_names(), fit.search.start.tolist(), strict=True)),
        "notes": list(fit.notes),
        "extra": dict(fit.extra),
        "undefined": undefined_of(fit, plan_effects(fit.table, fit.spec.covariates, fit.spec.contrasts)),
    }


def _measures(fit: Fit) -> dict[str, float]:
    absent = {} if fit.status.has_numbers else dict.fromkeys(MEASURES, math.nan)
    return {**absent, **fit.measures}


def _status_text(fit: Fit) -> str:
    parts = [part for part in (fit.status.value, fit.detail) if part]
    return ": ".join(parts)


def _explained(fit: Fit) -> dict[str, float]:
    """R2 by variable; with several groups the name ends in ` (group 2)`."""
    shares = explained_variance(fit)
    if len(shares) == 1:
        return shares[0]
    return {f"{name} (group {at})": value for at, share in enumerate(shares, start=1) for name, value in share.items()}


def _parameter_records(fit: Fit) -> list[dict[str, Any]]:
    """One record a row: parameters of each group, then definitions (group 0), then constraints with their distance."""
    table, k = fit.table, len(fit.estimates)
    solution = solve_rows(fit)
    columns: dict[str, tuple[Array, Array]] = {
        "est": (solution.values, solution.value_slopes),
        "std_lv": standardise_rows(table, solution, "lv"),
        "std_all": standardise_rows(table, solution, "all"),
    }
    shown = 0.0 if fit.status.has_numbers else math.nan
    errors = {name: std_errors_of(slopes, fit.covariance) + shown for name, (_, slopes) in columns.items()}
    records = []
    for at, row in enumerate(table.rows):
        records.append(
            {
                "lhs": row.lhs,
                "op": row.op,
                "rhs": row.rhs,
                "group": row.group,
                "group_label": fit.rows.group_labels[row.group - 1],
                "label": row.label,
                "free": row.free,
                "exo": row.exo,
                **_interval(float(solution.values[at]), float(errors["est"][at])),
                "std_lv": float(columns["std_lv"][0][at]),
                "std_lv_se": float(errors["std_lv"][at]),
                "std_all": float(columns["std_all"][0][at]),
                "std_all_se": float(errors["std_all"][at]),
            }
        )
    absent = effects_across_links(plan_effects(table, fit.spec.covariates, fit.spec.contrasts), fit.links)
    places = table.first_rows()
    scales = {
        name: (
            {label: float(values[at]) for label, at in places.items()},
            {lab: slopes[at] for lab, at in places.items()},
        )
        for name, (values, slopes) in columns.items()
    }
    for definition in table.definitions:
        record: dict[str, Any] = {
            "lhs": definition.lhs,
            "op": ":=",
            "rhs": definition.rhs,
            "group": 0,
            "group_label": "",
            "label": definition.lhs,
            "free": 0,
            "exo": False,
        }
        assert definition.right is not None
        for name, (values, slopes) in scales.items():
            value, slope = linearise(definition.right, values, slopes, k)
            values[definition.lhs], slopes[definition.lhs] = value, slope
            if definition.lhs in absent:
                value, slope = math.nan, np.full(k, math.nan)
            error = float(std_errors_of(slope[None], fit.covariance)[0])
            record |= _interval(value, error) if name == "est" else {name: value, f"{name}_se": error}
        records.append(record)
    values, slopes = scales["est"]
    for constraint in table.constraints:
        assert constraint.left is not None
        assert constraint.right is not None
        gap = linearise(constraint.left, values, slopes, k)[0] - linearise(constraint.right, values, slopes, k)[0]
        gap = gap if fit.status.has_numbers else math.nan
        records.append(
            {
                "lhs": constraint.lhs,
                "op": constraint.op,
                "rhs": constraint.rhs,
                "group": 0,
                "group_label": "",
                "label": "",
                "free": 0,
            }
            | {"exo": False, **_interval(gap, 0.0 * gap), "std_lv": math.nan, "std_all": math.nan}
        )
    return records


def _interval(estimate: float, error: float) -> dict[str, float]:
    """Estimate with standard error, z, p-value and 95 % interval; z and p-value are NaN for what cannot vary."""
    z = estimate / error if error > 0.0 else math.nan
    half = float(ndtri(0.5 + LEVEL / 2.0)) * error
    return {
        "est": estimate,
        "se": error,
        "z": z,
        "pvalue": float(2.0 * ndtr(-np.abs(z))),
        "ci_lower": estimate - half,
        "ci_upper": estimate + half,
    }
