"""Draws of every effect: right numbers in every draw, the same bits however they are made."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kinechain.effect_plan import contrast_problems, evaluate_plan, plan_effects
from kinechain.effects import estimate_effects
from kinechain.errors import UserError
from kinechain.estimators import fit_model
from kinechain.fit import row_values
from kinechain.io import write_frame
from kinechain.numerics.intervals import limits
from kinechain.numerics.moments import Moments, moments_from_data
from kinechain.numerics.streams import CHUNK, Scheme
from kinechain.people_on_disk import open_people
from kinechain.resampling import (
    draw_effects,
    draws_frame,
    findings,
    interval_table,
    join_draws,
    join_intervals,
    make_drawer,
)
from kinechain.resampling.bollen_stine import bootstrap_fit_test, turn
from kinechain.resampling.drawer import MomentDrawer
from kinechain.resampling.recursive import recursive_model
from kinechain.resampling.sampling import chunk_weights, make_design
from kinechain.solution import solve_rows, standardise_rows
from kinechain.spec import build_spec, spec_from_text
from kinechain.workload import predict
from tests.tolerances import BOOTSTRAP_LIMIT, CLOSED_FORM, FIML_DRAW, SEARCHED_DRAW, SINGLE_PRECISION_LIMIT

OPEN = """
m1 ~ a*x + age
m2 ~ b*m1 + h*x + age
y  ~ c*m2 + d*m1 + e*x + age
chain := a*b*c
contrast := chain - a*d
"""
CHAIN = """
m1 ~ a*x + age
m2 ~ b*m1 + x2
y  ~ c*m2
"""


LATENT = """
f =~ i1 + i2 + i3
g =~ j1 + j2 + j3
f ~ a*x
g ~ b*f + x
ab := a*b
"""


def people(n: int = 80, seed: int = 3, gaps: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 9, n)
    x = rng.normal(10, 3, n) + 0.1 * age
    x2 = rng.normal(size=n) + 0.2 * x
    m1 = 0.5 * x + 0.05 * age + rng.normal(0, 2, n)
    m2 = -0.4 * m1 + 0.2 * x + rng.normal(0, 1.5, n)
    y = 0.3 * m2 + 0.2 * m1 + rng.normal(0, 1, n) + 100
    frame = pd.DataFrame({"age": age, "x": x, "x2": x2, "m1": m1, "m2": m2, "y": y})
    if gaps:
        frame.iloc[:gaps, 4] = np.nan
    return frame


def weighted_fit(frame: pd.DataFrame, weights: np.ndarray, equations: dict[str, list[str]]) -> dict[str, float]:
    """Least squares on the rows as often as they were drawn, and its standardised coefficients."""
    rows = frame.loc[np.repeat(np.arange(len(frame)), weights.astype(int))]
    names = [*dict.fromkeys(v for terms in equations.values() for v in terms if v not in equations)]
    Sigma = pd.DataFrame(np.cov(rows[names].T, bias=True), names, names)
    found = {}
    for outcome, terms in equations.items():
        design = np.column_stack([np.ones(len(rows)), rows[terms]])
        beta = np.linalg.lstsq(design, rows[outcome], rcond=None)[0]
        residual = np.mean((rows[outcome] - design @ beta) ** 2)
        covariance = pd.Series(beta[1:], terms) @ Sigma.loc[terms]
        Sigma.loc[outcome, covariance.index] = covariance
        Sigma[outcome] = Sigma.loc[outcome]
        Sigma.loc[outcome, outcome] = covariance[terms] @ beta[1:] + residual
        for term, b in zip(terms, beta[1:], strict=True):
            found[f"{outcome}~{term}"] = b
            found[f"std:{outcome}~{term}"] = b * np.sqrt(Sigma.loc[term, term] / Sigma.loc[outcome, outcome])
        found[f"r2:{outcome}"] = 1 - residual / Sigma.loc[outcome, outcome]
    return found


@pytest.mark.parametrize(
    "text, equations",
    [
        (OPEN, {"m1": ["x", "age"], "m2": ["m1", "x", "age"], "y": ["m2", "m1", "x", "age"]}),
        (CHAIN, {"m1": ["x", "age"], "m2": ["m1", "x2"], "y": ["m2"]}),
    ],
)
def test_each_draw_is_the_model_fitted_to_the_people_drawn(text, equations):
    frame = people()
    draws = draw_effects(spec_from_text(text), frame, seed=5, draws=CHUNK + 40, cohort="c")
    table = draws_frame(draws)
    design = make_design(Scheme.MULTINOMIAL, len(frame))
    for draw in (0, 17, CHUNK + 39):
        weights = chunk_weights(design, 5, "c", draw // CHUNK)[draw % CHUNK]
        for name, value in weighted_fit(frame, weights, equations).items():
            assert table[name][draw] == pytest.approx(value, abs=CLOSED_FORM * 100, rel=1e-9), name
    assert len(table) == CHUNK + 40


def test_defined_and_derived_effects_follow_from_the_paths_of_their_draw():
    table = draws_frame(draw_effects(spec_from_text(OPEN, covariates=("age",)), people(), seed=5, draws=300))
    for std in ("", "std:"):
        a, b, c, d, e, h = (table[f"{std}{p}"] for p in ("m1~x", "m2~m1", "y~m2", "y~m1", "y~x", "m2~x"))
        assert np.allclose(table[f"{std}chain"], a * b * c)
        assert np.allclose(table[f"{std}contrast"], a * b * c - a * d)
        assert np.allclose(table[f"{std}indirect:x->m1->m2->y"], a * b * c)
        assert np.allclose(table[f"{std}indirect:x->m1->y"], a * d)
        assert np.allclose(table[f"{std}total_indirect:x->y"], a * b * c + a * d + h * c)
        assert np.allclose(table[f"{std}total:x->y"], a * b * c + a * d + h * c + e)
        assert np.allclose(table[f"{std}direct:x->y"], e)
    assert not [name for name in table if "age->" in name]


def test_contrasts_of_any_effects_and_other_units_have_draws_estimates_and_delta_errors():
    contrasts = {
        "long_or_short": {"indirect:x->m1->m2->y": 1, "indirect:x->m1->y": -1},
        "total_of_ten": {"total:x->y": 10},
    }
    spec = build_spec({"equations": OPEN, "contrasts": contrasts})
    frame = people()
    draws = draw_effects(spec, frame, seed=5, draws=CHUNK)
    long, short = (draws.effect(f"indirect:x->{path}->y") for path in ("m1->m2", "m1"))
    assert np.allclose(draws.effect("long_or_short"), long - short, rtol=1e-13, atol=0)
    assert np.allclose(
        draws.effect("total_of_ten", standardised=True), 10 * draws.effect("total:x->y", standardised=True)
    )
    estimates = estimate_effects(fit_model(spec, frame)).set_index("effect")
    assert estimates.loc["total_of_ten", ["estimate", "std_error"]].to_numpy(float) == pytest.approx(
        10 * estimates.loc["total:x->y", ["estimate", "std_error"]].to_numpy(float)
    )
    by_hand = estimate_effects(fit_model(spec_from_text(OPEN + "\nby_hand := a*b*c - a*d"), frame)).set_index("effect")
    for name, column in (("estimate", "estimate"), ("std_error", "std_error")):
        assert estimates.loc["long_or_short", name] == pytest.approx(by_hand.loc["by_hand", column], rel=1e-9)
    table = join_intervals(estimates.reset_index(), draws).set_index("effect")
    assert table.loc["total_of_ten", "low"] == pytest.approx(10 * table.loc["total:x->y", "low"])
    assert table.loc["long_or_short", "kind"] == "contrast"


def test_a_contrast_of_what_is_not_there_is_told_with_the_nearest_name():
    asked = {"c1": {"total:x->yy": 1}, "total:x->y": {"m1~x": 2}}
    spec = build_spec({"equations": OPEN, "contrasts": asked}, where="m")
    absent, taken = contrast_problems(spec)
    assert absent.where == "m: contrasts: c1" and "no effect `total:x->yy`" in absent.what
    assert "total:x->y" in absent.remedy and "has this name already" in taken.what
    with pytest.raises(UserError, match="no effect `total:x->yy`"):
        plan_effects(spec.table, spec.covariates, spec.contrasts)


@pytest.mark.parametrize("n, gaps", [(700, 40), (21_000, 0), (21_000, 900)])
def test_people_on_disk_give_the_same_bits_as_people_in_memory(tmp_path, monkeypatch, n, gaps):
    """Row groups that end in the middle of tiles, gaps, a product that only its factors make up, two processes."""
    monkeypatch.setattr("kinechain.io.ROW_GROUP", 5_000)
    frame = people(n, gaps=gaps)
    path = tmp_path / "people.parquet"
    write_frame(frame, path, {})
    on_disk = open_people(path)
    assert on_disk.ends.size == -(-n // 5_000)
    spec = spec_from_text("m1 ~ a*x + x:age + age\nm2 ~ b*m1 + x\nind := a*b", covariates=("age",))
    in_memory = draw_effects(spec, frame, seed=3, draws=CHUNK + 9, cohort="c", accelerate=n < 1_000)
    from_disk = draw_effects(spec, on_disk, seed=3, draws=CHUNK + 9, cohort="c", accelerate=n < 1_000, cores=2)
    assert in_memory.n == n - gaps
    for key in ("values", "standardised", "estimate", "standardised_estimate", "acceleration"):
        assert np.array_equal(getattr(in_memory, key), getattr(from_disk, key), equal_nan=True), key


def test_single_precision_moves_no_limit_by_what_could_be_seen():
    """Where features are multiplied in single precision, limits stay within a thousandth of their Monte Carlo error."""
    frame = people(24_000)
    drawer = make_drawer(spec_from_text(OPEN), frame)
    assert isinstance(drawer, MomentDrawer) and drawer.source.dtype is np.float32
    double = replace(drawer, source=replace(drawer.source, dtype=np.float64))
    single, exact = (
        limits("percentile", np.concatenate([block.values for block in own.draw(1, "", range(2))], axis=1), (0.95,))
        for own in (drawer, double)
    )
    moving = np.flatnonzero(exact.std_error > 0)
    assert moving.size >= 15
    for side, error in (("low", exact.mc_error_low), ("high", exact.mc_error_high)):
        moved = np.abs(getattr(single, side) - getattr(exact, side))
        assert (moved[moving] < SINGLE_PRECISION_LIMIT * error[moving]).all()


def test_rows_on_disk_are_those_of_the_table_whatever_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("kinechain.io.ROW_GROUP", 7)
    frame = people(50, gaps=3)
    write_frame(frame, tmp_path / "people.parquet", {})
    rows = open_people(tmp_path / "people.parquet").rows_of(["x", "m1:x", "m1", "m2"])
    expected = np.column_stack([frame["x"], frame["m1"] * frame["x"], frame["m1"], frame["m2"]])
    for which in (slice(0, 50), slice(3, 5), slice(6, 8), slice(6, 30), slice(13, 14), slice(49, 60), slice(20, 20)):
        assert np.array_equal(rows[which], expected[which], equal_nan=True)
    assert np.array_equal(np.asarray(rows), expected, equal_nan=True) and rows.shape == (50, 4)


def test_the_same_seed_gives_the_same_bits_in_any_pieces():
    spec, frame = spec_from_text(OPEN), people()
    whole = draw_effects(spec, frame, seed=1, draws=3 * CHUNK + 7, cohort="c")
    again = draw_effects(spec, frame, seed=1, draws=3 * CHUNK + 7, cohort="c")
    parts = [
        draw_effects(spec, frame, seed=1, draws=3 * CHUNK + 7, cohort="c", chunks=chunks)
        for chunks in ([0], [1, 2], [3])
    ]
    joined = join_draws(parts)
    two = draw_effects(spec, frame, seed=1, draws=3 * CHUNK + 7, cohort="c", cores=2)
    for other in (again, joined, two):
        assert np.array_equal(whole.values, other.values) and np.array_equal(whole.standardised, other.standardised)
    assert joined.attempted == whole.attempted == 3 * CHUNK + 7
    assert draws_frame(joined).to_csv() == draws_frame(whole).to_csv()
    fewer = draw_effects(spec, frame, seed=1, draws=100, cohort="c")
    assert np.array_equal(fewer.values, whole.values[:, :100])
    assert not np.array_equal(whole.values, draw_effects(spec, frame, seed=2, draws=3 * CHUNK + 7, cohort="c").values)
    assert not np.array_equal(fewer.values, draw_effects(spec, frame, seed=1, draws=100, cohort="d").values)


def test_models_of_one_cohort_share_their_draws_even_with_gaps():
    """The edge m1~x is the same regression in both models: equal in every draw, not only on average."""
    frame = people(gaps=5)
    frame.loc[:4, "m1"] = np.nan
    first = draw_effects(spec_from_text("m1 ~ x + age"), frame, seed=1, draws=200, cohort="c")
    second = draw_effects(spec_from_text("m1 ~ x + age\nm2 ~ m1"), frame, seed=1, draws=200, cohort="c")
    assert np.allclose(first.effect("m1~x"), second.effect("m1~x"), rtol=1e-12)
    assert second.n == 75


def test_rows_with_gaps_take_no_part():
    frame = people(gaps=6)
    draws = draw_effects(spec_from_text(OPEN), frame, seed=1, draws=50, cohort="c")
    weights = chunk_weights(make_design(Scheme.MULTINOMIAL, 80), 1, "c", 0)[7]
    weights[:6] = 0
    equations = {"m1": ["x", "age"], "m2": ["m1", "x", "age"], "y": ["m2", "m1", "x", "age"]}
    found = weighted_fit(frame.fillna(0), weights, equations)
    assert draws.effect("y~m2")[7] == pytest.approx(found["y~m2"], rel=1e-9)


def test_scales_and_order_of_people_do_not_matter():
    frame = people()
    spec = spec_from_text(OPEN)
    table = interval_table(draw_effects(spec, frame, seed=1, draws=1000)).set_index("effect")
    scaled = interval_table(draw_effects(spec, frame.assign(x=frame.x * 1000 + 7), seed=1, draws=1000)).set_index(
        "effect"
    )
    assert scaled.low["y~x"] * 1000 == pytest.approx(table.low["y~x"], rel=1e-8)
    assert np.allclose(scaled.standardised_low, table.standardised_low, atol=1e-9, equal_nan=True)


def test_correlated_residuals_of_parallel_equations_are_drawn():
    text = "m1 ~ x + age\nm2 ~ x + age\nm1 ~~ m2"
    frame = people()
    assert recursive_model(spec_from_text(text).table) is not None
    draws = draw_effects(spec_from_text(text), frame, seed=1, draws=30)
    X = np.column_stack([np.ones(80), frame.x, frame.age])
    residual = frame[["m1", "m2"]] - X @ np.linalg.lstsq(X, frame[["m1", "m2"]], rcond=None)[0]
    at = draws.names.index("m1~~m2")
    assert draws.estimate[at] == pytest.approx((residual.m1 * residual.m2).mean())
    assert draws.standardised_estimate[at] == pytest.approx(residual.corr().iloc[0, 1])


@pytest.mark.parametrize(
    "text",
    [
        "m1 ~ a*x\nm2 ~ a*m1",
        "m1 ~ 0.5*x",
        "m1 ~ x\nx ~ m1",
        "f =~ m1 + m2 + y\nf ~ x",
        "m1 ~ x\nm2 ~ m1\nm1 ~~ m2",
        "m1 ~ x + age\nm2 ~ x\nm1 ~~ m2",
        "m1 ~ a*x\na > 0",
        "m1 ~ x + age\nx ~~ 0*age\nx ~~ x\nage ~~ age",
    ],
)
def test_least_squares_is_not_used_where_it_is_not_maximum_likelihood(text):
    assert recursive_model(spec_from_text(text).table) is None


def test_a_draw_in_which_a_covariate_does_not_vary_fails_and_is_counted():
    frame = people()
    frame["rare"] = (np.arange(80) < 3).astype(float)
    draws = draw_effects(spec_from_text("y ~ x + rare"), frame, seed=1, draws=4000)
    expected = 4000 * (77 / 80) ** 80
    assert abs(draws.failed - expected) < 4 * np.sqrt(expected)
    assert np.isnan(draws.effect("y~x")).sum() == draws.failed
    table = interval_table(draws)
    assert (table.failed_draws == draws.failed).all() and np.isfinite(table.low[:2]).all()
    (finding,) = findings(draws)
    assert (finding.level, finding.count) == ("note", draws.failed)


def test_more_than_one_failed_draw_in_twenty_is_no_interval():
    frame = people()
    frame["rare"] = (np.arange(80) < 2).astype(float)
    draws = draw_effects(spec_from_text("y ~ x + rare", name="m"), frame, seed=1, draws=1000)
    assert draws.failed > 50 and not draws.is_usable
    table = interval_table(draws)
    assert table[["low", "high", "p_value", "low_90", "standardised_low"]].isna().all(axis=None)
    (finding,) = findings(draws)
    assert finding.level == "error"
    assert finding.what == f"model m: {draws.failed} of 1000 draws could not be fitted"


def test_few_draws_are_said_with_the_error_they_leave():
    draws = draw_effects(spec_from_text("y ~ x", name="m"), people(), seed=1, draws=400)
    (finding,) = findings(draws)
    assert finding.level == "warning"
    assert finding.what == (
        "model m: 400 draws leave each 95 % limit uncertain by about 0.13 standard errors of its effect"
    )
    table = interval_table(draws).set_index("effect")
    assert 0.05 < table.mc_error_low["y~x"] / table.std_error["y~x"] < 0.3


def test_bca_acceleration_is_the_brute_force_jackknife():
    frame, spec = people(), spec_from_text(OPEN)
    draws = draw_effects(spec, frame, seed=1, draws=10, accelerate=True)
    left_out = [draw_effects(spec, frame.drop(index=i), seed=1, draws=10).estimate for i in range(len(frame))]
    deviation = np.mean(left_out, axis=0) - np.array(left_out)
    expected = (deviation**3).sum(axis=0) / (6 * (deviation**2).sum(axis=0) ** 1.5)
    assert np.allclose(draws.acceleration, expected, atol=1e-9)


def test_r2_has_an_estimate_and_draws_but_no_limits():
    """Resampled R2 is biased upwards twice over: with 12 regressors its percentile limits hold it in 2 samples of 3."""
    draws = draw_effects(spec_from_text("y ~ x"), people(), seed=1, draws=1000)
    row = interval_table(draws).set_index("effect").loc["r2:y"]
    assert np.isnan(row.low) and np.isnan(row.high) and np.isnan(row.p_value) and row.draws == 1000
    assert np.isfinite(draws.effect("r2:y")).all()


def test_a_stratum_too_small_is_refused_by_name():
    strata = np.array(["north"] * 76 + ["south"] * 4)
    with pytest.raises(UserError) as caught:
        draw_effects(spec_from_text("y ~ x"), people(), seed=1, scheme=Scheme.STRATIFIED, strata=strata)
    assert str(caught.value) == (
        "model: stratum `south` has fewer than 5 people: too few to resample. "
        "Join it with another stratum, or leave it out."
    )


@pytest.mark.parametrize("scheme, needed", [(Scheme.MOMENT_NORMAL, "10,000"), (Scheme.POISSON, "1,000")])
def test_approximations_are_refused_for_few_people(scheme, needed):
    with pytest.raises(UserError) as caught:
        draw_effects(spec_from_text("y ~ x"), people(), seed=1, scheme=scheme)
    assert str(caught.value) == (
        f"model: `{scheme.name.lower()}` draws are not valid for 80 people: they need {needed}. "
        "Use `multinomial`, the bootstrap itself."
    )


def test_cluster_draws_spread_as_clusters_do():
    """Every person five times over: resampling clusters of copies is resampling the 80 people."""
    frame = people()
    copies = pd.concat([frame] * 5, ignore_index=True)
    cluster = np.tile(np.arange(80), 5)
    spec = spec_from_text(OPEN)
    by_cluster = draw_effects(spec, copies, seed=1, draws=600, scheme=Scheme.CLUSTER, cluster=cluster)
    by_person = draw_effects(spec, copies, seed=1, draws=600)
    ratio = by_cluster.effect("y~m2").std() / by_person.effect("y~m2").std()
    assert ratio == pytest.approx(np.sqrt(5), rel=0.15)
    weights = chunk_weights(make_design(Scheme.CLUSTER, 400, cluster=cluster), 1, "", 0)[3]
    equations = {"m1": ["x", "age"], "m2": ["m1", "x", "age"], "y": ["m2", "m1", "x", "age"]}
    assert by_cluster.effect("y~m2")[3] == pytest.approx(weighted_fit(copies, weights, equations)["y~m2"], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "scheme", [Scheme.MULTINOMIAL, Scheme.POISSON, Scheme.TWO_POINT, Scheme.MOMENT_NORMAL, Scheme.STRATIFIED]
)
def test_many_people_are_taken_tile_by_tile_and_spread_as_theory_says(scheme):
    """Standard deviation of the draws against the sandwich standard error of least squares (n = 21,000)."""
    frame = people(21_000)
    strata = np.arange(21_000) % 2 if scheme is Scheme.STRATIFIED else None
    draws = draw_effects(spec_from_text("y ~ m2 + m1 + x"), frame, seed=1, draws=1024, scheme=scheme, strata=strata)
    X = np.column_stack([np.ones(len(frame)), frame[["m2", "m1", "x"]]])
    beta = np.linalg.lstsq(X, frame.y, rcond=None)[0]
    u = frame.y - X @ beta
    bread = np.linalg.inv(X.T @ X)
    robust = np.sqrt(np.diag(bread @ (X.T * (u**2).to_numpy()) @ X @ bread))
    for k, name in enumerate(("y~m2", "y~m1", "y~x"), start=1):
        found = draws.effect(name)
        assert found.std(ddof=1) == pytest.approx(robust[k], rel=4 / np.sqrt(2 * 1024))
        assert abs(found.mean() - beta[k]) < 4 * robust[k] / np.sqrt(1024)
        assert draws.estimate[draws.names.index(name)] == pytest.approx(beta[k], rel=1e-5)


def test_published_moments_are_drawn_under_normality_and_labelled_so():
    """Regression on normal data: draws spread as the least-squares standard error; nobody was resampled."""
    frame = people(300)
    names = ("x", "age", "m1")
    moments = moments_from_data(names, frame[list(names)].to_numpy())
    draws = draw_effects(spec_from_text("m1 ~ x + age"), moments, seed=1, draws=4000)
    table = interval_table(draws).set_index("effect")
    assert set(table.interval) == {"monte_carlo"} and draws.scheme is Scheme.PARAMETRIC and draws.n == 300
    X = np.column_stack([np.ones(300), frame.x, frame.age])
    beta, rss = np.linalg.lstsq(X, frame.m1, rcond=None)[:2]
    error = np.sqrt(rss[0] / 300 * np.linalg.inv(X.T @ X)[1, 1])
    assert table.std_error["m1~x"] == pytest.approx(error, rel=0.05)
    assert draws.estimate[0] == pytest.approx(beta[1])
    r = np.corrcoef(frame.x, frame.m1)[0, 1]
    alone = draw_effects(spec_from_text("m1 ~ x"), moments, seed=1, draws=4000)
    correlation = interval_table(alone).set_index("effect").loc["m1~x"]
    fisher = np.tanh(np.arctanh(r) + np.array([-1, 1]) * stats.norm.ppf(0.975) / np.sqrt(297))
    assert [correlation.standardised_low, correlation.standardised_high] == pytest.approx(fisher, abs=0.02)


@pytest.mark.parametrize("text", [OPEN, LATENT])
def test_monte_carlo_draws_spread_as_the_standard_errors_say(text):
    frame, spec = many(), spec_from_text(text)
    draws = draw_effects(spec, frame, seed=1, draws=4000, scheme=Scheme.MONTE_CARLO)
    fit = fit_model(spec, frame)
    known = estimate_effects(fit).set_index("effect")
    table = interval_table(draws, "monte_carlo").set_index("effect")
    for name in [effect.name for effect in draws.plan.effects if effect.kind in ("path", "loading")]:
        if known.std_error[name] > 0:
            assert table.std_error[name] == pytest.approx(known.std_error[name], rel=0.05), name
    assert np.allclose(draws.estimate, known.estimate[list(draws.names)], rtol=1e-6, atol=1e-9)
    assert np.allclose(draws.standardised_estimate, known.standardised[list(draws.names)], rtol=1e-6, atol=1e-9)


def test_monte_carlo_limits_of_standardised_effects_agree_with_the_bootstrap_of_normal_data():
    frame, spec = people(600), spec_from_text(OPEN)
    drawn = interval_table(draw_effects(spec, frame, seed=1, draws=4000, scheme=Scheme.MONTE_CARLO), "monte_carlo")
    resampled = interval_table(draw_effects(spec, frame, seed=1, draws=4000))
    ratio = (drawn.standardised_std_error / resampled.standardised_std_error)[~drawn.effect.str.startswith("r2:")]
    assert ((ratio > 0.85) & (ratio < 1.15)).all()


def test_resampled_people_are_not_passed_off_as_monte_carlo():
    with pytest.raises(UserError, match="these draws resampled people"):
        interval_table(draw_effects(spec_from_text("y ~ x"), people(), seed=1, draws=20), "monte_carlo")


def test_published_moments_cannot_give_bca():
    moments = Moments(("x", "y"), np.zeros(2), np.array([[1, 0.3], [0.3, 1]]), 50)
    with pytest.raises(ValueError, match="nobody can be left out"):
        draw_effects(spec_from_text("y ~ x"), moments, seed=1, draws=10, accelerate=True)


def test_limits_join_the_table_of_estimates():
    draws = draw_effects(spec_from_text(OPEN), people(), seed=1, draws=1000)
    estimates = pd.DataFrame({"effect": ["chain", "y~x"], "estimate": [0.1, 0.2], "low": np.nan, "unit": "kg"})
    joined = join_intervals(estimates, draws)
    assert list(joined.effect) == ["chain", "y~x"] and list(joined.estimate) == [0.1, 0.2]
    assert np.isfinite(joined.low).all() and list(joined.unit) == ["kg", "kg"]
    with pytest.raises(ValueError, match="no draws for nothing"):
        join_intervals(pd.DataFrame({"effect": ["nothing"]}), draws)


def with_gaps(n: int = 300, seed: int = 8) -> pd.DataFrame:
    """People whose later measures are missing more often the higher their x: missing at random, in many patterns."""
    frame = people(n, seed)
    rng = np.random.default_rng(seed)
    for name, share in (("m1", 0.15), ("m2", 0.25), ("y", 0.2), ("age", 0.05)):
        chance = share * 2 / (1 + np.exp(-(frame.x - frame.x.mean()) / frame.x.std()))
        frame.loc[rng.random(n) < chance, name] = np.nan
    return frame


@pytest.mark.parametrize("text", [OPEN, CHAIN])
def test_each_fiml_draw_is_the_fit_to_the_people_drawn(text):
    """Against the engine's own search for the maximum, on the rows as often as they were drawn."""
    frame = with_gaps()
    spec = spec_from_text(text, missing="fiml", fixed_x=False)
    draws = draw_effects(spec, frame, seed=5, draws=60, cohort="c")
    assert draws.failed == 0
    weights = chunk_weights(make_design(Scheme.MULTINOMIAL, len(frame)), 5, "c", 0)
    deviation = np.nanstd(draws.values, axis=1)
    for draw in (0, 31, 59):
        rows = frame.loc[np.repeat(np.arange(len(frame)), weights[draw].astype(int))].reset_index(drop=True)
        fit = fit_model(spec, rows)
        for row, value in zip(fit.table.rows, row_values(fit), strict=True):
            if row.op == "~":
                name = f"{row.lhs}~{row.rhs}"
                error = abs(draws.effect(name)[draw] - value) / deviation[draws.names.index(name)]
                assert error < FIML_DRAW, name
    whole = fit_model(spec, frame)
    for at, effect in enumerate(draws.plan.effects):
        if effect.kind == "path":
            assert draws.estimate[at] == pytest.approx(row_values(whole)[effect.row], abs=1e-5 * deviation[at] * 17)


