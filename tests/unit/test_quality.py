"""Quality: suspicions that must be raised and must not, masking, and the page's content."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from kinechain import io, measures
from kinechain.cohort import Finding, FlowStep
from kinechain.disclosure import Sum, finding_words, masked_counts, masked_flow
from kinechain.layout import Layout
from kinechain.quality import describe, missing_patterns
from kinechain.reliability import bland_altman, repeat_reliability, standard_error
from kinechain.suspicion import suspicions
from tests.fixtures.study import ROOT, cohort_of
from tests.tolerances import CLOSED_FORM

DICTIONARY = measures.parse_dictionary(io.read_yaml(ROOT / "config" / "measures.yaml"))
N = 200


def suspected(**values: np.ndarray) -> list[tuple[str, str]]:
    layout = Layout(np.arange(N), np.arange(N))
    return [(finding.level, finding.what) for finding in suspicions(values, layout, DICTIONARY)]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_ordinary_people_raise_nothing(rng: np.random.Generator) -> None:
    tight = rng.normal(size=N)
    found = suspected(
        slr_passive_deg=70 - 8 * tight + rng.normal(0, 3, N),
        ake_deficit_deg=20 + 6 * tight + rng.normal(0, 3, N),
        cva_deg=rng.normal(49, 5, N),
        tk_cobb_deg=rng.normal(41, 8, N),
        weight_kg=np.exp(rng.normal(4.3, 0.2, N)),
        age_y=rng.uniform(20, 70, N) + 3 * tight,
    )
    assert found == []


def test_a_knee_in_the_wrong_convention_correlates_the_wrong_way(rng: np.random.Generator) -> None:
    tight = rng.normal(size=N)
    ((level, what),) = suspected(slr_passive_deg=70 - 8 * tight, ake_deficit_deg=40 - 6 * tight + rng.normal(0, 3, N))
    assert level == "error"
    assert what.startswith("people in whom `ake_deficit_deg` and `slr_passive_deg` correlate 0.")


def test_a_tilt_with_its_sign_turned_is_named(rng: np.random.Generator) -> None:
    pt, ss = rng.normal(13, 6, N), rng.normal(40, 8, N)
    found = suspected(xr_pi_deg=pt + ss, xr_pt_deg=-pt, xr_ss_deg=ss)
    assert ("error", DICTIONARY.identities[0].name) == (
        found[0][0],
        found[0][1].split("measurements in which ")[1].split(" fails")[0],
    )
    assert "with the sign of `xr_pt_deg` turned" in found[0][1]


@pytest.mark.parametrize(("off", "level"), [(1.0, None), (3.0, "warning"), (8.0, "error")])
def test_an_identity_that_does_not_add_up(rng: np.random.Generator, off: float, level: str | None) -> None:
    pt, ss = rng.normal(13, 6, N), rng.normal(40, 8, N)
    total = pt + ss
    total[:12] += off
    levels = [found[0] for found in suspected(xr_pi_deg=total, xr_pt_deg=pt, xr_ss_deg=ss)]
    assert levels == ([level] if level else [])


def test_two_units_in_one_column(rng: np.random.Generator) -> None:
    weight = rng.normal(70, 6, N)
    weight[:60] *= 2.2046
    assert [what for _, what in suspected(weight_kg=weight)] == [
        "values of `weight_kg` form a second group about 2.2046 times apart, as kilogram and pound do"
    ]


def test_a_slipped_point(rng: np.random.Generator) -> None:
    sway = rng.normal(60, 5, N)
    sway[4] /= 10
    assert (
        "warning",
        "values of `tk_cobb_deg` are ten times away from the rest: a slipped decimal point?",
    ) in suspected(tk_cobb_deg=sway)


def test_rounded_readings_and_a_floor(rng: np.random.Generator) -> None:
    found = suspected(
        slr_passive_deg=5 * np.round(rng.normal(14, 2, N)), neck_nprs=np.round(rng.normal(0, 1, N).clip(0))
    )
    assert [level for level, _ in found] == ["note", "note"]
    assert found[0][1].startswith("values of `slr_passive_deg` end on a multiple of 5")
    assert found[1][1] == "values of `neck_nprs` are the lowest there is, more than 15 % of all"


def test_generated_noise(rng: np.random.Generator) -> None:
    found = suspected(
        t1_slope_deg=rng.uniform(10, 40, N),
        ll_cobb_deg=rng.normal(50, 9, N),
        xr_pi_deg=rng.normal(52, 9, N),
        age_y=rng.normal(50, 9, N),
    )
    assert found[0][1].startswith("values of `t1_slope_deg` are spread evenly between its ends and unrelated")


def test_a_person_entered_twice(rng: np.random.Generator) -> None:
    names = ("slr_passive_deg", "cva_deg", "tk_cobb_deg", "ll_cobb_deg", "age_y")
    table = {name: rng.normal(50, 5, N) for name in names}
    for column in table.values():
        column[9] = column[8]
    assert suspected(**table) == [("warning", "people have exactly the values of another person, to the last digit")]


def test_small_counts_are_masked_and_so_is_the_one_that_would_give_them_away() -> None:
    def masked(**counts: int) -> dict[str, int | None]:
        return masked_counts(counts, [Sum(tuple(counts), known=sum(counts.values()))])

    assert masked(a=3, b=40, c=60) == {"a": None, "b": None, "c": 60}
    assert masked(a=3, b=4, c=60) == {"a": None, "b": None, "c": None}  # a + b = 7 would leave each at most 6
    assert masked(a=9, b=8, c=60) == {"a": None, "b": None, "c": 60}
    assert masked(a=0, b=10) == {"a": 0, "b": 10}
    assert masked_counts({"a": 3, "b": 40}) == {"a": None, "b": 40}


def test_a_small_count_is_not_found_by_way_of_another_sum() -> None:
    counts = {"a": 3, "b": 40, "c": 60, "b again": 40, "rest": 63}
    sums = [Sum(("a", "b", "c"), known=103), Sum(("b",), whole="b again"), Sum(("b again", "rest"), known=103)]
    shown = masked_counts(counts, sums)
    assert [key for key, count in shown.items() if count is None] == ["a", "b", "c"]  # b alone would not do


def possible(page: dict[str, Any], wanted: str, *, threshold: int = 10) -> tuple[float, float]:
    """Least and greatest number of missing values of a variable that a reader of the page can still believe.

    Everything printed is used: people, patterns, counts of missing and of present values, and that measures and the
    constructs they stand for lack the same people.
    """
    patterns = page["missingness"]["patterns"]
    measure_of = {entry["name"]: entry["measure"] for entry in page["constructs"]}
    names = [*page["missingness"]["variables"]]
    at = {("pattern", index): index for index in range(len(patterns))}
    at |= {("missing", name): len(at) + index for index, name in enumerate(names)}
    hidden = [row["count"] is None for row in patterns] + [
        page["missingness"]["variables"][name] is None for name in names
    ]
    low = np.array([1.0 if unknown else 0.0 for unknown in hidden])
    high = np.full(len(at), float(page["n"]))
    for index, row in enumerate(patterns):
        if row["count"] is not None:
            low[index] = high[index] = row["count"]
    codebook = {row["measure"]: row for row in page["codebook"]}
    rows, right = [], []
    for name in names:
        place = at["missing", name]
        told = [page["missingness"]["variables"][name], codebook[measure_of[name]]["missing"]]
        told += [page["n"] - codebook[measure_of[name]]["n"]] if codebook[measure_of[name]]["n"] is not None else []
        for count in told:
            if count is not None:
                low[place] = high[place] = count
        row = np.zeros(len(at))
        row[place] = -1.0
        for index, pattern in enumerate(patterns):
            row[index] += name in pattern["missing"]
        several = next((index for index, pattern in enumerate(patterns) if pattern["missing"] == ["several"]), None)
        extra = np.zeros(len(at))
        if several is not None:
            extra[several] = 1.0
        rows += [row, row + extra]
        right += [(-np.inf, 0.0), (0.0, np.inf)] if several is not None else [(0.0, 0.0)] * 2
    everybody = np.zeros(len(at))
    everybody[: len(patterns)] = 1.0
    rows.append(everybody)
    right.append((page["n"], page["n"]))
    limits = LinearConstraint(np.array(rows), *np.array(right).T)
    goal = np.zeros(len(at))
    goal[at["missing", wanted]] = 1.0
    ends = [
        milp(sign * goal, constraints=limits, bounds=Bounds(low, high), integrality=np.ones(len(at)))
        for sign in (1, -1)
    ]
    assert all(end.status == 0 for end in ends)
    return float(ends[0].fun), float(-ends[1].fun)


@pytest.mark.parametrize("seed", range(12))
def test_no_reader_can_work_out_a_small_missing_count(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(40, 300))
    ranges = {"cva": (45, 55), "slr": (60, 90), "tk": (30, 50), "ll": (40, 60), "age": (20, 60), "pa": (500, 3000)}
    table = pd.DataFrame({name: np.round(rng.uniform(*ends, n), 1) for name, ends in ranges.items()})
    table.insert(0, "id", np.arange(n))
    for name in ranges:
        gone = rng.choice([0, 2, 5, 9, 12, 30], p=[0.2, 0.2, 0.2, 0.1, 0.1, 0.2])
        table.loc[rng.choice(n, gone, replace=False), name] = np.nan
    meant = {"cva": "cva_deg", "slr": "slr_passive_deg", "tk": "tk_cobb_deg", "ll": "ll_cobb_deg", "age": "age_y"}
    columns: dict[str, dict[str, str]] = {name: {"measure": measure} for name, measure in meant.items()}
    columns |= {"pa": {"measure": "pa_met_min_wk"}}
    columns["tk"]["convention"], columns["ll"]["convention"] = "kyphosis_positive", "lordosis_positive"
    stands = ("head_fwd", "ham_tight", "thor_kyph", "lumbar_flat", "age", "pa")
    constructs = dict(zip(stands, (*meant.values(), "pa_met_min_wk"), strict=True))
    cohort = cohort_of(tmp_path, table.to_csv(index=False), columns, constructs=constructs)
    page = describe(cohort)
    assert cohort.people is not None
    for name, missing in cohort.people[list(constructs)].isna().sum().items():
        if 0 < missing < 10:
            least, most = possible(page, str(name))
            assert most >= 9, name
            assert most - least >= 5, name


def test_no_difference_of_two_counts_in_a_flow_is_small() -> None:
    steps = (FlowStep("rows", 0, 100), FlowStep("young", 3, 97), FlowStep("ill", 20, 77), FlowStep("late", 4, 73))
    shown = masked_flow(steps)
    assert [(step.reason, step.removed, step.left) for step in shown] == [
        ("rows", 0, 100),
        ("young; ill; late", 27, 73),
    ]
    alone = masked_flow((FlowStep("rows", 0, 100), FlowStep("young", 3, 97)))
    assert [(step.removed, step.left) for step in alone] == [(0, 97)]


def test_rows_and_people_side_by_side_do_not_tell_who_came_twice() -> None:
    few = masked_flow((FlowStep("rows in the file", 0, 25, "rows"), FlowStep("rows of one person joined", 0, 24)))
    assert [(step.reason, step.left) for step in few] == [
        ("rows in the file, without fewer than 10 (more than one row of a person)", 24),
        ("rows of one person joined", 24),
    ]
    many = (FlowStep("rows in the file", 0, 48, "rows"), FlowStep("rows of one person joined", 0, 24))
    assert masked_flow(many) == many


@pytest.mark.parametrize("seed", range(40))
def test_no_flow_shows_a_small_difference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, steps = 500, [FlowStep("start", 0, 500)]
    for index in range(int(rng.integers(1, 7))):
        gone = int(rng.choice([0, 1, 5, 9, 10, 30]))
        left -= gone
        steps.append(FlowStep(f"step {index}", gone, left))
    shown = masked_flow(steps)
    assert shown[-1].left == left
    for before, after in pairwise(shown):
        assert before.left - after.left == after.removed
        assert after.removed == 0 or after.removed >= 10


def test_a_finding_tells_its_count_or_that_it_is_small() -> None:
    assert finding_words(Finding("note", "", "values are odd", 3)) == "fewer than 10 values are odd"
    assert finding_words(Finding("note", "", "values are odd", 12)) == "12 values are odd"
    assert finding_words(Finding("note", "", "the file is odd", 0)) == "the file is odd"


def test_the_page_masks_and_tells(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = [f"{i},{rng.normal(49, 5):.1f},{'' if i < 3 else int(rng.integers(20, 60))}" for i in range(60)]
    columns = {"cva": {"measure": "cva_deg"}, "age": {"measure": "age_y"}}
    cohort = cohort_of(
        tmp_path, "id,cva,age\n" + "\n".join(rows), columns, constructs={"head_fwd": "cva_deg", "age": "age_y"}
    )
    page = describe(cohort)
    assert [row["name"] for row in page["constructs"]] == ["head_fwd", "age"]
    assert page["missingness"]["variables"] == {"head_fwd": 0, "age": None}
    assert {"missing": ["age"], "count": None, "masked": True} in page["missingness"]["patterns"]
    age = next(row for row in page["codebook"] if row["measure"] == "age_y")
    assert (age["n"], age["missing"], age["masked"]) == (None, None, True)
    assert age["mean"] == round(float(cohort.people["age_y"].mean()), 1)  # whole years: more digits would tell n
    assert age["sd"] == round(float(cohort.people["age_y"].std()), 1)
    cva = next(row for row in page["codebook"] if row["measure"] == "cva_deg")
    assert (cva["n"], cva["missing"], cva["orientation"]) == (60, 0, -1)
    assert cva["mean"] == pytest.approx(float(cohort.people["cva_deg"].mean()), abs=CLOSED_FORM)


def test_rare_patterns_share_a_row() -> None:
    gone = pd.DataFrame(np.eye(20, dtype=bool), columns=[f"v{i}" for i in range(20)])
    patterns = missing_patterns(pd.concat([gone, gone.iloc[[0]]]))
    assert patterns[0] == (("v0",), 2)
    assert patterns[-1] == (("several",), 9)
    assert sum(count for _, count in patterns) == 21


def test_reliability_of_repeats_against_its_closed_form(rng: np.random.Generator) -> None:
    person = rng.normal(60, 8, (60, 1))
    readings = person + np.array([[0.0, 1.5]]) + rng.normal(0, 2, (60, 2))
    n, k = readings.shape
    # two-way mean squares, and Shrout and Fleiss's ICC(2,1) from them
    grand, people, raters = readings.mean(), readings.mean(axis=1), readings.mean(axis=0)
    between = k * ((people - grand) ** 2).sum() / (n - 1)
    rater = n * ((raters - grand) ** 2).sum() / (k - 1)
    rest = ((readings - people[:, None] - raters + grand) ** 2).sum() / ((n - 1) * (k - 1))
    icc = (between - rest) / (between + (k - 1) * rest + k * (rater - rest) / n)
    result = repeat_reliability(readings, "rater")
    assert result.icc == pytest.approx(icc, abs=1e-9)
    assert result.sem == pytest.approx(np.sqrt(((readings[:, 0] - readings[:, 1]) ** 2).mean() / 2), abs=CLOSED_FORM)
    assert result.mdc == pytest.approx(2.7718585822512662 * standard_error(readings), abs=CLOSED_FORM)
    assert result.low < result.icc < result.high


def test_bland_altman() -> None:
    agreement = bland_altman(np.array([1.0, 2.0, 3.0, np.nan]), np.array([2.0, 2.0, 5.0, 1.0]))
    assert (agreement.n, agreement.bias, agreement.sd) == (3, 1.0, 1.0)
    assert (agreement.low, agreement.high) == (1 - 1.96, 1 + 1.96)


def scaled(name: str, numbers: np.ndarray) -> list[str]:
    layout = Layout(np.arange(N), np.arange(N))
    return [finding.what for finding in suspicions({name: numbers}, layout, DICTIONARY, given=[name])]


def test_a_score_that_may_be_on_another_scale(rng: np.random.Generator) -> None:
    points = rng.integers(1, 36, N).astype(float)
    assert scaled("ndi_pct", points) == ["values of `ndi_pct`, none above 50, where `ndi_total50` ends"]
    assert scaled("ndi_total50", 2.0 * (points // 2)) == [
        "values of `ndi_total50`, all multiples of 2: these are steps of `ndi_pct`"
    ]
    assert scaled("ndi_pct", 2 * points) == []
    assert scaled("ndi_total50", points) == []


def changed(rng: np.random.Generator, days: float, **second: np.ndarray) -> list[tuple[str, str, int]]:
    """Suspicions about 200 people seen twice; first visits are drawn here."""
    first = {"cva_deg": rng.normal(49, 4, N), "age_y": rng.uniform(20, 60, N)}
    person, visit = np.repeat(np.arange(N), 2), np.tile([0, 1], N)
    unit = np.arange(2 * N)
    roles = {"visit_day": np.tile([0.0, days], N)}
    layout = Layout(unit, person, ("before", "after"), visit, roles=roles)
    values = {name: np.column_stack([first[name], first[name] + step]).ravel() for name, step in second.items()}
    return [(finding.level, finding.what, finding.count) for finding in suspicions(values, layout, DICTIONARY)]


def test_a_convention_wrong_at_one_visit_is_told_with_the_visit(rng: np.random.Generator) -> None:
    tight = rng.normal(size=N)
    first = {"slr_passive_deg": 70 - 8 * tight + rng.normal(0, 3, N), "ake_deficit_deg": 20 + 6 * tight}
    second = {"slr_passive_deg": first["slr_passive_deg"], "ake_deficit_deg": 40 - first["ake_deficit_deg"]}
    person, visit = np.repeat(np.arange(N), 2), np.tile([0, 1], N)
    layout = Layout(np.arange(2 * N), person, ("before", "after"), visit)
    values = {name: np.column_stack([first[name], second[name]]).ravel() for name in first}
    (found,) = [one for one in suspicions(values, layout, DICTIONARY) if "correlate" in one.what]
    assert (found.level, found.count) == ("error", N)
    assert found.what.endswith("at visit after, the opposite of what they must")


def test_changes_that_cannot_be(rng: np.random.Generator) -> None:
    ordinary = rng.normal(1, 2, N)
    assert changed(rng, 90, cva_deg=ordinary, age_y=np.full(N, 0.25)) == []
    slipped = np.where(np.arange(N) < 3, 28, ordinary)
    assert changed(rng, 90, cva_deg=slipped) == [
        ("warning", "changes of `cva_deg` between visits are far beyond all others", 3)
    ]
    older = np.where(np.arange(N) < 4, 10.0, 0.0)
    assert changed(rng, 90, age_y=older) == [
        ("error", "rises of `age_y` between visits by more years than passed between them", 4)
    ]
    assert changed(rng, 11 * 365.25, age_y=older) == []
