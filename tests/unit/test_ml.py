"""Maximum likelihood: closed forms, the optimum, statuses that say what to change, and traps other tools fell into."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kinechain.comparison import compare_fits
from kinechain.effects import estimate_effects
from kinechain.errors import UserError
from kinechain.estimators import ESTIMATORS, estimator, fit_model
from kinechain.fit import Fit, Status, row_gradients, row_values, std_errors_of
from kinechain.inspection import explained_variance, find_modification_indices, find_residuals
from kinechain.numerics import Array
from kinechain.numerics.model import NormalModel
from kinechain.numerics.moments import Moments, moments_from_data, moments_from_published
from kinechain.parameter_table import row_name
from kinechain.spec import spec_from_text
from tests.tolerances import CLOSED_FORM, FINITE_DIFFERENCE, OPTIMUM
from tests.unit.engine_material import CHAIN, FACTOR, SERIAL, factor_data, serial_data


def estimates(fit: Fit) -> dict[str, float]:
    return dict(zip((row_name(row) for row in fit.table.rows), row_values(fit), strict=True))


def least_squares(y: Array, *X: Array) -> tuple[Array, float, Array]:
    """Coefficients (intercept last), residual variance with divisor n, and coefficient variances."""
    design = np.column_stack([*X, np.ones(len(y))])
    beta = np.linalg.solve(design.T @ design, design.T @ y)
    variance = float(np.mean((y - design @ beta) ** 2))
    return beta, variance, variance * np.diag(np.linalg.inv(design.T @ design))


def test_a_recursive_model_is_least_squares_in_no_steps() -> None:
    d = serial_data()
    fit = fit_model(spec_from_text(SERIAL, meanstructure=True), d)
    beta, variance, spread = least_squares(d["y"], d["m"], d["x"], d["z"])
    found = estimates(fit)
    assert [found[name] for name in ("y~m", "y~x", "y~z", "y~1")] == pytest.approx(beta, rel=CLOSED_FORM)
    assert found["y~~y"] == pytest.approx(variance, rel=CLOSED_FORM)
    errors = dict(zip(found, std_errors_of(row_gradients(fit), fit.covariance), strict=True))
    assert [errors[name] ** 2 for name in ("y~m", "y~x", "y~z", "y~1")] == pytest.approx(spread, rel=1e-9)
    assert (fit.status, fit.search.steps) == (Status.CONVERGED, 0)
    assert fit.measures["df"] == 0


def test_log_likelihood_of_given_covariates_is_that_of_regressions() -> None:
    d = serial_data()
    fit = fit_model(spec_from_text(CHAIN, meanstructure=True), d)
    n = len(d["y"])
    variances = [least_squares(d["m"], d["x"], d["z"])[1], least_squares(d["y"], d["m"], d["z"])[1]]
    assert fit.measures["logl"] == pytest.approx(-n / 2 * sum(math.log(2 * math.pi * v) + 1 for v in variances))
    full = least_squares(d["y"], d["m"], d["x"], d["z"])[1]
    assert fit.measures["chisq"] == pytest.approx(n * math.log(variances[1] / full))


def test_moments_give_what_data_give() -> None:
    d = serial_data()
    spec = spec_from_text(SERIAL)
    names = tuple(d)
    moments = moments_from_data(names, np.column_stack(list(d.values())))
    assert row_values(fit_model(spec, moments)) == pytest.approx(row_values(fit_model(spec, d)), rel=1e-9)


@pytest.mark.parametrize("text", [FACTOR, "m ~ a*x + z\ny ~ b*m + z\na == b", "m ~ y + x\ny ~ m + z\nm ~~ 0*y"])
def test_the_search_ends_where_the_gradient_is_zero_along_what_is_free(text: str) -> None:
    d = {**serial_data(300), **{k: v for k, v in factor_data().items() if k != "x"}}
    fit = fit_model(spec_from_text(text), d)
    assert fit.status is Status.CONVERGED
    slope = NormalModel(fit.groups).slope(fit.estimates, exact=False)
    size = np.sqrt(np.diag(slope.curvature))
    gradient = slope.gradient / size
    if "==" in text:  # only the two that are equal may pull, and against each other
        pulling = np.abs(gradient) > OPTIMUM
        assert pulling.sum() == 2
        assert slope.gradient[pulling].sum() == pytest.approx(0.0, abs=OPTIMUM)
    else:
        assert np.abs(gradient).max() < OPTIMUM


def test_standardised_values_are_those_of_standardised_data() -> None:
    d = serial_data()
    z = {name: (values - values.mean()) / values.std() for name, values in d.items()}
    table = estimate_effects(fit_model(spec_from_text(SERIAL), d)).set_index("effect")
    scaled = estimate_effects(fit_model(spec_from_text(SERIAL), z)).set_index("effect")
    for effect in ("m~x", "y~m", "ind", "total", "indirect:x->m->y", "total:x->y", "r2:y"):
        assert table.loc[effect, "standardised"] == pytest.approx(scaled.loc[effect, "estimate"], rel=1e-9)


def test_standard_errors_of_standardised_effects_are_their_finite_differences() -> None:
    fit = fit_model(spec_from_text(SERIAL, fixed_x=False), serial_data())
    from dataclasses import replace

    from kinechain.effects import differentiate_effects

    base, step = differentiate_effects(fit), 1e-6
    for k in range(len(fit.estimates)):
        move = np.zeros_like(fit.estimates)
        move[k] = step
        up = differentiate_effects(replace(fit, estimates=fit.estimates + move)).standardised
        down = differentiate_effects(replace(fit, estimates=fit.estimates - move)).standardised
        assert (up - down) / (2 * step) == pytest.approx(base.standard_slopes[:, k], abs=FINITE_DIFFERENCE)


def test_direct_and_indirect_effects_add_up_to_the_total() -> None:
    table = estimate_effects(fit_model(spec_from_text(SERIAL), serial_data())).set_index("effect")["estimate"]
    assert table["direct:x->y"] + table["total_indirect:x->y"] == pytest.approx(table["total:x->y"], rel=CLOSED_FORM)
    assert table["total"] == pytest.approx(table["total:x->y"], rel=CLOSED_FORM)


def test_inequalities_hold_and_bind_only_where_they_must() -> None:
    d = serial_data()
    free = estimates(fit_model(spec_from_text("y ~ b*m + x"), d))["y~m"]
    slack = estimates(fit_model(spec_from_text("y ~ b*m + x\nb > 0"), d))["y~m"]
    tight = estimates(fit_model(spec_from_text(f"y ~ b*m + x\nb > {2 * free}"), d))["y~m"]
    assert slack == pytest.approx(free, rel=OPTIMUM)
    assert tight == pytest.approx(2 * free, rel=OPTIMUM)


def test_a_nonlinear_constraint_holds() -> None:
    found = estimates(fit_model(spec_from_text("m ~ a*x\ny ~ b*m\nb == a^2"), serial_data()))
    assert found["y~m"] == pytest.approx(found["m~x"] ** 2, rel=OPTIMUM)


def test_nested_models_are_compared_by_their_likelihoods() -> None:
    d = serial_data()
    general, restricted = fit_model(spec_from_text(SERIAL), d), fit_model(spec_from_text(CHAIN), d)
    result = compare_fits(restricted, general)
    assert result.df_difference == 1
    assert result.chisq_difference == pytest.approx(2 * (general.measures["logl"] - restricted.measures["logl"]))
    with pytest.raises(UserError, match="no more degrees of freedom"):
        compare_fits(general, restricted)


def test_a_modification_index_is_the_score_test_of_the_missing_path() -> None:
    """n R^2 of the residual regressed on what is missing: Breusch & Pagan (1980), Review of Economic Studies 47."""
    d = serial_data(2000)
    fit = fit_model(spec_from_text("y ~ m + z\nm ~ x + z"), d)
    index = next(i for i in find_modification_indices(fit) if (i.lhs, i.op, i.rhs) == ("y", "~", "x"))
    restricted, full = least_squares(d["y"], d["m"], d["z"])[1], least_squares(d["y"], d["m"], d["z"], d["x"])[1]
    assert index.mi == pytest.approx(2000 * (1 - full / restricted), rel=1e-6)
    assert index.epc == pytest.approx(least_squares(d["y"], d["x"], d["m"], d["z"])[0][0], rel=1e-6)


def test_residuals_and_explained_variance() -> None:
    d = serial_data()
    fit = fit_model(spec_from_text(CHAIN), d)
    residuals = {(r.lhs, r.rhs): r for r in find_residuals(fit)}
    pairs = residuals.get(("y", "x")) or residuals[("x", "y")]
    assert abs(pairs.standardised) == pytest.approx(
        math.sqrt(next(i.mi for i in find_modification_indices(fit) if (i.lhs, i.rhs) == ("y", "x"))), rel=0.1
    )
    assert residuals[("m", "m")].raw == pytest.approx(0.0, abs=1e-9)
    variance = least_squares(d["m"], d["x"], d["z"])[1]
    assert explained_variance(fit)[0]["m"] == pytest.approx(1 - variance / d["m"].var())


# --- what is refused, and how it is told ---


def test_two_arrows_between_two_variables_are_refused_by_name() -> None:
    """Trap T8: an unidentified loop reported with standard errors in the millions."""
    fit = fit_model(spec_from_text("m ~ y\ny ~ m"), serial_data())
    assert fit.status is Status.NOT_IDENTIFIED
    assert "`m~y`" in fit.detail
    assert "`y~m`" in fit.detail
    assert np.isnan(fit.estimates).all()
    assert np.isnan(row_values(fit)[[row.free > 0 for row in fit.table.rows]]).all()


def test_a_loop_with_an_instrument_on_either_side_is_estimated() -> None:
    """Just identified: each slope is the ratio of two partial covariances with the instrument of its equation."""
    d = serial_data(500)
    rng = np.random.default_rng(3)
    e, u = rng.normal(size=(2, 500))
    d["y"] = (0.6 * d["z"] + u + 0.3 * (0.5 * d["x"] + e)) / (1 - 0.3 * 0.4)
    d["m"] = 0.4 * d["y"] + 0.5 * d["x"] + e
    fit = fit_model(spec_from_text("m ~ y + x\ny ~ m + z\nm ~~ y"), d)
    assert fit.status is Status.CONVERGED
    stage = least_squares(d["m"], d["x"], d["z"])[0][1] / least_squares(d["y"], d["x"], d["z"])[0][1]
    assert estimates(fit)["m~y"] == pytest.approx(stage, rel=OPTIMUM)
    assert fit.measures["chisq"] == pytest.approx(0.0, abs=OPTIMUM)


def test_degrees_of_freedom_leave_given_covariates_out() -> None:
    """A Python peer counts moments among covariates and reports p = .448 where .004 is right."""
    assert fit_model(spec_from_text(CHAIN), serial_data()).measures["df"] == 1


def test_defined_effects_and_all_indices_exist() -> None:
    """Traps T9 and T11: no `:=`, no SRMR, no interval of RMSEA."""
    fit = fit_model(spec_from_text(CHAIN), serial_data())
    assert {"srmr", "rmsea_ci_lower", "rmsea_ci_upper", "cfi", "tli", "bic"} <= set(fit.measures)
    table = estimate_effects(fit).set_index("effect")
    assert table.loc["ind", "estimate"] == pytest.approx(table.loc["m~x", "estimate"] * table.loc["y~m", "estimate"])


def test_the_b_path_is_adjusted_for_the_exposure() -> None:
    """Trap T1: a printed `Y ~ M` that leaves X out is not the b path."""
    d = serial_data()
    table = estimate_effects(fit_model(spec_from_text(SERIAL), d)).set_index("effect")["estimate"]
    assert table["y~m"] == pytest.approx(least_squares(d["y"], d["m"], d["x"], d["z"])[0][0], rel=CLOSED_FORM)


def test_mediators_in_a_row_are_not_taken_side_by_side() -> None:
    """Trap T4: x -> m1 -> m2 -> y has one specific effect through both, and one through each."""
    d = serial_data()
    table = estimate_effects(fit_model(spec_from_text("m ~ x\nz ~ m + x\ny ~ z + m + x"), d))
    indirect = set(table.loc[table["kind"] == "indirect", "effect"])
    assert {"indirect:x->m->y", "indirect:x->z->y", "indirect:x->m->z->y"} <= indirect


def test_groups_are_held_equal_only_where_asked() -> None:
    """Trap T11: several groups are more than separate fits."""
    d = factor_data()
    equal = fit_model(spec_from_text(FACTOR, group="g", group_equal=("loadings",)), d)
    free = fit_model(spec_from_text(FACTOR.replace("g*", ""), group="g"), d)
    assert equal.measures["df"] > free.measures["df"]
    assert fit_model(spec_from_text(FACTOR, group="g"), d).rows.group_labels == ("0", "1")


def test_a_negative_variance_is_shown_and_named() -> None:
    S = np.array([[1.0, 0.7, 0.7], [0.7, 1.0, 0.4], [0.7, 0.4, 1.0]])
    moments = moments_from_published(("a", "b", "c"), np.zeros(3), S, 200)
    fit = fit_model(spec_from_text("f =~ a + b + c"), moments)
    assert fit.status is Status.IMPROPER
    assert fit.detail == "the variance of `a` is -0.2239"
    assert np.isfinite(fit.estimates).all()


def test_a_flat_likelihood_gives_no_numbers() -> None:
    """Two factors that turn out to be uncorrelated with everything else cannot both be scaled."""
    S = np.eye(4)
    S[0, 1] = S[1, 0] = 0.5
    moments = Moments(("a", "b", "c", "d"), np.zeros(4), S, 100)
    fit = fit_model(spec_from_text("f =~ a + b\ng =~ c + d\nf ~~ g"), moments)
    assert not fit.status.has_numbers
    assert np.isnan(fit.estimates).all()
    assert fit.status.value


def told(text: str, data: object, **choices: object) -> str:
    with pytest.raises(UserError) as caught:
        fit_model(spec_from_text(text, **choices), data)
    return str(caught.value)


def test_columns_that_cannot_be_used_are_told_at_once() -> None:
    d = serial_data(50)
    d |= {"one": np.ones(50), "none": np.full(50, np.nan), "far": np.where(d["x"] > 5, np.inf, d["x"])}
    assert "`one` has the same value for everyone" in told("y ~ one + x", d)
    assert "a variable is missing in 50" in told("y ~ none", d)
    assert "`none` has no values" in told("y ~ none + x", d, missing="fiml", fixed_x=False)
    assert "`far` is infinite in" in told("y ~ far", d)
    assert "`xx` is not a column of the data" in told("y ~ xx", d)
    assert "holds text where numbers are needed" in told("y ~ who", {**d, "who": np.array(["p"] * 50)})


def test_an_exact_sum_is_told_by_its_columns() -> None:
    d = serial_data()
    d["w"] = d["x"] + d["z"]
    assert "`w` = `x` + `z`" in told("y ~ x + z + w", d)


def test_rounded_correlations_of_an_exact_sum_are_refused() -> None:
    sd = np.sqrt([2.0, 1.0, 1.0])
    R = (np.array([[2.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]) / np.outer(sd, sd)).round(2)
    S = np.eye(4)
    S[:3, :3] = R
    assert "adds nothing to the others" in told("y ~ w + x + z", Moments(("w", "x", "z", "y"), np.zeros(4), S, 90))


def test_too_few_people_are_told() -> None:
    d = {name: values[:4] for name, values in serial_data().items()}
    assert "4 people are too few for the covariances of 4 variables" in told(CHAIN, d)


def test_moments_no_data_could_have_are_told() -> None:
    S = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.9], [0.0, 0.9, 1.0]])
    assert "not positive definite" in told("a ~ b + c", Moments(("a", "b", "c"), np.zeros(3), S, 100))


def test_the_registry_names_its_estimators() -> None:
    assert {"ml", "mlr"} <= set(ESTIMATORS)
    with pytest.raises(UserError, match=r"`mll` is unknown. Did you mean `mlr?`\?"):
        estimator("mll")


def test_robust_errors_need_people() -> None:
    moments = moments_from_data(("x", "y"), np.random.default_rng(1).normal(size=(50, 2)))
    assert "robust standard errors need data" in told("y ~ x", moments, estimator="mlr")