def test_fiml_draws_are_the_same_bits_in_any_pieces_and_for_more_people_of_whom_nothing_is_known():
    spec, frame = spec_from_text(OPEN, missing="fiml", fixed_x=False), with_gaps(120)
    whole = draw_effects(spec, frame, seed=1, draws=CHUNK + 30, cohort="c")
    parts = [draw_effects(spec, frame, seed=1, draws=CHUNK + 30, cohort="c", chunks=[k]) for k in (0, 1)]
    assert np.array_equal(whole.values, join_draws(parts).values)
    assert draw_effects(spec, frame.assign(y=frame.y.where(frame.index > 3)), seed=1, draws=10).n == 120


def test_rows_without_a_fixed_covariate_take_no_part():
    frame = with_gaps(200)
    draws = draw_effects(spec_from_text("m1 ~ x + age\nm2 ~ m1", missing="fiml"), frame, seed=1, draws=5)
    assert draws.n == frame.age.notna().sum()


def test_fiml_of_complete_data_is_least_squares():
    frame = people()
    fiml = draw_effects(spec_from_text(OPEN, missing="fiml"), frame, seed=1, draws=50)
    plain = draw_effects(spec_from_text(OPEN), frame, seed=1, draws=50)
    assert np.array_equal(fiml.values, plain.values)


