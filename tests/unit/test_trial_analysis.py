"""A whole trial analysed, on the two demonstration trials: what each table and each verdict's effect holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kinechain.check_table import in_words, names_of
from kinechain.decisions import Decisions, parse_decisions
from kinechain.display import effect_name, words_for_codes
from kinechain.entries import build_ledger
from kinechain.figures.ways import describe_ways, ways_table
from kinechain.io import read_yaml
from kinechain.preflight import load_cohort
from kinechain.publish import constructs_of
from kinechain.results import Results
from kinechain.rounding import decimal_text
from kinechain.schema import check_shape
from kinechain.spec import spec_from_text
from kinechain.trial_sentences import sentences
from kinechain.trials import TrialPlan, parse_plan
from kinechain.trials.analysis import TrialResults, analyse_trial, fit_record, published_facts
from kinechain.trials.mediation import mediation_text
from kinechain.trials.relapse import relapsed
from kinechain.trials.trial import TRIAL_TABLES, trial_from

ROOT = Path(__file__).resolve().parents[2]
DEMOS = ("demo_trial", "demo_trial_exercise")


def the_plan() -> TrialPlan:
    content = read_yaml(ROOT / "config" / "trial.yaml")
    assert check_shape(content, "trial", ROOT / "config" / "trial.yaml") == []
    return replace(parse_plan(content), imputations=10)


def the_decisions() -> Decisions:
    return parse_decisions(read_yaml(ROOT / "config" / "decisions.yaml"))


@pytest.fixture(scope="module")
def results() -> dict[str, TrialResults]:
    plan, decisions = the_plan(), the_decisions()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return {name: analyse_trial(load_cohort(name, Path("config")), plan, decisions, seed=1) for name in DEMOS}


def row(results: TrialResults, effect: str) -> pd.Series:
    return results.effects.set_index("effect").loc[effect]


def is_found(entry: pd.Series, sign: int) -> bool:
    return bool((entry["low"] > 0) if sign > 0 else (entry["high"] < 0))


def test_where_correction_works_each_step_of_it_is_found(results: dict[str, TrialResults]) -> None:
    found = results["demo_trial"]
    better = [
        "str_ctl_ham_tight_post",
        "str_ctl_pelvis_distance_post",
        "strstg_str_pelvis_post_maintenance",
        "strstg_ctl_thor_kyph_post",
        "strstg_ctl_head_fwd_post",
        "strstg_ctl_neck_pain_post",
        "strstg_ctl_neck_pain_fu",
        "strstg_neck_neck_pain_fu",
        "mediated_strstg_head_fwd",
        "mediated_strstg_neck_pain",
        "chain_strstg_neck_pain",
    ]
    assert [name for name in better if not is_found(row(found, name), -1)] == []
    worse = ["loss_neck_strstg", "loss_by_ham_tight", "loss_by_pelvis_post", "change_post_fu_neck_neck_pain"]
    assert [name for name in worse if not is_found(row(found, name), 1)] == []
    assert found.facts["noninferiority"]["superior"]


def test_where_any_exercise_helps_posture_carries_nothing(results: dict[str, TrialResults]) -> None:
    found = results["demo_trial_exercise"]
    assert is_found(row(found, "active_ctl_neck_pain_post"), -1)
    assert is_found(row(found, "strstg_ctl_neck_pain_fu"), -1)
    for name in ("mediated_strstg_neck_pain", "chain_strstg_neck_pain", "mediated_strstg_head_fwd"):
        assert not is_found(row(found, name), -1)
    for name in ("strstg_str_neck_pain_post", "strstg_neck_neck_pain_post", "str_neck_neck_pain_post"):
        entry = row(found, name)
        assert -3.75 < entry["low_90"] < entry["high_90"] < 3.75
    assert found.facts["noninferiority"]["non_inferior"]
    assert not found.facts["noninferiority"]["superior"]


def test_total_is_direct_and_mediated(results: dict[str, TrialResults]) -> None:
    for found in results.values():
        for arm in ("str", "strstg", "neck"):
            total, direct, mediated = (
                row(found, f"{way}_{arm}_neck_pain")["estimate"] for way in ("total", "direct", "mediated")
            )
            assert total == pytest.approx(direct + mediated)


def test_the_chain_is_the_product_of_its_edges(results: dict[str, TrialResults]) -> None:
    table = results["demo_trial"].tables["mediation"]
    edges = table[table["way"] == "edge"]["estimate"].prod()
    ways = table[(table["arm"] == "str") & (table["outcome"] == "neck_pain")].set_index("way")["estimate"]
    # What is left after dividing by the edges is the first step: the arm's effect on the first mediator.
    first = float(row(results["demo_trial"], "str_ctl_ham_tight_post")["estimate"])
    assert ways["chain"] / edges == pytest.approx(first, rel=0.1)
    assert ways["path"].sum() + ways["chain"] == pytest.approx(ways["mediated"])


def test_the_methods_agree_on_the_contrasts(results: dict[str, TrialResults]) -> None:
    table = results["demo_trial"].tables["contrasts"]
    wide = table.pivot_table(index=["outcome", "contrast", "when"], columns="method", values="estimate")
    error = table[table["method"] == "constrained"].set_index(["outcome", "contrast", "when"])["std_error"]
    for method in ("robust", "ancova", "mixed", "complete_case"):
        gap = ((wide[method] - wide["constrained"]) / error).dropna().abs()
        assert len(gap) >= 21
        assert gap.max() < 1.5, f"{method}: {gap.idxmax()}"


def test_flow_adds_up(results: dict[str, TrialResults]) -> None:
    plan = the_plan()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        trial = trial_from(load_cohort("demo_trial", Path("config")), plan)
    from kinechain.trials.flow import analyses_of, trace_flow

    counts = {
        (entry.arm, entry.step, entry.at): entry.count for entry in trace_flow(trial, analyses_of(trial, plan, None))
    }
    for arm in trial.arms:
        randomised = counts[arm, "randomised", ""]
        assert randomised == 80
        assert counts[arm, "attended", "bl"] == randomised
        gone = 0
        for visit in trial.visits:
            gone += counts[arm, "left", visit]
            assert counts[arm, "attended", visit] + counts[arm, "missed", visit] + gone == randomised
        assert counts[arm, "complete", "neck_pain"] <= counts[arm, "response", "fu"] <= counts[arm, "attended", "fu"]


def test_small_counts_are_masked(results: dict[str, TrialResults]) -> None:
    for found in results.values():
        flow = found.tables["flow"]
        shown = flow["count"].dropna()
        assert ((shown == 0) | (shown >= 10)).all()
        relapse = found.tables["relapse"]
        assert relapse[relapse["masked"]]["estimate"].isna().all()


def test_no_table_is_empty_so_that_each_can_be_read_back(results: dict[str, TrialResults]) -> None:
    for found in results.values():
        assert all(len(table) for table in found.tables.values())
        assert "factorial" not in found.tables


def test_the_baseline_table_has_no_p_value(results: dict[str, TrialResults]) -> None:
    table = results["demo_trial"].tables["baseline"]
    assert "p_value" not in table.columns
    assert set(table["arm"]) == {"ctl", "str", "str_stg", "neck"}
    assert table[table["variable"] == "sex"]["is_share"].all()


def test_a_tipping_point_is_where_the_finding_is_lost(results: dict[str, TrialResults]) -> None:
    tipping = results["demo_trial"].facts["tipping"]
    overturned = results["demo_trial"].facts["overturned"]
    for name, deltas in overturned.items():
        assert abs(tipping[name]) <= max(deltas) or tipping[name] < 0
    assert tipping["str_ctl_ham_tight_post"] > 10


def test_luck_explains_only_part_of_the_relapse_of_the_neck_arm(results: dict[str, TrialResults]) -> None:
    table = results["demo_trial"].tables["relapse"].set_index(["arm", "quantity"])["estimate"]
    assert table["neck", "relapse_share"] > 2 * table["neck", "luck_share"]


def test_relapse_is_counted_as_declared() -> None:
    values = np.array([[30.0, 20.0, 21.0], [30.0, 20.0, 28.0], [30.0, 10.0, 24.0], [30.0, 25.0, 30.0]])
    responder, lost = relapsed(values, [0, 1, 2], 7.5)
    assert responder.tolist() == [True, True, True, False]
    assert (responder & lost).tolist() == [False, True, True, False]


def test_the_committed_mediation_model_is_the_one_analysed() -> None:
    plan = the_plan()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        trial = trial_from(load_cohort("demo_trial", Path("config")), plan)
    committed = read_yaml(ROOT / "config" / "models" / "M10_mediation.yaml")["equations"]
    own, theirs = (
        {(r.lhs, r.op, r.rhs) for r in spec_from_text(text, "m", "here", missing="fiml").table.rows if r.user}
        for text in (mediation_text(trial, plan), committed)
    )
    assert own == theirs


@pytest.mark.slow
def test_the_same_seed_gives_the_same_tables(results: dict[str, TrialResults]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        again = analyse_trial(load_cohort("demo_trial", Path("config")), the_plan(), the_decisions(), seed=1)
    pd.testing.assert_frame_equal(again.effects, results["demo_trial"].effects)
    assert fit_record(again) == fit_record(results["demo_trial"])


@pytest.mark.parametrize("name", DEMOS)
def test_what_arms_differ_by_is_the_contrast_that_judges(results: dict[str, TrialResults], name: str) -> None:
    text = told(name, results[name])
    arms = {"Stretching": "str_ctl", "Stretching and strengthening": "strstg_ctl", "Neck care": "neck_ctl"}
    for arm, contrast in arms.items():
        entry = row(results[name], f"{contrast}_neck_pain_fu")
        (sentence,) = (line for line in text.splitlines() if line.startswith(f"{arm}: ") and "at follow-up" in line)
        estimate = decimal_text(float(entry["estimate"]), 1)
        clear = entry["low"] > 0 or entry["high"] < 0
        assert ("did not clearly differ" in sentence) is not clear
        assert f"control{' by' if clear else ':'} {estimate} (95 % interval" in sentence
        assert "The model of the ways, which adjusts for the first values of the mediators too" in sentence


def test_a_figure_of_ways_without_a_total_does_not_deny_what_the_contrast_shows(
    results: dict[str, TrialResults],
) -> None:
    table = ways_table(the_study("demo_trial", results["demo_trial"]))
    heading = describe_ways(table[table["arm"] == "neck"])
    assert heading.title == "The model of the ways shows no total effect of an arm on neck pain"
    assert "totals may differ from the contrasts, which judge" in heading.subtitle


def test_contrasts_off_zero_are_counted_among_those_looked_at(results: dict[str, TrialResults]) -> None:
    table = results["demo_trial"].tables["contrasts"]
    table = table[(table["method"] == "constrained") & ~table["outcome"].str.startswith("pelvis_distance")]
    clear = ((table["low"] > 0) | (table["high"] < 0)).sum()
    assert f"of {len(table)} contrasts, every outcome at each visit" in told("demo_trial", results["demo_trial"])
    assert f"its change after treatment, {clear} stand clear of zero" in told("demo_trial", results["demo_trial"])


@pytest.mark.parametrize("name", DEMOS)
def test_what_came_first_is_told_with_the_misfit_of_its_model(results: dict[str, TrialResults], name: str) -> None:
    found = results[name]
    rmsea = found.facts["rmsea"]["dir"]
    assert rmsea > found.facts["poor_rmsea"]
    assert f"on average, in a model that fits badly (RMSEA {decimal_text(rmsea, 3)}):" in told(name, found)
    well = replace(found, facts={**found.facts, "poor_rmsea": 0.9})
    assert "fits badly" not in told(name, well)


def test_the_fit_behind_the_weakest_lag_is_that_of_its_pair(results: dict[str, TrialResults]) -> None:
    for found in results.values():
        lags = found.tables["lags"]
        weakest = lags[lags["effect"] == "x1"].nsmallest(1, "standardised_low").iloc[0]
        assert found.facts["rmsea"]["reverse_lag"] == weakest["rmsea"]
        assert found.facts["rmsea"]["mediated_strstg_neck_pain"] < 0.05


def test_numbers_of_a_trial_name_the_published_table_they_stand_in(results: dict[str, TrialResults]) -> None:
    found = results["demo_trial"]
    ledger = build_ledger(the_study("demo_trial", found))
    assert set(found.tables) <= set(TRIAL_TABLES)
    assert ledger["checks/contrasts/0/estimate"].inputs == ("trial/contrasts.csv",)
    assert ledger["checks/lags/0/rmsea"].inputs == ("trial/lags.csv",)
    assert ledger["trial/margin"].inputs == ("trial/facts.json",)
    assert ledger["effects/M10_trial/x1/estimate"].inputs == ("trial/M10_trial",)
    published = published_facts(found)
    assert published["noninferiority"]["margin"] == 3.75
    assert not {"arms", "filled"} & set(published), "counts of people stand masked in the tables only"


def test_effects_of_a_trial_are_called_by_the_words_of_its_plan(results: dict[str, TrialResults]) -> None:
    study = the_study("demo_trial", results["demo_trial"])
    for effect, words in {
        "str_neck_neck_pain_post": "stretching against neck care, neck pain at end of treatment",
        "active_ctl_neck_pain_post": "all treatments against control, neck pain at end of treatment",
        "strstg_str_pelvis_post_maintenance": "stretching and strengthening against stretching, pelvis, change after "
        "treatment",
        "mediated_strstg_neck_pain": "stretching and strengthening on neck pain, by way of the mediators",
        "relapse_share_neck": "relapses in the arm neck care",
    }.items():
        assert effect_name(study, effect) == words
        assert words_for_codes(study)(f"The furthest out is {effect}.") == f"The furthest out is {words}."
    assert effect_name(study, "no_effect") == "no_effect"
    assert in_words("arm_str_stg, age", names_of(study)) == "arm stretching and strengthening, age"


def told(name: str, found: TrialResults) -> str:
    """The sentences of a report's section on a trial, as a reader sees them."""
    study = the_study(name, found)
    prose = sentences(study, build_ledger(study))
    return "\n".join("".join(part.text for part in sentence) for sentence in prose)


