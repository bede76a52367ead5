"""Synthetic twins: exact moments, equal linear numbers, refusals, and the audit."""

import numpy as np
import pandas as pd
import pytest

from kinechain.cohort import Cohort
from kinechain.decisions import Decision, Decisions
from kinechain.numerics.moments import moments_from_data
from kinechain.numerics.twin import exact_rows, nearest_distances
from kinechain.spec import spec_from_text
from kinechain.twin import EXACT, audit_twin, furthest, linear_numbers, make_twin
from tests.tolerances import CLOSED_FORM

MODEL = "m ~ a*x + age\ny ~ b*m + x + age\nab := a*b"
SMALLEST = 10


def decisions(**changed: float) -> Decisions:
    values = {"people_per_variable": 5.0, "residual_df": 10.0, "near_share": 0.10, **changed}
    return Decisions({f"twin.{name}": Decision(f"twin.{name}", (value,), "", "", "") for name, value in values.items()})


def people(n: int = 120, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, age = rng.exponential(size=n), rng.integers(20, 60, n).astype(float)
    m = 0.5 * x + 0.02 * age + rng.normal(size=n) ** 3
    return pd.DataFrame({"x": x, "age": age, "m": m, "y": 0.4 * m - 0.1 * x + rng.standard_t(4, n)})


def cohort(frame: pd.DataFrame | None) -> Cohort:
    return Cohort("clinic", "A clinic", frame, None, {}, {}, "cross_sectional", "general", False)


def test_rows_have_exactly_the_moments_asked_for() -> None:
    real = people().to_numpy()
    moments = moments_from_data(("x", "age", "m", "y"), real)
    rows = exact_rows(moments.mean, moments.covariance, len(real), np.random.default_rng(1))
    again = moments_from_data(moments.names, rows)
    np.testing.assert_allclose(again.mean, moments.mean, rtol=CLOSED_FORM, atol=CLOSED_FORM)
    np.testing.assert_allclose(again.covariance, moments.covariance, rtol=CLOSED_FORM, atol=CLOSED_FORM)


def test_moments_that_determine_the_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="3 rows cannot have the moments of 3 variables"):
        exact_rows(np.zeros(3), np.eye(3), 3, np.random.default_rng(1))


def test_linear_numbers_are_the_same_on_the_twin() -> None:
    real, spec = people(), spec_from_text(MODEL, "M", estimator="mlr", missing="fiml")
    twin = make_twin(cohort(real), [spec], decisions(), 1, SMALLEST)
    assert twin.rows is not None and twin.refused == ()
    apart = furthest(linear_numbers(spec, real), linear_numbers(spec, twin.rows))
    assert apart <= EXACT
    assert len(linear_numbers(spec, real)) == 7


def test_linear_numbers_are_those_of_least_squares() -> None:
    real, spec = people(), spec_from_text(MODEL, "M")
    X = np.column_stack([np.ones(len(real)), real[["m", "x", "age"]]])
    beta, *_ = np.linalg.lstsq(X, real["y"], rcond=None)
    residual = real["y"] - X @ beta
    errors = np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * (residual @ residual) / len(real))
    found = linear_numbers(spec, real)
    for place, name in enumerate(("m", "x", "age"), start=1):
        np.testing.assert_allclose(found[f"y~{name}"], (beta[place], errors[place]), rtol=1e-8)


def test_only_complete_people_give_moments() -> None:
    real = people()
    real.loc[:19, "m"] = np.nan
    spec = spec_from_text(MODEL, "M")
    twin = make_twin(cohort(real), [spec], decisions(), 1, SMALLEST)
    assert (twin.n, twin.left) == (100, 20)
    assert twin.rows is not None
    assert furthest(linear_numbers(spec, real.dropna()), linear_numbers(spec, twin.rows)) <= EXACT


def test_too_few_people_for_the_variables_are_refused() -> None:
    spec = spec_from_text(MODEL, "M")
    twin = make_twin(cohort(people(19)), [spec], decisions(), 1, SMALLEST)
    assert twin.rows is None
    assert twin.refused == ("19 people have all 4 variables; 20 are needed. Name fewer models.",)
    twin = make_twin(cohort(people(5)), [spec], decisions(), 1, SMALLEST)
    assert twin.refused == ("fewer than 10 people have all 4 variables; 20 are needed. Name fewer models.",)


def test_a_rare_category_is_refused_without_its_count() -> None:
    real = people()
    real["age"] = (np.arange(len(real)) < 4).astype(float)
    twin = make_twin(cohort(real), [spec_from_text(MODEL, "M")], decisions(), 1, SMALLEST)
    assert twin.refused == ("`age` has a category of fewer than 10 people, whose means the moments would tell.",)


def test_a_published_table_needs_no_twin() -> None:
    twin = make_twin(_moments_cohort(), [spec_from_text(MODEL, "M")], decisions(), 1, SMALLEST)
    assert twin.rows is None and "published table" in twin.refused[0]


def _moments_cohort() -> Cohort:
    moments = moments_from_data(("x", "age", "m", "y"), people().to_numpy())
    return Cohort("paper", "A paper", None, moments, {}, {}, "summary", "general", False)


def test_the_audit_finds_a_copy_and_a_near_copy() -> None:
    real = people().to_numpy()
    copied = audit_twin(real, real)
    assert copied.matches == len(real) and copied.near == 1.0
    near = audit_twin(real, real + 1e-4 * real.std(axis=0))
    assert near.matches == 0 and near.near > 0.9
    rng = np.random.default_rng(5)
    moments = moments_from_data(("x", "age", "m", "y"), real)
    fair = audit_twin(real, exact_rows(moments.mean, moments.covariance, len(real), rng))
    assert fair.matches == 0 and fair.near < 0.2
    assert fair.distances["share"].between(0.05, 0.95).all()


def test_a_twin_that_comes_too_near_is_refused() -> None:
    twin = make_twin(cohort(people()), [spec_from_text(MODEL, "M")], decisions(near_share=-1.0), 1, SMALLEST)
    assert twin.rows is None
    assert twin.refused == ("Of ten twins none kept from real people the distance they keep among themselves.",)


def test_distances_are_to_the_nearest_other() -> None:
    X = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]])
    np.testing.assert_allclose(nearest_distances(X), [5.0, 1.0, 1.0])
    np.testing.assert_allclose(nearest_distances(X, np.array([[0.0, 1.0]])), [1.0, np.hypot(3, 3), 5.0])


def test_a_missing_number_is_never_the_same() -> None:
    assert furthest({"a": (1.0, 2.0)}, {"a": (1.0, float("nan"))}) == np.inf
    assert furthest({"a": (1.0, 2.0)}, {"b": (1.0, 2.0)}) == np.inf