def test_two_measures_never_seen_together_are_refused():
    frame = people(200)
    frame.loc[:99, "m1"] = np.nan
    frame.loc[100:, "m2"] = np.nan
    with pytest.raises(UserError) as caught:
        draw_effects(spec_from_text("m2 ~ m1", missing="fiml", fixed_x=False), frame, seed=1, draws=5)
    assert "do not identify the model" in str(caught.value)


@pytest.mark.slow
def test_bca_with_gaps_leaves_each_person_out():
    frame, spec = with_gaps(60), spec_from_text("m1 ~ x\ny ~ m1 + x", missing="fiml", fixed_x=False)
    draws = draw_effects(spec, frame, seed=1, draws=10, accelerate=True)
    left_out = [draw_effects(spec, frame.drop(index=i), seed=1, draws=1).estimate for i in frame.index]
    deviation = np.mean(left_out, axis=0) - np.array(left_out)
    expected = (deviation**3).sum(axis=0) / (6 * (deviation**2).sum(axis=0) ** 1.5)
    assert np.allclose(draws.acceleration, expected, atol=2e-3)


RESIDUAL = "m1 ~ a*x + age\nm2 ~ b*m1 + age\ny ~ c*m2\nm1 ~~ m2\nabc := a*b*c"
EQUAL = "m1 ~ a*x + age\nm2 ~ a*m1 + x"
LOOP = "m1 ~ m2 + x\nm2 ~ m1 + x2"
GROUPS = "m1 ~ c(a1, a2)*x\nm2 ~ c(b, b)*m1\nab := a1*b"