def the_study(name: str, found: TrialResults) -> Results:
    """What a report reads of a trial."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        cohort = load_cohort(name, Path("config"))
    return Results(
        cohort=cohort,
        quality={"flow": [], "codebook": []},
        fits={"M10_trial": fit_record(found)},
        effects=found.effects,
        claims=(),
        models={},
        constructs=constructs_of(read_yaml(ROOT / "config" / "measures.yaml")),
        chain=("ham_tight", "neck_pain"),
        study=read_yaml(ROOT / "config" / "config.yaml"),
        checks=found.tables,
    )


def test_a_reader_is_told_an_effect_with_its_mechanism_from_one_without(results: dict[str, TrialResults]) -> None:
    works, exercise = (told(name, results[name]) for name in DEMOS)
    assert "before treatment on day 0, end of treatment on day 84 and follow-up on day 210" in works
    assert "Stretching and strengthening: at follow-up, neck pain differed from control by −7.0 (95 %" in works
    without = [line.partition(":")[0] for line in works.splitlines() if "without the mechanism" in line]
    assert without == ["Neck care"]
    assert "Stretching and strengthening: an effect without the mechanism; at follow-up, neck pain differed" in exercise
    assert "not worse by the margin, and better" in works
    assert "not worse by the margin; better was not shown" in exercise
    assert "head led" in works
    assert "neither can be said to have led" in exercise
    for text in (works, exercise):
        assert "No last value is carried forward: it would hide every relapse." in text
        assert "The trial has no arm of strengthening" in text
        assert "often was declared to mean more than 50 %" in text
