"""Declared worlds: their closed-form population, what is drawn from them, and what they refuse."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinechain.errors import UserError
from kinechain.simulate import (
    Column,
    Truth,
    Variable,
    causal_order,
    combined,
    draw_columns,
    draw_frame,
    draw_losses,
    draw_variables,
    population,
    stream,
    truth_from,
    unexplained,
    with_reliability,
)
from kinechain.truths import read_truth
from tests import tolerances

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"


def world(**changes: object) -> Truth:
    """Load causes tightness, tightness causes tilt; tilt is read twice, with error."""
    truth = Truth(
        name="world",
        title="A small world",
        n=10,
        seed=1,
        variables=(
            Variable("load", mean=5, sd=2),
            Variable("tightness"),
            Variable("tilt"),
        ),
        causes={"tightness": {"load": 0.6}, "tilt": {"tightness": 0.5, "load": 0.2}},
        columns=(
            Column("LOAD", measures="load", mean=5, sd=2),
            Column("TIGHT", measures="tightness", sign=-1, mean=70, sd=10, reliability=0.64),
            Column("TILT", measures="tilt", mean=12, sd=6, reliability=0.81, step=1),
        ),
    )
    return replace(truth, **changes)  # type: ignore[arg-type]


def correlation(truth: Truth, first: str, second: str) -> float:
    S = population(truth).select((first, second)).covariance
    return float(S[0, 1] / np.sqrt(S[0, 0] * S[1, 1]))


def test_population_follows_the_tracing_rules() -> None:
    truth = world()
    assert correlation(truth, "load", "tightness") == pytest.approx(0.6, abs=tolerances.CLOSED_FORM)
    assert correlation(truth, "load", "tilt") == pytest.approx(0.2 + 0.6 * 0.5, abs=tolerances.CLOSED_FORM)
    assert correlation(truth, "tightness", "tilt") == pytest.approx(0.5 + 0.6 * 0.2, abs=tolerances.CLOSED_FORM)


def test_error_attenuates_by_the_root_of_reliability_and_a_falling_column_turns_the_sign() -> None:
    assert correlation(world(), "load", "TIGHT") == pytest.approx(-0.8 * 0.6, abs=tolerances.CLOSED_FORM)


def test_rounding_adds_a_twelfth_of_the_squared_step() -> None:
    S = population(world()).select(("TILT",)).covariance
    assert S[0, 0] == pytest.approx(36 + 1 / 12, abs=tolerances.CLOSED_FORM)


def test_a_variable_recorded_in_steps_is_not_rounded_twice_by_a_column_that_shows_it() -> None:
    truth = truth_from(
        {
            "name": "steps",
            "title": "Steps",
            "n": 10,
            "variables": {"age": {"mean": 40, "sd": 10, "step": 1}, "female": {"shape": "binary", "mean": 0.3}},
            "causes": {},
            "columns": {"AGE": {"measures": "age"}, "SEX": {"measures": "female"}},
        }
    )
    moments = population(truth).select(("age", "AGE", "SEX"))
    assert np.diag(moments.covariance) == pytest.approx([100 + 1 / 12, 100 + 1 / 12, 0.21], abs=tolerances.CLOSED_FORM)
    assert moments.mean == pytest.approx([40, 40, 0.3], abs=tolerances.CLOSED_FORM)


def test_an_error_shared_by_two_columns_correlates_them() -> None:
    columns = (
        Column("one", measures="load", mean=0, sd=1, reliability=0.5, shared="photo", share=0.4),
        Column("two", measures="tilt", mean=0, sd=1, reliability=0.5, shared="photo", share=0.4),
    )
    truth = world(columns=columns)
    expected = 0.5 * correlation(truth, "load", "tilt") + 0.5 * 0.4
    assert correlation(truth, "one", "two") == pytest.approx(expected, abs=tolerances.CLOSED_FORM)


def test_a_sum_of_columns_has_the_moments_of_the_sum() -> None:
    columns = (*world().columns, Column("SUM", sum_of={"TILT": 1.0, "LOAD": -2.0}, mean=3, sd=0))
    moments = population(world(columns=columns))
    by_hand = combined(moments, {"sum": {"TILT": 1.0, "LOAD": -2.0}})
    assert moments.select(("SUM",)).covariance[0, 0] == pytest.approx(by_hand.covariance[0, 0], rel=1e-12)
    assert moments.select(("SUM",)).mean[0] == pytest.approx(by_hand.mean[0] + 3, rel=1e-12)


@pytest.mark.parametrize("name", ["demo_clinic", "demo_null"])
def test_closed_form_population_is_that_of_many_people(name: str) -> None:
    truth = read_truth(DEMO / f"{name}.yaml")
    n = 100_000
    random = np.random.default_rng(7)
    values = draw_variables(truth, n, random)
    seen = draw_columns(truth, values, random)
    # Items and the short pain scale reach their ends; the closed form says it leaves those out.
    short = {column.name for column in truth.columns if column.high <= 10}
    moments = population(truth)
    names = tuple(name for name in moments.names if name not in short)
    moments = moments.select(names)
    X = np.column_stack([(values | seen)[name] for name in names])
    sd = np.sqrt(np.diag(moments.covariance))
    R = moments.covariance / np.outer(sd, sd)
    difference = np.abs(np.corrcoef(X, rowvar=False) - R)
    assert difference.max() < tolerances.SAMPLING_ERRORS / np.sqrt(n)
    assert np.abs((X.mean(axis=0) - moments.mean) / sd).max() < tolerances.SAMPLING_ERRORS / np.sqrt(n)


def test_cause_explaining_everything_is_refused() -> None:
    with pytest.raises(UserError) as error:
        world(causes={"tilt": {"tightness": 0.9, "load": 0.6}})
    assert str(error.value) == (
        "world: the causes of `tilt` explain 1.17 of its variance. "
        "Make its coefficients smaller; the sum must stay below 1."
    )


def test_circle_of_causes_is_refused() -> None:
    with pytest.raises(UserError) as error:
        world(causes={"tilt": {"tightness": 0.2}, "tightness": {"tilt": 0.2}})
    assert str(error.value) == (
        "world: causes run in a circle among `tightness`, `tilt`. Take one of these causes out; a truth has no loop."
    )


def test_unknown_names_are_refused_with_the_closest_match() -> None:
    with pytest.raises(UserError) as error:
        world(causes={"tilt": {"tightnes": 0.2}}, columns=(Column("X", measures="tillt"),))
    assert str(error.value).splitlines() == [
        "world: `tightnes` under causes is not a variable. Did you mean `tightness`?",
        "world: X: `tillt` is not a variable. Did you mean `tilt`?",
    ]


def test_an_impossible_distribution_is_refused() -> None:
    with pytest.raises(UserError) as error:
        world(variables=(*world().variables, Variable("score", 5, 9, "beta", 0, 10)))
    assert str(error.value) == (
        "world: score: no such distribution: mean, sd and limits do not fit. Change `sd` or the limits."
    )


def test_causes_come_first_whatever_the_order_of_declaration() -> None:
    truth = world(causes={"load": {"tilt": 0.3}, "tilt": {"tightness": 0.2}})
    assert causal_order(truth) == ("tightness", "tilt", "load")
    assert unexplained(truth)["load"] == pytest.approx(0.91, abs=tolerances.CLOSED_FORM)


def test_worlds_that_differ_in_causes_share_their_random_numbers() -> None:
    one = draw_variables(world(), 50, np.random.default_rng(3))
    other = draw_variables(world(causes={}), 50, np.random.default_rng(3))
    assert np.array_equal(one["load"], other["load"])
    assert not np.array_equal(one["tilt"], other["tilt"])


def test_the_same_cohort_number_gives_the_same_file_and_another_does_not() -> None:
    truth = world()
    first = draw_frame(truth, 20, stream(truth, 4))
    assert first.equals(draw_frame(truth, 20, stream(truth, 4)))
    assert not first.equals(draw_frame(truth, 20, stream(truth, 5)))


def test_every_row_of_a_file_says_it_is_synthetic_and_lost_values_stand_under_their_codes() -> None:
    columns = (
        Column("SEX", measures="load", mean=5, sd=2, step=100, words={0: "M"}),
        Column("TILT", measures="tilt", step=0.1, missing=0.5, codes=("999", "")),
    )
    frame = draw_frame(world(columns=columns), 400, np.random.default_rng(2))
    assert set(frame["synthetic"]) == {"synthetic"}
    assert set(frame["SEX"]) == {"M"}
    assert frame["subject"].is_unique
    lost = frame["TILT"].isin(["999", ""])
    assert 0.4 < lost.mean() < 0.6
    assert {"999", ""} <= set(frame["TILT"])
    assert frame.loc[~lost, "TILT"].str.fullmatch(r"-?\d+\.\d").all()


def test_columns_of_one_group_are_lost_together_and_a_driver_raises_the_odds() -> None:
    columns = (
        Column("A", measures="tilt", together="film"),
        Column("B", measures="load", together="film"),
        Column("C", measures="tilt", missing=0.2, driver="load", slope=1.5),
    )
    truth = world(columns=columns, groups={"film": 0.3})
    random = np.random.default_rng(5)
    values = draw_variables(truth, 4000, random)
    lost = draw_losses(truth, values, random)
    assert np.array_equal(lost["A"], lost["B"])
    assert lost["A"].mean() == pytest.approx(0.3, abs=0.03)
    high = values["load"] > 5
    assert lost["C"][high].mean() > 2 * lost["C"][~high].mean()


def test_reliability_can_be_set_for_all_or_one_column() -> None:
    better = with_reliability(world(), 1.0, TILT=0.5)
    assert {column.name: column.reliability for column in better.columns} == {"LOAD": 1.0, "TIGHT": 1.0, "TILT": 0.5}
    with pytest.raises(UserError) as error:
        with_reliability(world(), 1.0, TLIT=0.5)
    assert str(error.value) == "world: `TLIT` is not a column. Did you mean `TILT`?"


def test_committed_demonstration_files_are_the_first_cohort_of_their_worlds() -> None:
    for name in ("demo_clinic", "demo_null"):
        truth = read_truth(DEMO / f"{name}.yaml")
        frame = draw_frame(truth, truth.n, stream(truth, 0))
        assert frame.to_csv(index=False, lineterminator="\n") == (DEMO / f"{name}.csv").read_text(encoding="utf-8")


def test_the_null_world_has_no_path_between_segments() -> None:
    clinic, null = (read_truth(DEMO / f"{name}.yaml") for name in ("demo_clinic", "demo_null"))
    segments = {"ham_tight", "pelvis_post", "lumbar_flat", "thor_kyph", "head_fwd", "neck_strain", "neck_pain"}
    assert not any(segments & set(causes) for causes in null.causes.values())
    assert all(segments & set(clinic.causes[name]) for name in segments - {"ham_tight"})
    assert null.columns == clinic.columns