def many(n: int = 240, seed: int = 4) -> pd.DataFrame:
    frame = people(n, seed)
    rng = np.random.default_rng(seed + 1000)
    f = 0.5 * frame.x + rng.normal(0, 1, n)
    g = 0.4 * f + rng.normal(0, 1, n)
    for k in (1, 2, 3):
        frame[f"i{k}"] = (0.5 + 0.2 * k) * f + rng.normal(0, 0.8, n)
        frame[f"j{k}"] = (1.2 - 0.2 * k) * g + rng.normal(0, 0.8, n)
    frame["site"] = np.where(rng.random(n) < 0.4, "south", "north")
    return frame


@pytest.mark.slow
@pytest.mark.parametrize("text", [LATENT, RESIDUAL, EQUAL, LOOP, GROUPS])
@pytest.mark.parametrize("missing", ["listwise", "fiml"])
def test_each_searched_draw_is_the_fit_to_the_people_drawn(text, missing):
    """Against the engine's own fit of the rows as often as they were drawn, raw and standardised."""
    frame = many()
    if missing == "fiml":
        rng = np.random.default_rng(1)
        for name in ("m1", "m2", "y", "i1", "j3"):
            frame.loc[rng.random(len(frame)) < 0.12, name] = np.nan
    group = "site" if text is GROUPS else ""
    spec = spec_from_text(text, missing=missing, group=group)
    draws = draw_effects(spec, frame, seed=2, draws=40, cohort="c")
    assert draws.failed == 0
    scheme = Scheme.STRATIFIED if group else Scheme.MULTINOMIAL
    assert draws.scheme is scheme
    design = make_design(scheme, len(frame), strata=frame.site.to_numpy() if group else None)
    weights = chunk_weights(design, 2, "c", 0)
    deviation = np.nanstd(draws.values, axis=1), np.nanstd(draws.standardised, axis=1)
    for draw in (0, 20):
        rows = frame.loc[np.repeat(np.arange(len(frame)), weights[draw].astype(int))]
        rows = pd.concat([rows[rows.site == frame.site[0]], rows[rows.site != frame.site[0]]], ignore_index=True)
        fit = fit_model(spec, rows)
        solution = solve_rows(fit)
        standardised, _ = standardise_rows(fit.table, solution, "all")
        expected = evaluate_plan(draws.plan, solution.values[:, None], standardised[:, None])
        for ours, theirs, spread in zip((draws.values, draws.standardised), expected, deviation, strict=True):
            assert np.abs((ours[:, draw] - theirs[:, 0]) / np.maximum(spread, 1e-9)).max() < SEARCHED_DRAW


