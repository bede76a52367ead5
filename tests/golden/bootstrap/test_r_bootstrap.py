"""Limits agree with a bootstrap written in base R, within the Monte Carlo error of both."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kinechain.numerics.streams import Scheme
from kinechain.resampling import draw_effects, interval_table
from kinechain.resampling.draws import Draws
from kinechain.spec import spec_from_text
from tests.tolerances import BOOTSTRAP_LIMIT, CLOSED_FORM

HERE = Path(__file__).parent
DRAWS = 10_000
MODEL = """
m1 ~ a*x + age
m2 ~ b*m1 + h*x + age
y ~ c*m2 + g*m1 + e*x + age
chain := a*b*c
difference := chain - a*g
ratio := chain / (chain + a*g + h*c + e)
"""


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return dict(json.loads((HERE / "expected.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def draws_of() -> dict[str, Draws]:
    people = pd.read_csv(HERE / "people.csv")
    spec = spec_from_text(MODEL, covariates=("age",))
    ways = {"multinomial": {}, "stratified": {"strata": people["site"].to_numpy()}}
    ways["cluster"] = {"cluster": people["family"].to_numpy()}
    return {
        name: draw_effects(
            spec, people, seed=8, draws=DRAWS, scheme=Scheme[name.upper()], accelerate=name == "multinomial", **way
        )
        for name, way in ways.items()
    }


def limits_of(draws: Draws, kind: str, names: list[str]) -> pd.DataFrame:
    """Limits and their errors, a row an effect; `std:` before the name of a standardised one."""
    table = interval_table(draws, kind).set_index("effect")
    side = ["low", "high", "mc_error_low", "mc_error_high"]
    own, standardised = table[side], table[[f"standardised_{name}" for name in side]].set_axis(side, axis=1)
    return pd.concat([own, standardised.add_prefix("std:", axis=0)]).loc[names]


def test_the_estimates_are_the_same(expected: dict[str, Any], draws_of: dict[str, Draws]) -> None:
    draws = draws_of["multinomial"]
    ours = dict(zip(draws.names, draws.estimate, strict=True))
    ours["std:chain"] = draws.standardised_estimate[draws.names.index("chain")]
    assert [ours[name] for name in expected["names"]] == pytest.approx(expected["estimate"], rel=CLOSED_FORM * 1e3)


@pytest.mark.parametrize(
    "scheme, kind",
    [(scheme, kind) for scheme in ("multinomial", "stratified", "cluster") for kind in ("percentile", "bc")]
    + [("multinomial", "bca")],
)
def test_limits_agree(scheme: str, kind: str, expected: dict[str, Any], draws_of: dict[str, Draws]) -> None:
    ours = limits_of(draws_of[scheme], kind, expected["names"])
    theirs = np.array(expected[scheme][kind])
    both = BOOTSTRAP_LIMIT * np.sqrt(1 + DRAWS / expected["draws"])
    for at, (name, row) in enumerate(ours.iterrows()):
        assert abs(row["low"] - theirs[at, 0]) < both * row["mc_error_low"], name
        assert abs(row["high"] - theirs[at, 1]) < both * row["mc_error_high"], name


def test_acceleration_is_the_jackknifes(expected: dict[str, Any], draws_of: dict[str, Draws]) -> None:
    draws = draws_of["multinomial"]
    ours = dict(zip(draws.names, draws.acceleration, strict=True))
    ours["std:chain"] = draws.standardised_acceleration[draws.names.index("chain")]
    assert [ours[name] for name in expected["names"]] == pytest.approx(expected["acceleration"], rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("scheme", ["multinomial", "stratified", "cluster"])
def test_standard_errors_agree(scheme: str, expected: dict[str, Any], draws_of: dict[str, Draws]) -> None:
    """`ratio` has none: where its denominator nears zero its draws have no variance."""
    ours = interval_table(draws_of[scheme]).set_index("effect")["std_error"]
    for name, theirs in zip(expected["names"], expected[scheme]["std_error"], strict=True):
        if name != "ratio" and not name.startswith("std:"):
            assert ours[name] == pytest.approx(theirs, rel=0.05), name  # 10,000 draws: known to 0.7 % and its tails
