"""What must hold of the engine for every data set: order, units and names change nothing they should not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinechain.effects import estimate_effects
from kinechain.estimators import fit_model
from kinechain.fit import Status
from kinechain.numerics import Array
from kinechain.numerics.model import NormalModel
from kinechain.numerics.moments import Moments
from kinechain.numerics.ram import curve_moments, differentiate_moments, imply_moments
from kinechain.parameter_rows import build_table
from kinechain.parameter_table import write_table
from kinechain.spec import spec_from_text
from kinechain.syntax import parse_model
from tests.tolerances import FINITE_DIFFERENCE

MODELS = (
    "m ~ a*x + z\ny ~ b*m + z\nind := a*b",
    "m ~ x + z\ny ~ m + x + z",
    "y ~ x\nm ~ x",
    "f =~ m + y + w\nf ~ x + z",
)
NAMES = ("x", "z", "m", "y", "w")
profile = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def people(draw: st.DrawFn, gaps: bool = False) -> dict[str, Array]:
    """Data in which everything is somewhat related, with or without gaps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(60, 200))
    common = rng.normal(size=(n, 1))
    X = common * rng.uniform(0.5, 1.0, 5) + rng.normal(size=(n, 5)) * rng.uniform(0.5, 1.5, 5) + rng.normal(size=5)
    if gaps:
        X[rng.random(X.shape) < 0.15] = np.nan
    return {name: X[:, at] for at, name in enumerate(NAMES)}


def table_of(text: str, data: Any, **choices: Any) -> dict[str, Any]:
    fit = fit_model(spec_from_text(text, **choices), data)
    assert fit.status is not Status.STEP_LIMIT
    frame = estimate_effects(fit).set_index("effect")
    return {"fit": fit, "frame": frame[["estimate", "std_error", "standardised", "standardised_std_error"]]}


def same(one: dict[str, Any], other: dict[str, Any], rel: float = 1e-6) -> None:
    frame = other["frame"].reindex(one["frame"].index)
    assert one["fit"].status == other["fit"].status
    assert np.allclose(one["frame"].to_numpy(), frame.to_numpy(), rtol=rel, atol=1e-8, equal_nan=True)
    for name in ("chisq", "logl", "cfi", "srmr"):
        if one["fit"].status.has_numbers:
            assert one["fit"].measures[name] == pytest.approx(other["fit"].measures[name], rel=1e-6, abs=1e-6)


@profile
@given(people(), st.sampled_from(MODELS), st.randoms(use_true_random=False))
def test_the_order_of_people_and_columns_changes_nothing(data: dict[str, Array], text: str, random: Any) -> None:
    order = np.random.default_rng(random.randint(0, 2**32 - 1)).permutation(len(data["x"]))
    names = list(data)
    random.shuffle(names)
    same(table_of(text, data), table_of(text, {name: data[name][order] for name in names}))


@profile
@given(people(gaps=True), st.sampled_from(MODELS[:3]))
def test_the_order_of_people_with_gaps_changes_nothing(data: dict[str, Array], text: str) -> None:
    choices = {"missing": "fiml", "fixed_x": False, "estimator": "mlr"}
    turned = {name: values[::-1].copy() for name, values in data.items()}
    same(table_of(text, data, **choices), table_of(text, turned, **choices), rel=1e-5)


@profile
@given(people(), st.sampled_from(MODELS), st.sampled_from((1e-4, 0.1, 25.4, 1e5)))
def test_units_rescale_paths_and_leave_standardised_effects_and_fit_alone(
    data: dict[str, Array], text: str, factor: float
) -> None:
    one, other = table_of(text, data), table_of(text, {**data, "x": data["x"] * factor})
    standard = ["standardised", "standardised_std_error"]
    assert np.allclose(one["frame"][standard], other["frame"][standard], rtol=1e-5, atol=1e-7, equal_nan=True)
    if one["fit"].status.has_numbers:
        assert one["fit"].measures["chisq"] == pytest.approx(other["fit"].measures["chisq"], rel=1e-6, abs=1e-6)
        for effect in [name for name in one["frame"].index if name.endswith("~x") and "~~" not in name]:
            assert other["frame"].loc[effect, "estimate"] * factor == pytest.approx(
                one["frame"].loc[effect, "estimate"], rel=1e-5, abs=1e-9
            )


