"""The checks on a small drawn cohort whose truth is known, and the contract every check keeps."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from kinechain.checks import CHECKS, CheckPlan, CheckResult, Study, run_checks
from kinechain.checks.atlas import loglikelihood
from kinechain.checks.plan import EXPLORATORY, Instrument, Question
from kinechain.checks.reliability import latent_model, refuse
from kinechain.cohort import Cohort
from kinechain.decisions import Decision, Decisions
from kinechain.estimators import fit_model
from kinechain.fit import row_values
from kinechain.graph import graph_of
from kinechain.methods import FROM_COMPLETE_PEOPLE
from kinechain.numerics.moments import moments_from_data
from kinechain.spec import spec_from_text
from tests.tolerances import CLOSED_FORM
from tests.unit.evidence_material import DECISIONS

N = 400
MEASURES = {"x": "x_deg", "m": "m_deg", "y": "ndi_total50"}


def people(seed: int = 8) -> pd.DataFrame:
    """x -> m -> y with one covariate, a third of a slope each; w touches nothing; a few gaps; a second measure of x."""
    rng = np.random.default_rng(seed)
    c, w, noise = rng.standard_normal((3, N))
    x = 0.4 * c + rng.standard_normal(N)
    m = 0.5 * x + 0.3 * c + rng.standard_normal(N)
    y = 0.5 * m + 0.2 * c + rng.standard_normal(N)
    frame = pd.DataFrame({"x": 10 * x - 70, "m": 5 * m, "y": 4 * y + 8, "c": c, "w": w, "x2": -(x + 0.3 * noise)})
    frame.loc[:19, "y"] = np.nan
    return frame


def study(frame: pd.DataFrame | None = None, **changes: object) -> Study:
    frame = people() if frame is None else frame
    codebook = [
        {"measure": "x_deg", "orientation": -1, "reliability": 0.9},
        {"measure": "m_deg", "orientation": 1, "reliability": 0.8},
        {"measure": "ndi_total50", "orientation": 1, "reliability": None},
        {"measure": "x2", "orientation": -1, "reliability": 0.9},
    ]
    cohort = Cohort(
        name="drawn",
        title="Drawn",
        people=frame,
        moments=None,
        constructs=MEASURES,
        units={"x": "deg", "m": "deg", "y": "points"},
        design="cross_sectional",
        sampling_frame="general",
        synthetic=True,
        extra={"codebook": codebook},
    )
    models = {
        "open": spec_from_text("m ~ a*x + c\ny ~ b*m + x + c", "open"),
        "closed": spec_from_text("m ~ x + c\ny ~ m + c", "closed"),
        "joint": spec_from_text("x ~ c\nm ~ x + c\ny ~ m + c", "joint"),
    }
    plan = CheckPlan(
        main_model="open",
        edges=(("m", "x"), ("y", "m")),
        product="a*b",
        total=Question("x", "y", adjust="c"),
        atlas_models=("joint",),
        time_order=(("x",), ("y",)),
        alternatives={"x": ("x2",)},
        negative_controls=(Question("x", "w", adjust="c", why="w is drawn apart"), Question("c", "m", why="not apart")),
        threshold=Question("x", "y", adjust="c", at="threshold.exposure_tight"),
        splines=(Question("x", "y", adjust="c"),),
        moderation=(
            Question("x", "y", mediator="m", moderator="w", adjust="c", path="first"),
            Question("x", "y", mediator="m", moderator="w", adjust="c", path="second"),
        ),
        natural_effects=(
            Question("x", "y", mediator="m", adjust="c", contrast="contrast.exposure"),
            Question("x", "y", mediator="m", adjust="c", contrast="contrast.exposure", cut="mcid"),
        ),
    )
    macros: dict[str, str] = {}
    made = Study(cohort, models, macros, plan, DECISIONS, pd.DataFrame(columns=["model", "effect"]), 1)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type] # field names are checked by replace itself


@pytest.fixture(scope="module")
def results() -> dict[str, CheckResult]:
    return run_checks(study())


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_keeps_the_contract(name, results):
    result = results[name]
    assert result.name == name
    assert isinstance(result.table, pd.DataFrame)
    assert len(result.table.columns) > 0
    assert len(result.table) or result.notes, "an empty table says why"
    again = CHECKS[name](study())
    pd.testing.assert_frame_equal(result.table, again.table)


@pytest.mark.parametrize("name", FROM_COMPLETE_PEOPLE)
def test_checks_said_to_use_complete_people_use_no_others(name, results):
    """The twenty people without y are in none of them, whichever rows it has; the pair of x and w has no gap."""
    table = results[name].table
    if name == "negative_controls":
        table = CHECKS[name](study(people().assign(w=lambda frame: frame["w"].where(frame["y"].notna())))).table
        table = table[table["control"] == "x -> w"]
    elif "effect" in table:
        table = table[table["effect"].isin(["y~m", "extra_slope"])]
    assert len(table)
    assert set(table["n"]) == {N - 20}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_says_why_it_cannot_be_asked_of_published_moments(name):
    made = study()
    moments = moments_from_data(("x", "m", "y", "c", "w", "x2"), people().dropna().to_numpy())
    published = dataclasses.replace(made.cohort, people=None, moments=moments, design="summary")
    result = CHECKS[name](dataclasses.replace(made, cohort=published))
    assert len(result.table) or result.notes


def test_no_check_shows_a_value_that_belongs_to_one_person(results):
    lowest, highest = people()["x"].min(), people()["x"].max()
    grid = results["splines"].table["exposure"]
    assert lowest < grid.min()
    assert grid.max() < highest


def test_the_log_likelihood_of_a_graph_is_the_engines():
    made = study()
    spec = made.models["joint"]
    moments = made.moments(spec.table.observed)
    fit = fit_model(spec, moments)
    assert loglikelihood(graph_of(spec), moments, spec.table.exogenous) == pytest.approx(fit.measures["logl"], abs=1e-6)


def test_every_member_of_the_atlas_has_the_same_likelihood_and_time_prunes(results):
    table = results["atlas"].table
    assert len(table) == 3
    assert table["difference"].abs().max() < 1e-9
    assert list(table["pruned"].astype(bool)) == [False, False, True]
    assert table["meaning"].iloc[0] == "as fitted"
    assert "One wave cannot tell them apart." in results["atlas"].notes[0]
    assert table["pruned"].iloc[2] == "time order: y -> x"
    assert results["atlas"].notes[1] == (
        "Time prunes 1 of 3, in which something later would act on something earlier: 3 (y -> x)."
    )


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (
            (("c",), ("x",)),
            "neither `time_order` nor visits put one segment before another, and arrows of covariates are ",
        ),
        ((("x",), ("y",)), "in none would something later act on something earlier."),
    ],
)
def test_an_atlas_that_time_does_not_prune_says_so(order, said):
    """Nothing joins y to x or m here, so that its place in time rules nothing out."""
    made = study(models={"joint": spec_from_text("x ~ c\nm ~ x + c\ny ~ c\nm ~~ 0*y", "joint")})
    result = CHECKS["atlas"](dataclasses.replace(made, plan=dataclasses.replace(made.plan, time_order=order)))
    assert list(result.table["pruned"]) == ["", ""]
    assert result.notes[1].startswith(f"Time prunes none of them: {said}")


def visited(names: dict[str, str]) -> Cohort:
    """The drawn people as a cohort of two visits: variable -> its name with a visit."""
    return dataclasses.replace(study().cohort, people=people().rename(columns=names), extra={"visits": ["bl", "fu"]})


def test_the_order_of_visits_prunes_without_being_declared():
    """x at the first visit, m and y at the second: only the graph in which x comes first is left."""
    cohort = visited({"x": "x_bl", "m": "m_fu", "y": "y_fu"})
    made = study(cohort=cohort, models={"joint": spec_from_text("x_bl ~ c\nm_fu ~ x_bl + c\ny_fu ~ m_fu + c", "joint")})
    plan = dataclasses.replace(made.plan, time_order=())
    result = CHECKS["atlas"](dataclasses.replace(made, plan=plan))
    assert list(result.table["pruned"]) == ["", "time order: m_fu -> x_bl", "time order: m_fu -> x_bl; y_fu -> x_bl"]
    assert result.notes == (
        "joint: 3 equivalent graphs have one likelihood. The likelihood cannot tell them apart.",
        "Time prunes 2 of 3, in which something later would act on something earlier: 2 (m_fu -> x_bl); "
        "3 (m_fu -> x_bl, y_fu -> x_bl).",
    )


def test_an_instrument_tells_apart_what_the_chain_alone_cannot():
    rng = np.random.default_rng(3)
    frame = people().dropna()
    frame["z"] = rng.standard_normal(len(frame))
    frame["m"] += 3 * frame["z"]
    frame["y"] += 4 * 0.5 * 3 / 5 * frame["z"]
    made = study(frame)
    plan = dataclasses.replace(made.plan, instruments=(Instrument("z", ("m",)),), time_order=())
    result = CHECKS["atlas"](dataclasses.replace(made, plan=plan))
    table = result.table
    assert table["difference"].abs().max() < 1e-9, "without the instrument all fit alike"
    assert list(table["pruned"].astype(bool)) == [False, True, True]
    assert (table["bic_with_instrument"].iloc[0], table["instrument"].iloc[0]) == (0.0, "z")
    assert table["pruned"].iloc[1].startswith("instrument: z, BIC ")
    assert "is assumed and cannot be seen here, 1 of 3 remain" in result.notes[2]


def test_an_instrument_that_is_noise_prunes_nothing():
    frame = people()
    frame["z"] = np.random.default_rng(5).standard_normal(len(frame))
    made = study(frame)
    plan = dataclasses.replace(made.plan, instruments=(Instrument("z", ("m",)),), time_order=())
    result = CHECKS["atlas"](dataclasses.replace(made, plan=plan))
    assert not result.table["pruned"].astype(bool).any()
    assert result.notes[2].endswith("3 of 3 remain: with it drawn in, none fits clearly worse than another.")


def test_a_declared_residual_correlation_is_honoured_when_gaps_are_there():
    """x2 and m share what x does not explain of them: only the model that denies it is contradicted."""
    frame = people()
    frame["x2"] += 0.2 * (frame["m"] - 0.25 * frame["x"])
    frame.loc[30:39, "m"] = np.nan
    text = "m ~ x + c\nx2 ~ x + c\ny ~ m + x + c\ny ~~ 0*x2"
    models = {"denied": f"{text}\nm ~~ 0*x2", "declared": f"{text}\nm ~~ x2"}
    specs = {name: spec_from_text(equations, name) for name, equations in models.items()}
    table = CHECKS["independences"](study(frame, models=specs)).table
    pair = table["one"].isin(["m", "x2"]) & table["other"].isin(["m", "x2"])
    assert list(table[pair]["model"]) == ["denied"]
    assert table[pair]["contradicted"].all()
    assert not table[table["model"] == "declared"]["contradicted"].any()


def test_a_column_under_two_names_is_no_hindrance_to_the_independences():
    """The value at the first visit is the value at the start: with gaps their covariance matrix has no inverse."""
    frame = people()
    frame.loc[30:39, "m"] = np.nan
    frame["x_bl"] = frame["x"]
    models = {"plain": spec_from_text("m ~ x + c\ny ~ m + c", "plain"), "bl": spec_from_text("y ~ m + x_bl", "bl")}
    both = CHECKS["independences"](study(frame, models=models)).table
    alone = CHECKS["independences"](study(frame, models={"plain": models["plain"]})).table
    pd.testing.assert_frame_equal(both[both["model"] == "plain"], alone)


def test_implied_independences_hold_where_the_model_is_true(results):
    table, notes = results["independences"].table, results["independences"].notes
    assert set(table["model"]) == {"closed", "joint"}
    assert not table["contradicted"].any()
    assert notes == ("open implies no independence that could fail here: it fits whatever the data say.",)


def test_an_implied_independence_that_the_data_break_is_told():
    made = study()
    models = {"wrong": spec_from_text("m ~ c\ny ~ x + c", "wrong")}
    table = CHECKS["independences"](dataclasses.replace(made, models=models)).table
    broken = table[table["contradicted"]]
    assert {frozenset(pair) for pair in zip(broken["one"], broken["other"], strict=True)} >= {frozenset(("x", "m"))}


def test_the_product_vanishes_with_its_weakest_link(results):
    table = results["residual_correlation"].table
    product = table[table["effect"] == "a*b"]
    weakest = table[table["weakest"]]["effect"].unique()
    assert len(weakest) == 1
    assert product["vanishes_at"].iloc[0] == table[table["effect"] == weakest[0]]["vanishes_at"].iloc[0]
    at_zero = table[(table["rho"] == 0)].set_index("effect")["estimate"]
    assert at_zero["a*b"] == pytest.approx(at_zero["m~x"] * at_zero["y~m"], abs=CLOSED_FORM)


def test_correction_for_unreliability_of_one_cause_divides_by_it():
    """One cause, no covariate: the true-score slope is the observed slope over the reliability."""
    data = people().dropna()
    moments = moments_from_data(("y", "x"), data[["y", "x"]].to_numpy())
    spec = spec_from_text("y ~ x")
    slope = moments.covariance[0, 1] / moments.covariance[1, 1]
    fit = fit_model(latent_model(spec, moments, {"x": 0.8}), moments)
    values = {(row.lhs, row.op, row.rhs): value for row, value in zip(fit.table.rows, row_values(fit), strict=True)}
    assert values[("y", "~", "true_x")] == pytest.approx(slope / 0.8, rel=1e-6)


def test_correction_with_covariates_agrees_with_corrected_moments():
    """A just-identified equation: least squares on moments whose error variance was taken off the diagonal."""
    data = people().dropna()
    names = ("y", "m", "x", "c")
    moments = moments_from_data(names, data[list(names)].to_numpy())
    spec = spec_from_text("y ~ m + x + c\nm ~ x + c")
    fit = fit_model(latent_model(spec, moments, {"m": 0.8, "x": 0.9}), moments)
    S = moments.covariance.copy()
    S[1, 1] *= 0.8
    S[2, 2] *= 0.9
    expected = np.linalg.solve(S[1:, 1:], S[1:, 0])
    values = {(row.lhs, row.op, row.rhs): value for row, value in zip(fit.table.rows, row_values(fit), strict=True)}
    ours = [values[("y", "~", "true_m")], values[("y", "~", "true_x")], values[("y", "~", "c")]]
    assert ours == pytest.approx(expected, rel=1e-5)


def test_corrections_beyond_reason_are_refused():
    data = people().dropna()
    moments = moments_from_data(("x", "x2"), data[["x", "x2"]].to_numpy())
    assert refuse(moments, {"x": 0.2, "x2": 1.0}, 0.30) == "refused: reliability of x is 0.20, below 0.30"
    assert refuse(moments, {"x": 0.7, "x2": 0.7}, 0.30) == "refused: the corrected correlation of x and x2 reaches 1"
    assert refuse(moments, {"x": 1.0, "x2": 1.0}, 0.30) == ""


def test_a_negative_control_apart_is_clean_and_one_that_is_not_shows_bias(results):
    table = results["negative_controls"].table.set_index("control")
    assert table.loc["x -> w", "verdict"] in ("clean", "open")
    assert table.loc["c -> m", "verdict"] == "bias"


def test_the_specification_curve_marks_its_main_choice_and_runs_admissible_ones(results):
    table = results["specifications"].table
    assert list(table.groupby("effect")["main"].sum()) == [1, 1]
    assert set(table[table["effect"] == "m~x"]["cause_measure"]) == {"x_deg", "x2"}
    assert not table["adjustment"].str.contains("y").any()
    for _, one in table.groupby("effect"):
        assert sorted(one["rank"]) == list(range(1, len(one) + 1))


def test_a_set_of_covariates_in_another_order_is_no_other_specification(monkeypatch):
    from kinechain.checks import curve

    found = curve.minimal_single_door_sets

    def both_orders(*asked):
        sets = found(*asked)
        return [*sets, *(tuple(reversed(one)) for one in sets)]

    monkeypatch.setattr(curve, "minimal_single_door_sets", both_orders)
    table = CHECKS["specifications"](study(people())).table
    table["set"] = [frozenset(names.split(", ")) for names in table["adjustment"]]
    assert max(len(one) for one in table["set"]) > 1
    assert not table.duplicated(["effect", "set", "cause_measure", "outcome_measure", "missing"]).any()
    assert list(table.groupby("effect")["main"].sum()) == [1, 1]


def test_influence_is_a_range_around_the_estimate(results):
    table = results["influence"].table
    assert (table["lowest"] < table["estimate"]).all()
    assert (table["estimate"] < table["highest"]).all()
    assert list(table.columns) == [
        "effect",
        "estimate",
        "lowest",
        "highest",
        "largest_change_in_errors",
        "sign_changes",
        "n",
    ]


def test_a_kink_at_the_declared_point_is_found():
    """Tightness is scored as minus degrees, so that the declared 70 deg lies at -70 in problem space."""
    frame = people()
    frame["y"] = 8 + 0.3 * np.maximum(frame["x"] + 70, 0) + np.random.default_rng(1).standard_normal(N)
    table = CHECKS["threshold"](study(frame)).table.set_index("effect")
    assert table.loc["extra_slope", "estimate"] == pytest.approx(0.3, abs=0.06)
    assert table.loc["slope_below", "estimate"] == pytest.approx(0.0, abs=0.04)
    assert table.loc["extra_slope", "low"] > 0
    assert table.loc["extra_slope_ranked", "low"] > 0, "a kink stays when people are only put in order"


def test_a_crowded_scale_end_bends_the_score_more_than_the_order():
    """A straight relation, seen through twenty items that cannot go below nought: the sum bends, its ranks far less."""
    random = np.random.default_rng(5)
    frame = pd.concat([people()] * 20, ignore_index=True)
    frame["x"] = random.normal(-70, 10, len(frame))
    straight = 0.05 * (frame["x"] + 70) + random.standard_normal(len(frame))
    items = 0.5 + straight.to_numpy()[:, None] + random.normal(0, 1, (len(frame), 20))
    frame["y"] = np.maximum(items, 0).sum(axis=1)
    table = CHECKS["threshold"](study(frame)).table.set_index("effect")
    bent, ordered = table.loc["extra_slope"], table.loc["extra_slope_ranked"]
    assert bent["standardised_low"] > 0.1, "the sum alone would call this a threshold"
    assert abs(ordered["standardised"]) < 0.5 * bent["standardised"]
    assert ordered["standardised_low"] < 0 < ordered["standardised_high"]


def test_a_point_that_nobody_passes_is_told_in_counts():
    frame = people()
    frame["x"] -= 60
    result = CHECKS["threshold"](study(frame))
    assert result.table.empty
    assert result.notes == (
        "Fewer than 10 people lie on one side of the declared point; no change of slope can be seen.",
    )


def test_a_bend_is_told_from_a_line():
    frame = people()
    z = (frame["x"] + 70) / 10
    frame["y"] = 8 + z**2 + np.random.default_rng(1).standard_normal(N)
    bent = CHECKS["splines"](study(frame))
    assert bent.table["p_nonlinear"].iloc[0] < 1e-6
    assert bent.notes[1] == "x -> y: a bend shows (p < 0.001)."


def test_curves_and_moderated_paths_are_labelled_exploratory_and_a_straight_line_is_called_one(results):
    for name in ("splines", "moderation"):
        assert results[name].notes[0].startswith("No claim is decided here. It is exploratory, unless ")
    assert results["splines"].notes[1].startswith("x -> y: no bend can be told from a straight line (p = 0.")


def test_what_nobody_saw_is_shifted_and_only_that(results):
    table = results["missing"].table
    y = table[table["effect"] == "y~m"].set_index("delta")["estimate"]
    m = table[table["effect"] == "m~x"]["estimate"]
    assert m.nunique() == 1, "nothing is missing of m"
    assert y.nunique() == len(y)


def test_an_index_of_moderated_mediation_is_the_slope_of_the_indirect_effect(results):
    table = results["moderation"].table
    for path in ("first", "second"):
        one = table[table["path"] == path]
        effects = one[one["quantity"] == "conditional indirect effect"].sort_values("at")
        slope = np.diff(effects["estimate"]) / np.diff(effects["at"])
        index = one[one["quantity"] == "index of moderated mediation"]["estimate"].iloc[0]
        assert slope == pytest.approx([index, index], abs=1e-8)


def test_natural_effects_add_up_and_are_on_a_clinical_contrast(results):
    table = results["natural_effects"].table
    for _, one in table.groupby("outcome_kind"):
        value = one.set_index("quantity")["estimate"]
        assert value["total"] == pytest.approx(value["natural direct"] + value["natural indirect"], abs=CLOSED_FORM)
        assert one["contrast"].iloc[0] == "10 deg more of x, about its mean"
    binary = table[table["outcome_kind"] == "binary"].set_index("quantity")
    ratio = binary.loc["risk ratio", "estimate"]
    assert binary.loc["E-value", "estimate"] == pytest.approx(ratio + math.sqrt(ratio * (ratio - 1)))
    assert binary.loc["E-value", "low"] <= binary.loc["E-value", "estimate"]
    linear = table[table["outcome_kind"] == "linear"].set_index("quantity")
    assert linear.loc["natural indirect", "note"].endswith("% of the smallest difference that matters")


def test_a_moderator_of_both_paths_has_no_index_and_says_why():
    made = study()
    question = Question("x", "y", mediator="m", moderator="w", adjust="c", path="both")
    result = CHECKS["moderation"](
        dataclasses.replace(made, plan=dataclasses.replace(made.plan, moderation=(question,)))
    )
    table = result.table
    assert not (table["quantity"] == "index of moderated mediation").any()
    assert list(result.notes) == [
        EXPLORATORY,
        "x -> m -> y by w: the moderator bends both paths, so that the indirect effect is a curve in it and no single "
        "index describes it.",
    ]
    at_mean = table["at"].sub(made.cohort.people["w"][20:].mean()).abs() < 1e-9
    paths = [table.loc[at_mean & (table["path"] == path), "estimate"].iloc[0] for path in ("first", "second")]
    whole = table.loc[at_mean & (table["path"] == "both"), "estimate"].iloc[0]
    assert whole == pytest.approx(paths[0] * paths[1], rel=CLOSED_FORM)


def test_an_ordered_outcome_changes_its_probabilities_as_the_people_drawn_do():
    rng = np.random.default_rng(21)
    x = rng.standard_normal(3000) * 10
    m = 0.5 * x + 5 * rng.standard_normal(3000)
    latent = 0.03 * x + 0.08 * m
    y = np.digitize(latent + rng.logistic(size=3000), [0.0, 1.0]) * 10.0
    made = study(pd.DataFrame({"x": x, "m": m, "y": y, "c": rng.standard_normal(3000), "w": x, "x2": x}))
    entries = {**DECISIONS.entries, "bands.ndi_total50": Decision("bands.ndi_total50", (5.0, 15.0), "points", "", "")}
    question = Question("x", "y", mediator="m", adjust="c", contrast="contrast.exposure", cut="bands")
    plan = dataclasses.replace(made.plan, natural_effects=(question,))
    table = CHECKS["natural_effects"](dataclasses.replace(made, plan=plan, decisions=Decisions(entries))).table
    noise, nodes = np.random.default_rng(22).standard_normal(100_000) * 5, np.array([-5.0, 5.0]) + x.mean()

    def reach(exposure: float, of_mediator: float, threshold: float) -> float:
        return float(expit(0.03 * exposure + 0.08 * (0.5 * of_mediator + noise) - threshold).mean())

    for cut, threshold in ((5, 0.0), (15, 1.0)):
        rows = table[table["unit"] == f"probability of at least {cut} points"].set_index("quantity")
        direct = reach(nodes[1], nodes[0], threshold) - reach(nodes[0], nodes[0], threshold)
        indirect = reach(nodes[1], nodes[1], threshold) - reach(nodes[1], nodes[0], threshold)
        for quantity, truth in (("natural direct", direct), ("natural indirect", indirect)):
            assert rows.loc[quantity, "low"] < truth < rows.loc[quantity, "high"], (cut, quantity)
            assert rows.loc[quantity, "estimate"] == pytest.approx(truth, abs=0.03)


def test_bands_that_too_few_people_reach_are_joined():
    made = study()
    question = Question("x", "y", mediator="m", adjust="c", contrast="contrast.exposure", cut="bands")
    result = CHECKS["natural_effects"](
        dataclasses.replace(made, plan=dataclasses.replace(made.plan, natural_effects=(question,)))
    )
    assert set(result.table["unit"]) >= {"probability of at least 5 points", "probability of at least 15 points"}
    assert "probability of at least 35 points" not in set(result.table["unit"])


def test_mediators_are_told_jointly_by_every_way_and_alone(results):
    table = results["mediators"].table.set_index(["way", "mediator"])["estimate"]
    assert table["all mediators jointly", ""] == pytest.approx(table["every way through it", "m"], rel=CLOSED_FORM)
    assert table["as the only mediator", "m"] == pytest.approx(table["every way through it", "m"], rel=CLOSED_FORM)


def test_mediators_in_line_share_paths():
    rng = np.random.default_rng(4)
    x = rng.standard_normal(500)
    m = 0.5 * x + rng.standard_normal(500)
    k = 0.5 * m + 0.2 * x + rng.standard_normal(500)
    y = 0.4 * k + 0.3 * m + 0.1 * x + rng.standard_normal(500)
    made = study(pd.DataFrame({"x": x, "m": m, "k": k, "y": y, "c": rng.standard_normal(500)}))
    models = {"open": spec_from_text("m ~ x\nk ~ m + x\ny ~ k + m + x", "open")}
    plan = dataclasses.replace(made.plan, total=Question("x", "y"))
    result = CHECKS["mediators"](dataclasses.replace(made, plan=plan, models=models))
    found = result.table.set_index(["way", "mediator"])["estimate"]

    def slopes(outcome: str, *causes: str) -> dict[str, float]:
        frame = made.cohort.people
        Z = frame[[outcome, *causes]] - frame[[outcome, *causes]].mean()
        Z = Z / Z.std(ddof=0)
        return dict(zip(causes, np.linalg.lstsq(Z[list(causes)], Z[outcome], rcond=None)[0], strict=True))

    a, b, c = slopes("m", "x")["x"], slopes("k", "m", "x"), slopes("y", "k", "m", "x")
    through_m, through_k = a * (c["m"] + b["m"] * c["k"]), (b["x"] + a * b["m"]) * c["k"]
    assert found["every way through it", "m"] == pytest.approx(through_m, rel=CLOSED_FORM)
    assert found["every way through it", "k"] == pytest.approx(through_k, rel=CLOSED_FORM)
    assert found["all mediators jointly", ""] == pytest.approx(through_m + b["x"] * c["k"], rel=CLOSED_FORM)
    assert found["as the only mediator", "k"] == pytest.approx(
        slopes("k", "x")["x"] * slopes("y", "k", "x")["k"], rel=CLOSED_FORM
    )


def test_a_contrast_in_other_units_is_not_answered():
    made = study()
    cohort = dataclasses.replace(made.cohort, units={"x": "cm", "m": "deg", "y": "points"})
    result = CHECKS["natural_effects"](dataclasses.replace(made, cohort=cohort))
    assert result.table.empty
    assert result.notes[0] == "x -> m -> y: the contrast is in deg, but x is measured in cm"


def test_adjustment_lists_what_the_graph_asks_for(results):
    table = results["adjustment"].table.set_index("effect")
    assert table.loc["m~x", "minimal"] == "{c}"
    assert table.loc["total:x->y", "minimal"] == "{c}"
    assert table["sufficient"].all()


def test_clinical_units_multiply_the_raw_effect_by_the_contrast():
    effects = pd.DataFrame(
        [{"model": "open", "effect": "y~m", "kind": "path", "estimate": 0.3, "low": 0.2, "high": 0.4, "n": N}]
    )
    row = CHECKS["clinical_units"](study(effects=effects)).table.iloc[0]
    assert (row["estimate"], row["low"], row["high"]) == pytest.approx((3.0, 2.0, 4.0))
    assert row["share_of_mcid"] == pytest.approx(3.0 / 7.5)


def test_what_cannot_be_computed_is_told_and_stops_nothing():
    """A cohort of five: every check answers with rows or with a reason."""
    tiny = run_checks(study(people().tail(5).reset_index(drop=True)))
    assert set(tiny) == set(CHECKS)
    assert all(len(result.table) or result.notes for result in tiny.values())
    assert any("too few" in note for result in tiny.values() for note in result.notes)


def test_variables_that_repeat_one_another_are_told():
    frame = people()
    frame["c"] = frame["x"]
    twice = run_checks(study(frame))["robustness"]
    assert twice.table.empty
    assert twice.notes[0].endswith("Look for variables that repeat one another, and for too few people.")


def test_nothing_is_not_a_number_where_an_estimate_is_given(results):
    for name, result in results.items():
        if name not in ("natural_effects", "robustness") and "estimate" in result.table.columns:
            assert not any(math.isnan(value) for value in result.table["estimate"]), name
