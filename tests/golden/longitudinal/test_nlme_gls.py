"""The repeated-measures model against nlme::gls, and the mixed model against lme4::lmer."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from kinechain.estimators import fit_model
from kinechain.numerics.longitudinal import RepeatedFit, arm_column, constrained_design, fit_repeated
from kinechain.spec import spec_from_text
from kinechain.trials.mixed import fit_intercepts
from tests.tolerances import ENGINE_ESTIMATE, GLS_ESTIMATE, GLS_LOGL, MIXED_ERROR

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


def test_random_intercepts_of_person_and_site_equal_lmer() -> None:
    Y, arm, age = read_input()
    X = constrained_design(arm, 3, age[:, None])
    seen = ~np.isnan(Y)
    person = np.broadcast_to(np.arange(len(Y))[:, None], Y.shape)[seen]
    fit = fit_intercepts(Y[seen], X[seen], person, person // 16)
    expected = EXPECTED["lmer_reml"]
    assert fit.converged
    assert np.abs(fit.beta - np.array(expected["beta"])).max() < GLS_ESTIMATE
    assert np.abs(np.sqrt(np.diag(fit.covariance)) / np.array(expected["std_error"]) - 1).max() < MIXED_ERROR
    variances = (fit.variance_person, fit.variance_cluster, fit.variance_residual)
    known = [expected["variance"][name] for name in ("id", "site", "Residual")]
    assert np.abs(np.array(variances) / np.array(known) - 1).max() < MIXED_ERROR


def test_the_engine_finds_the_same_means_by_its_own_likelihood() -> None:
    """The constrained model written for the engine: baseline, then later visits given arms, covariances free."""
    Y, arm, _ = read_input()
    arms = " + ".join(f"arm{a}" for a in (1, 2, 3))
    text = f"v1 ~ {arms}\nv2 ~ {arms}\nv0 ~~ v1 + v2\nv1 ~~ v2"
    data = {f"v{v}": Y[:, v] for v in range(3)} | {f"arm{a}": (arm == a).astype(float) for a in (1, 2, 3)}
    found = fit_model(spec_from_text(text, "constrained", "here", missing="fiml", meanstructure=True), data)
    own = fit_repeated(Y, constrained_design(arm, 3), method="ml")
    values = {
        (row.lhs, row.op, row.rhs): (found.estimates[row.free - 1], found.covariance[row.free - 1, row.free - 1])
        for row in found.table.rows
        if row.free
    }
    places = {("v0", "~1", ""): 0, ("v1", "~1", ""): 1, ("v2", "~1", ""): 2}
    places |= {(f"v{v}", "~", f"arm{a}"): arm_column(a, v, 4, 3) for v in (1, 2) for a in (1, 2, 3)}
    for name, place in places.items():
        std_error = np.sqrt(own.covariance[place, place])
        assert abs(values[name][0] - own.beta[place]) < ENGINE_ESTIMATE * std_error
        assert abs(np.sqrt(values[name][1]) / std_error - 1) < ENGINE_ESTIMATE