def test_a_loop_has_totals_and_no_specific_effects():
    draws = draw_effects(spec_from_text(LOOP), many(), seed=2, draws=20)
    b12, b21, gamma = draws.effect("m1~m2"), draws.effect("m2~m1"), draws.effect("m1~x")
    assert np.allclose(draws.effect("total:x->m1"), gamma / (1 - b12 * b21))
    assert not [effect for effect in draws.plan.effects if effect.kind == "indirect"]


def test_published_moments_of_a_model_without_closed_form_are_searched():
    frame = many()
    names = ("x", "age", "m1", "m2", "y")
    moments = moments_from_data(names, frame[list(names)].to_numpy())
    draws = draw_effects(spec_from_text(RESIDUAL), moments, seed=2, draws=600)
    fit = fit_model(spec_from_text(RESIDUAL), moments)
    error = np.sqrt(np.diag(fit.covariance))[fit.table.parameter_names().index("c")]
    assert draws.effect("y~m2").std() == pytest.approx(error, rel=0.15) and draws.failed == 0


def test_parameters_are_not_drawn_under_normality_where_that_is_not_offered():
    with pytest.raises(UserError, match="Monte Carlo draws are offered for ml and mlr, not for wlsmv"):
        draw_effects(spec_from_text("m1 ~ x", estimator="wlsmv"), many(), seed=1, draws=5, scheme=Scheme.MONTE_CARLO)


REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference answers from lavaan are not beside this checkout")
@pytest.mark.parametrize("kind, key", [("percentile", "perc"), ("bca", "bca")])
def test_limits_agree_with_lavaans_bootstrap(kind, key):
    bootstrap = json.loads((REFERENCE / "bootstrap_chain_open_5000.json").read_text())
    model = json.loads((REFERENCE / "chain_open_ml.json").read_text())["model"]
    frame = pd.read_csv(REFERENCE / "cohort_300.csv")
    spec = spec_from_text(model, covariates=("age", "sex", "bmi", "screen"))
    draws = draw_effects(spec, frame, seed=11, draws=20_000, accelerate=kind == "bca")
    table = interval_table(draws, kind).set_index("effect")
    ratio = np.sqrt(1 + 20_000 / bootstrap["B"])  # both sides have Monte Carlo error
    compared = 0
    for row in bootstrap[key]:
        name = row["lhs"] if row["op"] == ":=" else f"{row['lhs']}{row['op']}{row['rhs']}"
        if name in table.index:
            ours = table.loc[name]
            assert abs(ours.low - row["ci.lower"]) < BOOTSTRAP_LIMIT * ratio * ours.mc_error_low, name
            assert abs(ours.high - row["ci.upper"]) < BOOTSTRAP_LIMIT * ratio * ours.mc_error_high, name
            compared += 1
    assert compared >= 45


