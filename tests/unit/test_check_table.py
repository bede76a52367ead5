"""Tables of checks: named for people, nothing said in every row, intervals in one cell, digits as intervals allow."""

from dataclasses import replace

import pandas as pd

from kinechain.check_table import CHECKS, check_table, in_words, names_of
from kinechain.document import Number, plain
from kinechain.entries import build_ledger
from tests.fixtures.report_inputs import people_results

ROWS = pd.DataFrame(
    {
        "model": ["M1", "M1"],
        "effect": ["tilt~tight", "flat~tilt"],
        "estimate": [0.242108, -0.00054962],
        "low": [0.151221, -0.0730177],
        "high": [0.332994, 0.0719185],
        "low_90": [0.16, -0.06],
        "high_90": [0.31, 0.06],
        "p_value": [0.00001, 0.98],
        "adjustment": ["tight, age", "tilt -> flat"],
        "main": [True, False],
        "empty": [None, None],
        "n": [382, 382],
    }
)


def test_a_check_is_told_in_names_and_without_what_every_row_says() -> None:
    results = replace(people_results(n=120), checks={"specifications": ROWS})
    ledger = build_ledger(results)
    table = check_table(results, ledger, "specifications", csv="checks/specifications.csv")
    assert table.heads == ("Effect", "Estimate", "Interval", "90 % interval", "p", "Adjustment", "Main")
    assert [cell.text for cell in table.rows[0]] == [
        "tightness → backward tilt", "0.24", "[0.15, 0.33]", "[0.16, 0.31]", "< .001", "tightness, age", "yes",
    ]  # fmt: skip
    assert [cell.text for cell in table.rows[1]][:3] == ["backward tilt → flat lower curve", "0.00", "[−0.07, 0.07]"]
    assert table.rows[1][5].text == "backward tilt → flat lower curve"
    assert plain(table.caption) == f"{CHECKS['specifications'].caption}. Alike in every row: model M1; n 382."
    assert [part.key for part in table.caption if isinstance(part, Number)] == ["checks/specifications/0/n"]
    assert all(not cell.key or cell.key in ledger for row in table.rows for cell in row)


def test_one_row_keeps_all_its_columns() -> None:
    results = replace(people_results(n=120), checks={"specifications": ROWS.iloc[:1]})
    table = check_table(results, build_ledger(results), "specifications", csv="")
    assert table.heads[0] == "Model"
    assert "n" in table.heads


def test_notes_name_variables_for_people() -> None:
    names = names_of(people_results(n=120))
    assert in_words("tilt~tight: too few of tight -> tilt", names) == (
        "tightness → backward tilt: too few of tightness → backward tilt"
    )
    assert in_words("M1_tight stays, as tightness does", names) == "M1_tight stays, as tightness does"
