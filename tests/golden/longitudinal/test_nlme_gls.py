"""The repeated-measures model against nlme::gls, and the mixed model against lme4::lmer."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from kinechain.numerics.longitudinal import RepeatedFit, constrained_design, fit_repeated
from tests.tolerances import GLS_ESTIMATE, GLS_LOGL

HERE = Path(__file__).resolve().parent
EXPECTED = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))


def read_input() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with (HERE / "input.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    n = 1 + max(int(row["id"]) for row in rows)
    Y, arm, age = np.full((n, 3), np.nan), np.zeros(n, dtype=np.intp), np.zeros(n)
    for row in rows:
        i = int(row["id"])
        arm[i], age[i] = int(row["arm"]), float(row["age"])
        if row["y"]:
            Y[i, int(row["visit"])] = float(row["y"])
    return Y, arm, age


def agrees(fit: RepeatedFit, expected: dict) -> None:
    assert fit.converged
    assert np.abs(fit.beta - np.array(expected["beta"])).max() < GLS_ESTIMATE
    assert np.abs(fit.Sigma / np.array(expected["Sigma"]) - 1).max() < GLS_ESTIMATE
    assert abs(fit.logl - expected["logl"]) < GLS_LOGL


@pytest.mark.parametrize("method", ["ml", "reml"])
def test_means_and_visit_covariance_equal_gls(method: str) -> None:
    Y, arm, _ = read_input()
    X = constrained_design(arm, 3)
    fit = fit_repeated(Y, X, method=method, information="expected")
    agrees(fit, EXPECTED[f"gls_{method}"])
    std_error = np.sqrt(np.diag(fit.covariance))
    # nlme multiplies the residual variance of an ML fit by N / (N - q) in its standard errors, not in its Sigma.
    if method == "ml":
        std_error = std_error * np.sqrt(fit.n_values / (fit.n_values - len(fit.beta)))
    assert np.abs(std_error / np.array(EXPECTED[f"gls_{method}"]["std_error"]) - 1).max() < GLS_ESTIMATE


def test_a_baseline_covariate_has_its_own_slope_at_each_visit() -> None:
    Y, arm, age = read_input()
    fit = fit_repeated(Y, constrained_design(arm, 3, age[:, None]), method="ml", information="expected")
    agrees(fit, EXPECTED["gls_ml_age"])