@profile
@given(people())
def test_a_saturated_model_reproduces_the_covariances(data: dict[str, Array]) -> None:
    text = "m ~ x + z\ny ~ m + x + z\nw ~ y + m + x + z"
    fit = fit_model(spec_from_text(text), data)
    implied = imply_moments(fit.groups[0].ram, fit.estimates).Sigma
    assert implied == pytest.approx(fit.saturated[0][1], rel=1e-9, abs=1e-12)
    assert fit.search.steps == 0


@profile
@given(people())
def test_maximum_likelihood_is_least_squares_where_it_should(data: dict[str, Array]) -> None:
    fit = fit_model(spec_from_text(MODELS[0]), data)
    design = np.column_stack([data["m"], data["z"], np.ones(len(data["m"]))])
    beta = np.linalg.lstsq(design, data["y"], rcond=None)[0]
    frame = estimate_effects(fit).set_index("effect")["estimate"]
    assert [frame["y~m"], frame["y~z"]] == pytest.approx(beta[:2], rel=1e-8)


@profile
@given(people(gaps=True), st.sampled_from(MODELS), st.integers(0, 1000))
def test_gradient_and_curvature_equal_finite_differences(data: dict[str, Array], text: str, seed: int) -> None:
    fit = fit_model(spec_from_text(text, missing="fiml", fixed_x=False), data)
    model = NormalModel(fit.groups)
    theta = fit.search.start * np.random.default_rng(seed).uniform(0.9, 1.1, len(fit.search.start))
    try:
        slope = model.slope(theta, exact=True)
        steps = 1e-5 * np.maximum(np.abs(theta), 0.1)
        for k, step in enumerate(steps):
            up, down = theta.copy(), theta.copy()
            up[k], down[k] = up[k] + step, down[k] - step
            value = (model.value(up) - model.value(down)) / (2 * step)
            change = (model.slope(up, exact=True).gradient - model.slope(down, exact=True).gradient) / (2 * step)
            size = 1.0 + np.abs(slope.curvature).max()
            assert slope.gradient[k] == pytest.approx(value, abs=10 * FINITE_DIFFERENCE * size)
            assert slope.curvature[k] == pytest.approx(change, abs=10 * FINITE_DIFFERENCE * size)
    except np.linalg.LinAlgError:  # this start, moved, is outside the domain: nothing to differentiate
        assert (
            not np.isfinite(theta).all()
            or np.linalg.eigvalsh(imply_moments(fit.groups[0].ram, theta).Sigma)[0] <= 1e-12
        )


@profile
@given(st.lists(st.sampled_from(("x", "z", "w", "2*v", "lab*u", "start(.3)*t")), min_size=1, max_size=5, unique=True))
def test_table_and_text_are_two_writings_of_one_model(terms: list[str]) -> None:
    table = build_table(parse_model(f"y ~ {' + '.join(terms)}\nm ~ y + x\nf =~ a + b + c\nf ~ m"))
    assert repr(build_table(parse_model(write_table(table))).rows) == repr(table.rows)


@profile
@given(people())
def test_four_chains_of_one_equivalence_class_fit_alike(data: dict[str, Array]) -> None:
    """Chains that share skeleton and colliders imply the same independences: Verma & Pearl (1990)."""
    from_middle = ("x ~ m\ny ~ m\nw ~ y\nx ~~ 0*w", "m ~ y\nx ~ m\nw ~ y\nx ~~ 0*w")
    chains = ("m ~ x\ny ~ m\nw ~ y", "y ~ w\nm ~ y\nx ~ m", *from_middle)
    moments = np.cov(np.column_stack([data[name] for name in ("x", "m", "y", "w")]), rowvar=False)
    values = [
        fit_model(
            spec_from_text(text, fixed_x=False),
            Moments(("x", "m", "y", "w"), np.zeros(4), moments, 100),
        ).measures["logl"]
        for text in chains
    ]
    assert values == pytest.approx([values[0]] * 4, rel=1e-9)


def test_curvature_is_symmetric() -> None:
    fit = fit_model(
        spec_from_text(MODELS[3]), {n: np.random.default_rng(i).normal(size=80) + i for i, n in enumerate(NAMES)}
    )
    ram = fit.groups[0].ram
    implied = imply_moments(ram, fit.search.start)
    G = np.diag(np.arange(1.0, 6.0))
    curvature = curve_moments(ram, implied, G, np.zeros(5))
    assert curvature == pytest.approx(curvature.T)
    assert differentiate_moments(ram, implied)[1].shape == (5, 5, len(fit.search.start))
