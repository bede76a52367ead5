"""Models of visits against lavaan: estimates, standard errors, chi-square, and the contrast of directions."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from kinechain.comparison import compare_fits
from kinechain.effects import estimate_effects
from kinechain.trials.lagged import fit_lagged
from tests.golden.lagged.make_input import HERE, models
from tests.tolerances import LAGGED_CHISQ, LAGGED_ESTIMATE

EXPECTED = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))


def read_input(path: Path) -> dict[str, np.ndarray]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}


DATA = read_input(HERE / "input.csv")


def test_the_committed_models_are_those_the_package_writes() -> None:
    for name, text in models().items():
        assert (HERE / f"{name}.lav").read_text(encoding="utf-8") == text + "\n"


@pytest.mark.parametrize("name", list(models()))
def test_estimates_equal_lavaan(name: str) -> None:
    fit = fit_lagged(models()[name], DATA, growth=name == "growth")
    assert fit.status.code == "converged"
    expected = EXPECTED[name]
    assert abs(fit.measures["chisq"] - expected["chisq"]) < LAGGED_CHISQ
    assert fit.measures["df"] == expected["df"]
    values = {
        (row.lhs, row.op, row.rhs): (fit.estimates[row.free - 1], np.sqrt(fit.covariance[row.free - 1, row.free - 1]))
        for row in fit.table.rows
        if row.free
    }
    compared = 0
    for row in expected["parameters"]:
        found = values.get((row["lhs"], row["op"], row["rhs"]), values.get((row["rhs"], row["op"], row["lhs"])))
        if found is not None and row["se"]:
            assert abs(found[0] - row["est"]) < LAGGED_ESTIMATE * row["se"], row
            assert abs(found[1] / row["se"] - 1) < LAGGED_ESTIMATE, row
            compared += 1
    assert compared == len(values)


@pytest.mark.parametrize("name", ["cross_lagged", "random_intercept"])
def test_lags_equal_lavaan_on_the_scale_of_their_visit(name: str) -> None:
    table = estimate_effects(fit_lagged(models()[name], DATA)).set_index("label")
    for row in EXPECTED[name]["parameters"]:
        if row.get("label", "").startswith(("x1_", "x2_")):
            assert abs(table.loc[row["label"], "standardised"] - row["std.all"]) < LAGGED_ESTIMATE


def test_the_contrast_of_directions_is_the_difference_of_standardised_lags() -> None:
    table = estimate_effects(fit_lagged(models()["cross_lagged"], DATA))
    at = table.set_index("effect")["standardised"]
    lags = {row["label"]: row["std.all"] for row in EXPECTED["cross_lagged"]["parameters"] if row.get("label")}
    x1, x2 = (np.mean([lags[f"{side}_{visit}"] for visit in ("t2", "t3")]) for side in ("x1", "x2"))
    assert abs(at["dir"] - (x2 - x1)) < LAGGED_ESTIMATE


def test_equal_lags_are_tested_by_the_difference_of_chi_squares() -> None:
    free, equal = (fit_lagged(models()[name], DATA) for name in ("cross_lagged", "cross_lagged_equal"))
    found = compare_fits(equal, free)
    difference = EXPECTED["cross_lagged_equal"]["chisq"] - EXPECTED["cross_lagged"]["chisq"]
    assert abs(found.chisq_difference - difference) < LAGGED_CHISQ
    assert found.df_difference == 4
