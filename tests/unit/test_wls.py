"""Models of ordered outcomes: what must not change, what is refused, and what every lavaan golden cannot see."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from kinechain.errors import UserError
from kinechain.estimators import fit_model
from kinechain.fit import Fit
from kinechain.fit_record import fit_record
from kinechain.numerics.ordinal_model import imply_statistics
from kinechain.solution import solve_rows
from kinechain.spec import spec_from_text

CHAIN = "m ~ a*x + v\ngrade ~ b*m + v\nlast ~ c*grade + x + v\n"
RELATIVE_STEP = 1e-6


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(21)
    n = 400
    x, v = rng.normal(size=n), rng.normal(size=n)
    m = 0.5 * x + 0.2 * v + rng.normal(size=n)
    grade = 0.6 * m + rng.normal(size=n)
    last = 0.5 * grade + 0.2 * x + rng.normal(size=n)
    return pd.DataFrame(
        {"x": x, "v": v, "m": m, "grade": np.digitize(grade, [-1.0, 0.2, 1.1]), "last": np.digitize(last, [-0.3, 0.9])}
    )


def _fit(
    people: pd.DataFrame, text: str = CHAIN, ordered: tuple[str, ...] = ("grade", "last"), **choices: object
) -> Fit:
    return fit_model(spec_from_text(text, **{"estimator": "wlsmv", "ordered": ordered} | choices), people)


def test_shuffled_people_and_other_codes_for_the_classes_change_nothing(people: pd.DataFrame) -> None:
    fit = _fit(people)
    other = people.sample(frac=1.0, random_state=3)
    other["grade"] = other["grade"].map({0: -7.0, 1: 2.0, 2: 2.5, 3: 90.0})
    again = _fit(other)
    np.testing.assert_allclose(again.estimates, fit.estimates, rtol=1e-6, atol=1e-8)
    assert again.measures["chisq_scaled"] == pytest.approx(fit.measures["chisq_scaled"], rel=1e-6)


def test_rescaling_a_covariate_rescales_its_paths_and_nothing_standardised(people: pd.DataFrame) -> None:
    plain = {(r["lhs"], r["op"], r["rhs"]): r for r in fit_record(_fit(people))["parameters"]}
    scaled = {
        (r["lhs"], r["op"], r["rhs"]): r for r in fit_record(_fit(people.assign(x=people["x"] * 250)))["parameters"]
    }
    assert scaled["m", "~", "x"]["est"] * 250 == pytest.approx(plain["m", "~", "x"]["est"], rel=1e-5)
    for key, row in plain.items():
        assert scaled[key]["std_all"] == pytest.approx(row["std_all"], rel=1e-4, abs=1e-6)


def test_every_ordered_response_has_unit_variance_given_the_covariates_even_as_a_cause(people: pd.DataFrame) -> None:
    fit = _fit(people)
    assert fit.ordinal is not None
    (group,) = fit.ordinal.groups
    conditional = solve_rows(fit)
    row = next(at for at, r in enumerate(fit.table.rows) if r.lhs == r.rhs == "last" and r.op == "~~")
    by = {(r.lhs, r.rhs): conditional.values[at] for at, r in enumerate(fit.table.rows) if r.op == "~"}
    m_variance = next(
        conditional.values[at] for at, r in enumerate(fit.table.rows) if r.lhs == r.rhs == "m" and r.op == "~~"
    )
    grade = 1.0 - by["grade", "m"] ** 2 * m_variance
    own = next(
        conditional.values[at] for at, r in enumerate(fit.table.rows) if r.lhs == r.rhs == "grade" and r.op == "~~"
    )
    assert own == pytest.approx(grade)
    assert conditional.values[row] == pytest.approx(1.0 - by["last", "grade"] ** 2)
    assert np.isfinite(imply_statistics(group.model, fit.estimates.astype(np.complex128))).all()


def test_derivatives_of_the_solution_equal_finite_differences(people: pd.DataFrame) -> None:
    from kinechain.numerics.ordinal_model import complete_cells, differentiate_statistics, total_variances

    fit = _fit(people)
    assert fit.ordinal is not None
    model = fit.ordinal.groups[0].model
    solution = solve_rows(fit)
    exact = differentiate_statistics(model, fit.estimates)[1]
    for at in range(len(fit.estimates)):
        step = np.zeros(len(fit.estimates))
        step[at] = RELATIVE_STEP * max(1.0, abs(fit.estimates[at]))
        for function, slopes in (
            (imply_statistics, exact),
            (complete_cells, solution.value_slopes),
            (total_variances, solution.variance_slopes[0]),
        ):
            high, low = (function(model, (fit.estimates + sign * step).astype(np.complex128)).real for sign in (1, -1))
            np.testing.assert_allclose(slopes[:, at], (high - low) / (2 * step[at]), rtol=1e-5, atol=1e-6)


def test_measures_that_do_not_exist_are_named(people: pd.DataFrame) -> None:
    record = fit_record(_fit(people))
    assert record["undefined"]["logl"] == "weighted least squares has no likelihood"
    assert math.isfinite(record["fit_measures"]["cfi_scaled"])


@pytest.mark.parametrize(
    ("text", "choices", "sentence"),
    [
        (CHAIN, {"ordered": ()}, "wlsmv needs an ordered outcome"),
        (CHAIN, {"ordered": ("grade", "x")}, "`x` is ordered and a covariate: only outcomes are"),
        (CHAIN, {"ordered": ("grade", "nobody")}, "`nobody` is ordered and not part of the model"),
        (CHAIN, {"ordered": ("grade", "m")}, "`m` is ordered and has 400 classes; 20 are the most"),
        (CHAIN, {"missing": "fiml"}, "wlsmv cannot use incomplete people"),
        (CHAIN, {"cluster": "x"}, "wlsmv does not know clusters"),
        (CHAIN + "grade ~~ grade", {}, "the residual variance of `grade` follows from its unit variance"),
    ],
)
def test_what_it_cannot_do_is_refused(
    people: pd.DataFrame, text: str, choices: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UserError) as caught:
        _fit(people, text, **choices)
    assert sentence in str(caught.value)


def test_an_unidentified_model_has_no_number_and_names_its_parameters(people: pd.DataFrame) -> None:
    fit = _fit(people, "f =~ m + grade\nf ~ x\nm ~ x\ngrade ~ x", ("grade",))
    assert fit.status.code == "not_identified"
    assert "`m~x`" in fit.detail
    assert np.isnan(fit.estimates).all()
