"""Two-step statistics and their covariance matrix against lavaan."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kinechain.numerics.polychoric import ordinal_moments
from tests.tolerances import POLYCHORIC, POLYCHORIC_GAMMA

HERE = Path(__file__).parent
OUTCOMES = ["n1", "n2", "o2", "o3", "o5"]
LEVELS = (0, 0, 2, 3, 5)


@pytest.mark.parametrize(("case", "covariates"), [("given_covariates", ["x1", "x2"]), ("no_covariates", [])])
def test_statistics_and_gamma_equal_lavaans(case: str, covariates: list[str]) -> None:
    people = pd.read_csv(HERE / "input.csv")
    Y = people[OUTCOMES].to_numpy(dtype=float)
    Y[:, 2:] -= 1.0
    X = people[covariates].to_numpy(dtype=float).reshape(len(people), -1)
    reference = json.loads((HERE / f"{case}.json").read_text())
    # lavaan's vector holds minus the means; its gamma belongs to the means themselves.
    sign = np.array([-1.0 if name.endswith("~1") else 1.0 for name in reference["names"]])

    found = ordinal_moments(Y, LEVELS, X)

    np.testing.assert_allclose(
        found.statistics, np.array(reference["statistics"]) * sign, rtol=POLYCHORIC, atol=POLYCHORIC
    )
    gamma = np.array(reference["gamma"]) * np.outer(sign, sign)
    scale = np.sqrt(np.outer(np.diag(gamma), np.diag(gamma)))
    np.testing.assert_allclose(found.gamma / scale, gamma / scale, atol=POLYCHORIC_GAMMA, rtol=0)
