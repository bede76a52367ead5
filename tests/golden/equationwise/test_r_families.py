"""Each family against R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kinechain.estimators import fit_model
from kinechain.fit_record import fit_record
from kinechain.spec import spec_from_text
from tests.tolerances import GOLDEN_ESTIMATE, GOLDEN_STD_ERROR

HERE = Path(__file__).parent
EQUATIONS = json.loads((HERE / "expected.json").read_text())["equations"]
OUTCOME = {
    "logit": "yes",
    "probit": "yes",
    "poisson": "count",
    "negative_binomial": "count",
    "ordered_logit": "grade",
    "ordered_probit": "grade",
    "mixed": "score",
}


@pytest.mark.parametrize("expected", EQUATIONS, ids=[equation["name"] for equation in EQUATIONS])
def test_family_equals_rs(expected: dict[str, Any]) -> None:
    family = expected["name"]
    outcome = OUTCOME[family]
    spec = spec_from_text(
        f"{outcome} ~ m + age",
        estimator="equationwise",
        families=((outcome, family),),
        cluster="site" if family == "mixed" else "",
    )
    record = fit_record(fit_model(spec, pd.read_csv(HERE / "input.csv")))
    assert record["status"] == "converged"
    found = {
        "(Intercept)" if row["op"] == "~1" else row["rhs"]: row
        for row in record["parameters"]
        if row["lhs"] == outcome and row["free"] and row["op"] != "~~"
    }
    for name, estimate in expected["est"].items():
        error = expected["se"][name]
        assert found[name]["est"] == pytest.approx(estimate, abs=GOLDEN_ESTIMATE * found[name]["se"])
        if error is not None:
            assert found[name]["se"] == pytest.approx(error, rel=GOLDEN_STD_ERROR)
    assert record["fit_measures"]["logl"] == pytest.approx(expected["logl"], abs=1e-6)
    for name, value in (expected["extra"] or {}).items():
        if name != "residual":
            assert record["extra"][f"{name}:{outcome}"] == pytest.approx(value, rel=GOLDEN_STD_ERROR)
