"""Traps of today's tools, each as a promise: our output does not do this."""

import numpy as np
import pandas as pd
import pytest

from kinechain.effects import estimate_effects
from kinechain.errors import UserError
from kinechain.estimators import fit_model
from kinechain.graph import graph_of
from kinechain.resampling import draw_effects, join_intervals
from kinechain.spec import spec_from_text
from kinechain.study import DEFAULT_INFERENCE


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(60)
    x = rng.standard_normal(60)
    m = 0.4 * x + rng.standard_normal(60)
    w = 0.5 * m + rng.standard_normal(60)
    y = 0.4 * w + 0.3 * x + rng.standard_normal(60)
    return pd.DataFrame({"x": x, "m": m, "w": w, "y": y})


def effects(text: str, frame: pd.DataFrame, draws: int = 2000) -> pd.DataFrame:
    spec = spec_from_text(text, "trap")
    table = estimate_effects(fit_model(spec, frame))
    drawn = draw_effects(spec, frame, seed=1, draws=draws, cohort="trap")
    return join_intervals(table, drawn, "percentile", 0.95).set_index("effect")


def test_the_second_path_of_a_mediation_holds_the_exposure(people):
    """A row `y ~ m` without the exposure is not the b path; the product of the printed paths is the effect."""
    table = effects("m ~ a*x\ny ~ b*m + x\nab := a*b", people)
    held = np.linalg.lstsq(np.column_stack([np.ones(60), people[["m", "x"]]]), people["y"], rcond=None)[0][1]
    assert table.loc["y~m", "estimate"] == pytest.approx(held)
    assert table.loc["ab", "estimate"] == pytest.approx(table.loc["m~x", "estimate"] * table.loc["y~m", "estimate"])


def test_a_p_value_and_its_interval_never_contradict_one_another():
    """Both come from the same percentiles of the same draws."""
    for seed in range(25):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(60)
        m = 0.3 * x + rng.standard_normal(60)
        frame = pd.DataFrame({"x": x, "m": m, "y": 0.25 * m + rng.standard_normal(60)})
        row = effects("m ~ a*x\ny ~ b*m + x\nab := a*b", frame, draws=1000).loc["ab"]
        excludes = row["low"] > 0 or row["high"] < 0
        if abs(row["p_value"] - 0.05) > 3 / 1000:  # a draw or two on the edge may round either way
            assert excludes == (row["p_value"] < 0.05)


def test_the_default_interval_is_not_the_bias_corrected_one():
    assert DEFAULT_INFERENCE["interval"] == "percentile"


def test_a_serial_chain_is_not_taken_for_parallel_mediators(people):
    table = effects("m ~ x\nw ~ m + x\ny ~ w + m + x", people)
    serial = table.loc["indirect:x->m->w->y", "estimate"]
    product = table.loc["m~x", "estimate"] * table.loc["w~m", "estimate"] * table.loc["y~w", "estimate"]
    assert serial == pytest.approx(product)
    parts = [name for name in table.index if name.startswith("indirect:x->") and name.endswith("->y")]
    assert sorted(parts) == ["indirect:x->m->w->y", "indirect:x->m->y", "indirect:x->w->y"]
    assert table.loc["total_indirect:x->y", "estimate"] == pytest.approx(table.loc[parts, "estimate"].sum())


def test_a_row_with_a_gap_is_counted_and_nothing_breaks(people):
    frame = people.copy()
    frame.loc[0, "m"] = np.nan
    fit = fit_model(spec_from_text("m ~ a*x\ny ~ b*m + x\nab := a*b"), frame)
    assert fit.status.name == "CONVERGED"
    assert estimate_effects(fit)["n"].iloc[0] == 59


def test_a_loop_of_paths_is_refused_and_not_estimated_with_errors_of_millions():
    with pytest.raises(UserError, match="a recursive model is required"):
        graph_of(spec_from_text("m ~ y + x\ny ~ m"))
