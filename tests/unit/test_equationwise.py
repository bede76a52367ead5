"""Equation-wise fits: what they share with the joint model, what they refuse, and what they leave undefined."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from kinechain.effects import estimate_effects
from kinechain.errors import UserError
from kinechain.estimators import fit_model
from kinechain.fit import Fit, Status
from kinechain.fit_record import fit_record
from kinechain.spec import spec_from_text
from tests.tolerances import CLOSED_FORM

CHAIN = "m ~ a*x\ny ~ b*m + x\nind := a*b\n"


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    x = rng.normal(size=200)
    m = 0.5 * x + rng.normal(size=200)
    y = 0.4 * m + rng.normal(size=200)
    unit = rng.integers(0, 10, 200)
    return pd.DataFrame({"x": x, "m": m, "y": y, "yes": (y > 0.2).astype(float), "unit": unit})


def _fit(text: str, people: pd.DataFrame, cluster: str = "", **families: str) -> Fit:
    return fit_model(
        spec_from_text(text, estimator="equationwise", families=tuple(families.items()), cluster=cluster), people
    )


def test_normal_equations_are_the_joint_maximum_likelihood(people: pd.DataFrame) -> None:
    apart = {(r["lhs"], r["op"], r["rhs"]): r for r in fit_record(_fit(CHAIN, people))["parameters"]}
    joint = fit_record(fit_model(spec_from_text(CHAIN, meanstructure=True), people))["parameters"]
    for row in joint:
        own = apart[row["lhs"], row["op"], row["rhs"]]
        assert own["est"] == pytest.approx(row["est"], rel=CLOSED_FORM, abs=CLOSED_FORM)
        assert own["se"] == pytest.approx(row["se"], rel=1e-6)


def test_a_product_across_a_logit_is_undefined_and_says_why(people: pd.DataFrame) -> None:
    fit = _fit(CHAIN.replace("y ~", "yes ~"), people, yes="logit")
    record = fit_record(fit)
    assert record["status"] == "converged"
    assert record["undefined"]["ind"] == (
        "coefficients of `yes` (logit) cannot be multiplied with those of another equation"
    )
    indirect = next(row for row in record["parameters"] if row["lhs"] == "ind")
    assert math.isnan(indirect["est"])
    table = estimate_effects(fit).set_index("effect")
    assert math.isnan(table.loc["indirect:x->m->yes", "estimate"])
    assert math.isnan(table.loc["total:x->yes", "estimate"])
    assert math.isfinite(table.loc["direct:x->yes", "estimate"])
    assert math.isfinite(table.loc["total:x->m", "estimate"])
    assert "cfi" in record["undefined"]
    assert math.isnan(record["fit_measures"]["cfi"])


def test_separated_classes_give_a_status_and_no_number(people: pd.DataFrame) -> None:
    fit = _fit("over ~ x", people.assign(over=(people["x"] > 0).astype(float)), over="logit")
    assert fit.status is Status.STEP_LIMIT
    assert "`over`" in fit.detail
    assert np.isnan(fit.estimates).all()


def test_clusters_change_standard_errors_and_not_estimates(people: pd.DataFrame) -> None:
    plain, robust = (_fit("yes ~ m + x", people, cluster=unit, yes="logit") for unit in ("", "unit"))
    np.testing.assert_array_equal(plain.estimates, robust.estimates)
    assert not np.allclose(plain.covariance, robust.covariance)
    assert robust.rows.n_clusters == 10


@pytest.mark.parametrize(
    ("text", "families", "sentence"),
    [
        ("y ~ x", {"y": "gamma"}, "the family `gamma` of `y` is unknown"),
        ("y ~ x", {"x": "logit"}, "`x` has a family and no equation"),
        ("y ~ m\nm ~ y", {}, "the equations form a loop"),
        ("y ~ 0.5*x", {}, "`y~x` is fixed; equation-wise estimation has no fixed values"),
        ("y ~ a*x\nm ~ a*x", {}, "`y~x`, `m~x` are held equal; equation-wise estimation holds none"),
        ("y ~ x\nm ~ x\ny ~~ m", {}, "`y~~m`: equations fitted one by one have no residual covariance"),
        ("y ~ x", {"y": "logit"}, "`y` must be 0 or 1 for the family logit"),
        ("y ~ x", {"y": "poisson"}, "`y` must be counts: 0, 1, 2 ... for the family poisson"),
        ("y ~ x", {"y": "mixed"}, "the family mixed needs `cluster`"),
        ("y ~ x + 0*1", {}, "`y~1` is fixed; equation-wise estimation has no fixed values"),
        ("y ~ lower(0)*x", {}, "`y~x` is bounded; equation-wise estimation has no bounds"),
        ("y ~ x\ny | t1", {}, "`y|t1`: cuts follow from the family"),
        ("f =~ x + y + m", {}, "equation-wise estimation has no latent variables"),
    ],
)
def test_what_one_equation_cannot_do_is_refused(
    people: pd.DataFrame, text: str, families: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UserError) as caught:
        _fit(text, people, **families)
    assert sentence in str(caught.value)
