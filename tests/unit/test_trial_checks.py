"""What keeps a cohort from being analysed as a trial: every mistake in one line, with its remedy."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kinechain.cohort import Cohort
from kinechain.errors import UserError
from kinechain.trials.contrasts import contrasts_of
from kinechain.trials.plan import TrialPlan, check_plan, parse_plan
from kinechain.trials.trial import Trial, check_time_order, check_trial, check_visits, trial_from

CONTENT = {
    "control": "ctl",
    "visits": {"baseline": "bl", "after": "post", "later": "fu"},
    "covariates": ["age"],
    "outcomes": ["y"],
    "contrasts": {"a_ctl": {"arms": ["a"], "against": ["ctl"]}},
}
PLAN = parse_plan(CONTENT)


def a_cohort(arms: list[str], **columns: np.ndarray) -> Cohort:
    n = len(arms)
    people = pd.DataFrame(
        {
            "arm": arms,
            "age": np.linspace(30, 60, n),
            **{f"y_{visit}": np.arange(n, dtype=float) + v for v, visit in enumerate(("bl", "post", "fu"))},
            **{f"visit_day_{visit}": np.full(n, float(day)) for visit, day in (("bl", 0), ("post", 84), ("fu", 210))},
            **columns,
        }
    )
    return Cohort(
        name="study",
        title="",
        people=people,
        moments=None,
        constructs={"y": "measure_y", "age": "age_y"},
        units={"y": "points"},
        design="trial",
        sampling_frame="general",
        synthetic=True,
        roles={"arm": "arm"},
        extra={"visits": ["bl", "post", "fu"], "arms": sorted(set(arms))},
    )


TWENTY = ["a"] * 10 + ["ctl"] * 10


def lines(cohort: Cohort, plan: TrialPlan = PLAN) -> list[str]:
    return [str(problem) for problem in check_trial(cohort, plan)]


def test_a_good_trial_has_nothing_to_mend() -> None:
    assert lines(a_cohort(TWENTY)) == []


def test_an_arm_with_one_person() -> None:
    assert lines(a_cohort(["a", *(["ctl"] * 10)])) == [
        "study: arm `a` has one person, which no arm can be compared with. Leave the arm out under `eligibility` in "
        "config/cohorts/study.yaml, or correct `arms`."
    ]


def test_an_arm_nobody_is_in() -> None:
    cohort = a_cohort(TWENTY)
    cohort = replace(cohort, extra={**cohort.extra, "arms": ["a", "b", "ctl"]})
    assert lines(cohort) == ["study: nobody is in arm `b`. Correct `arms` in config/cohorts/study.yaml."]


def test_a_person_without_an_arm() -> None:
    cohort = a_cohort(TWENTY)
    assert cohort.people is not None
    cohort.people.loc[3, "arm"] = None
    assert lines(cohort) == [
        "study: the arm of fewer than 10 people is missing. Randomised people have one: complete the column, or leave "
        "them out under `eligibility`."
    ]


def test_no_arm_at_all() -> None:
    assert lines(replace(a_cohort(TWENTY), roles={})) == [
        "study: a trial needs the arm of every person. Name its column under `arm` in config/cohorts/study.yaml."
    ]


def test_a_control_arm_that_is_not_there() -> None:
    assert lines(a_cohort(TWENTY), replace(PLAN, control="control")) == [
        "config/trial.yaml: the control arm `control` is not an arm of study. Did you mean `ctl`?"
    ]


def test_a_visit_nobody_attended() -> None:
    cohort = a_cohort(TWENTY, y_fu=np.full(20, np.nan))
    assert lines(cohort) == [
        "study: nobody attended the visit `fu`. Leave it out of `visits` in config/cohorts/study.yaml, or map it."
    ]


def test_visits_out_of_order() -> None:
    cohort = a_cohort(TWENTY, visit_day_fu=np.full(20, 50.0))
    assert lines(cohort) == [
        "study: the visit `fu` is not after `post` by its day in 20 people. Put `visits` in config/cohorts/study.yaml "
        "in order of time, or correct the days in the file."
    ]


def test_a_few_days_out_of_order_are_not_counted_out_loud() -> None:
    cohort = a_cohort(TWENTY, visit_day_fu=np.array([50.0] * 3 + [210.0] * 17))
    assert "in fewer than 10 people" in lines(cohort)[0]


def test_a_covariate_measured_after_treatment_began() -> None:
    assert lines(a_cohort(TWENTY), replace(PLAN, covariates=("age", "y_post"))) == [
        "config/trial.yaml: the covariate `y_post` is measured after treatment began, so that adjusting for it hides "
        "part of the effect. Use `y`, its value at the first visit."
    ]


def test_mediators_measured_after_their_outcome() -> None:
    assert lines(a_cohort(TWENTY), replace(PLAN, after="fu", later="post")) == [
        "config/trial.yaml: the mediators are measured at `fu`, which is not before their outcome at `post`. Let "
        "`after` be an earlier visit than `later`: a cause is measured before what it causes."
    ]


def test_a_visit_the_cohort_does_not_have() -> None:
    assert lines(a_cohort(TWENTY), replace(PLAN, later="year")) == [
        "config/trial.yaml: the visit `year` is not a visit of study. Known names are listed in "
        "config/cohorts/study.yaml."
    ]


def test_all_mistakes_come_at_once() -> None:
    cohort = a_cohort(["a", *(["ctl"] * 10)], y_fu=np.full(11, np.nan))
    with pytest.raises(UserError) as raised:
        trial_from(cohort, replace(PLAN, covariates=("y_post",)))
    assert len(raised.value.problems) == 3


def test_a_model_whose_cause_is_measured_after_its_effect() -> None:
    (problem,) = check_time_order("M", [("y_post", "m_fu"), ("m_post", "y_bl"), ("y_fu", "age")], ("bl", "post", "fu"))
    assert str(problem) == (
        "M: `m_fu` is measured after `y_post`, which it is said to cause. Use a visit of `m_fu` that comes before "
        "`post`, or turn the path round."
    )


def test_a_name_that_only_ends_like_a_visit_is_not_timed() -> None:
    visits = ("bl", "post", "fu")
    assert check_time_order("M", [("y", "pelvis_post")], visits, plain={"y", "pelvis_post"}) == []
    assert len(check_time_order("M", [("y", "pelvis_post_post")], visits, plain={"y", "pelvis_post"})) == 1
    plan = replace(PLAN, covariates=("tilt_post",))
    cohort = a_cohort(TWENTY, tilt_post=np.linspace(0, 1, 20))
    assert lines(replace(cohort, constructs={**cohort.constructs, "tilt_post": "tilt_deg"}), plan) == []


def test_a_value_copied_to_every_visit_is_no_attendance() -> None:
    ages = {f"age_{visit}": np.linspace(30, 60, 20) for visit in ("bl", "post", "fu")}
    cohort = a_cohort(TWENTY, y_fu=np.full(20, np.nan), **ages)
    assert "nobody attended the visit `fu`" in lines(cohort)[0]
    gone = np.arange(20) < 4
    trial = trial_from(a_cohort(TWENTY, y_fu=np.where(gone, np.nan, 9.0), **ages), PLAN)
    assert list(trial.values) == ["y"]
    assert trial.attended[:, 2].sum() == 16


def test_visits_without_arms_are_looked_at_too() -> None:
    cohort = replace(a_cohort(TWENTY, visit_day_fu=np.full(20, 50.0)), roles={}, design="longitudinal")
    (problem,) = check_visits(cohort)
    assert "`fu` is not after `post`" in str(problem)


def test_names_the_plan_speaks_of_that_nothing_has() -> None:
    plan = parse_plan(
        {
            **CONTENT,
            "outcomes": ["y", "z"],
            "contrasts": {"a_ctl": {"arms": ["a"], "against": ["ctl"]}, "a_a": {"arms": ["a"], "against": ["a"]}},
            "responders": {"outcome": "y", "noninferiority": "a_ctrl"},
            "mediation": {"chain": ["m"], "outcome": "y", "contrasts": ["b_ctl"]},
        }
    )
    assert [str(problem) for problem in check_plan(plan, ["y", "m", "age"])] == [
        "config/trial.yaml: `mediation.contrasts` names `b_ctl`, which is not under `contrasts`. Did you mean `a_ctl`?",
        "config/trial.yaml: `responders.noninferiority` names `a_ctrl`, which is not under `contrasts`. Did you mean "
        "`a_ctl`?",
        "config/trial.yaml: `outcomes` names `z`, which is not a construct. Known names are listed in "
        "config/measures.yaml.",
        "config/trial.yaml: the contrast `a_a` has `a` on both sides. Name each arm on one side only.",
    ]
    assert check_plan(PLAN, ["y", "age"]) == []


def test_a_model_that_explains_the_arm() -> None:
    (problem,) = check_time_order("M", [("arm_a", "y_bl")], ("bl", "post"), ("arm_a",))
    assert str(problem) == "M: the arm `arm_a` is explained by `y_bl`. Arms are dealt at random: drop it."


def test_the_last_value_is_never_carried_forward() -> None:
    missing = {"arms": ["a"], "imputations": 5, "assumptions": ["last_observation_carried_forward"]}
    with pytest.raises(UserError) as raised:
        parse_plan({**CONTENT, "missing": missing})
    assert str(raised.value) == (
        "config/trial.yaml: carrying the last observation forward is refused: it lasts for ever in all who leave after "
        "treatment, so that a relapse can never be seen. Choose among imputed, delta and jump_to_reference."
    )


def test_a_missing_covariate_stands_at_its_mean_and_is_counted() -> None:
    age = np.linspace(30, 60, 20)
    age[:2] = np.nan
    trial = trial_from(a_cohort(TWENTY, age=age), PLAN)
    assert trial.filled == {"age": 2}
    assert np.allclose(trial.Z[:2, 0], np.nanmean(age))


def test_the_control_arm_comes_first() -> None:
    assert trial_from(a_cohort(TWENTY), PLAN).arms == ("ctl", "a")


def clustered(n_clusters: int) -> Trial:
    """Two hundred people in clusters that share a value, one arm a cluster."""
    random = np.random.default_rng(9)
    cluster = np.arange(200) % n_clusters
    arms = [("a", "ctl")[c % 2] for c in cluster]
    y = random.normal(20, 3, (200, 3)) + random.normal(0, 3, n_clusters)[cluster][:, None]
    cohort = a_cohort(arms, cluster=cluster.astype(str), y_bl=y[:, 0], y_post=y[:, 1], y_fu=y[:, 2])
    return trial_from(replace(cohort, roles={"arm": "arm", "cluster": "cluster"}), PLAN)


def test_errors_count_clusters_where_there_are_enough_of_them() -> None:
    trial = clustered(40)
    rows = {(row.method, row.when): row.result for row in contrasts_of(trial, PLAN, "y", trial.values["y"])}
    assert rows["robust", "post"].df == 39
    assert rows["ancova", "post"].df < 60
    alone = contrasts_of(replace(trial, cluster=None), PLAN, "y", trial.values["y"])
    people = {(row.method, row.when): row.result for row in alone}
    assert rows["robust", "post"].std_error != pytest.approx(people["robust", "post"].std_error, rel=1e-3)


def test_with_few_clusters_only_the_bias_reduced_sandwich_stands() -> None:
    trial = clustered(10)
    methods = {row.method for row in contrasts_of(trial, PLAN, "y", trial.values["y"])}
    assert methods == {"constrained", "ancova", "complete_case"}