@pytest.mark.slow
def test_the_bollen_stine_test_holds_its_level_and_sees_a_missing_arrow():
    """Turned data fit to rounding; p-values of 60 samples of a true model are uniform; a false one is seen."""
    frame, spec = people(200), spec_from_text("m1 ~ x + age\nm2 ~ m1\ny ~ m2 + m1")
    fit = fit_model(spec, frame)
    turned = pd.DataFrame(turn(frame[list(fit.table.observed)].to_numpy(), fit), columns=list(fit.table.observed))
    assert fit_model(spec, turned).measures["chisq"] == pytest.approx(0.0, abs=1e-8)
    found = bootstrap_fit_test(spec, frame, seed=1, draws=1000)
    assert found.chisq == pytest.approx(fit.measures["chisq"]) and found.df == fit.measures["df"] and found.failed == 0
    assert found.p_value < 0.01  # the arrow x -> m2 is missing
    assert found.statistics.mean() == pytest.approx(found.df, rel=0.15)
    p_values = []
    for seed in range(60):
        own = people(200, seed=100 + seed).assign(m2=lambda f: f.m2 - 0.2 * f.x, y=lambda f: f.y - 0.06 * f.x)
        p_values.append(bootstrap_fit_test(spec, own, seed=1, draws=150).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_the_bollen_stine_test_of_a_latent_model_is_searched():
    spec = spec_from_text(LATENT)
    found = bootstrap_fit_test(spec, many(), seed=1, draws=300)
    assert found.failed == 0 and found.statistics.mean() == pytest.approx(found.df, rel=0.2)


def test_nothing_to_test_is_said():
    with pytest.raises(UserError, match="there is nothing to test"):
        bootstrap_fit_test(spec_from_text("m1 ~ x + age"), people(), seed=1)


@pytest.mark.slow
def test_imputation_within_the_bootstrap_agrees_with_maximum_likelihood():
    """Normal data missing at random: both estimate the same path with about the same spread."""
    frame = with_gaps(200)
    text = "m1 ~ x\nm2 ~ m1 + x"
    imputed = draw_effects(spec_from_text(text), frame, seed=1, draws=24, scheme=Scheme.IMPUTATION, chunks=[0])
    assert imputed.method.endswith("5 imputations averaged in each draw") and imputed.failed == 0
    fiml = draw_effects(spec_from_text(text, missing="fiml", fixed_x=False), frame, seed=1, draws=24)
    ours, theirs = imputed.effect("m2~m1"), fiml.effect("m2~m1")
    assert np.corrcoef(ours, theirs)[0, 1] > 0.8  # the same people in the same draws
    assert abs(ours.mean() - theirs.mean()) < 2 * theirs.std() / np.sqrt(24)


def test_the_predicted_cost_does_not_depend_on_the_machine_and_grows_with_the_work():
    few, many_people = (predict(OPEN, n=n, estimator="ml", missing="listwise") for n in (80, 8000))
    gaps = predict(OPEN, n=80, estimator="ml", missing="fiml")
    assert few < many_people < 1e-3 and few < gaps < 1e-3
