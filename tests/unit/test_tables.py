"""Published tables: promised columns, rounded numbers, text that no spreadsheet runs, masks that stay."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kinechain import tables
from kinechain.tables import TABLES, inert, publishable
from tests.fixtures.report_inputs import CHAIN, people_results, summary_results


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"])
def test_formula_like_text_is_made_inert(text: str) -> None:
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-", "+", "-3.2", "+1", "y~x", "plain"])
def test_harmless_text_stays(text: str) -> None:
    assert inert(text) == text


def test_numbers_are_published_to_six_digits() -> None:
    frame = publishable(pd.DataFrame({"x": [0.123456789, np.nan, np.inf], "=y": ["=1+1", None, "a"]}))
    assert frame["x"].iloc[0] == 0.123457
    assert frame["x"].isna().tolist() == [False, True, True]
    assert list(frame.columns) == ["x", "'=y"]
    assert frame["'=y"].iloc[0] == "'=1+1"


def test_promised_columns() -> None:
    results = people_results(n=120)
    assert list(tables.effects_table(results).columns)[:18] == list(tables.EFFECT_COLUMNS)
    assert list(tables.fit_table(results).columns) == list(tables.FIT_COLUMNS)
    assert {
        "claim",
        "verdict",
        "tier",
        "model",
        "effect",
        "estimate",
        "low",
        "high",
        "level",
        "sesoi",
        "n",
        "weakest",
        "reasons",
    } <= set(tables.claims_table(results).columns)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_serves_people_and_published_moments(name: str) -> None:
    for results in (people_results(n=120), summary_results()):
        assert isinstance(TABLES[name](results), pd.DataFrame)


def test_correlations_carry_the_sign_the_chain_expects() -> None:
    results = people_results(n=120)
    table = tables.correlations_table(results).set_index(["x", "y"])
    assert (table["expected"] == 1).all()
    people = results.cohort.people
    assert people is not None
    pair = people[["tight", "round"]].dropna()
    assert table.loc[("tight", "round"), "r"] == pytest.approx(np.corrcoef(pair.to_numpy().T)[0, 1], abs=1e-6)
    assert len(pair) == 114
    assert table.loc[("tight", "round"), "n"] == 110  # six people without a value would follow from 114 of 120
    low, high = tables.fisher_interval(float(table.loc[("tight", "round"), "r"]), 110)
    assert table.loc[("tight", "round"), ["low", "high"]].tolist() == pytest.approx([low, high], abs=1e-6)


def test_a_negative_claim_turns_the_expected_sign_of_every_pair_across_it() -> None:
    results = people_results(n=120)
    claims = tuple(dict(claim) | ({"sign": -1} if claim["effect"] == "flat~tilt" else {}) for claim in results.claims)
    table = tables.correlations_table(replace(results, claims=claims)).set_index(["x", "y"])["expected"]
    across = {(x, y) for i, x in enumerate(CHAIN) for j, y in enumerate(CHAIN) if i <= 1 and j >= 2}
    assert {pair for pair, sign in table.items() if sign == -1} == across


def test_an_edge_without_a_claim_expects_nothing_across_it() -> None:
    results = people_results(n=120)
    claims = tuple(claim for claim in results.claims if claim["effect"] != "flat~tilt")
    table = tables.correlations_table(replace(results, claims=claims)).set_index(["x", "y"])["expected"]
    assert pd.isna(table[("tight", "pain")])
    assert table[("flat", "pain")] == 1


def test_published_moments_give_their_own_correlation() -> None:
    table = tables.correlations_table(summary_results())
    assert table["r"].iloc[0] == pytest.approx(20 / np.sqrt(36 * 140), abs=1e-6)


def test_masked_counts_stay_masked() -> None:
    table = tables.missingness_table(people_results(n=120))
    masked = table[table["masked"]]
    assert len(masked) == 1
    assert masked["count"].isna().all()


def test_fisher_interval_against_a_worked_case() -> None:
    # r = .5, n = 28: z = .5493, se = .2, interval of z .1573 to .9413, back to r .156 to .736
    assert tables.fisher_interval(0.5, 28) == pytest.approx((0.156, 0.736), abs=5e-4)
