"""Draws by the estimator itself: ordered outcomes, families, constraints, copies of clusters, failed draws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kinechain.cli import main
from kinechain.comparison import compare_fits
from kinechain.errors import UserError
from kinechain.estimators import fit_model
from kinechain.fit import row_values
from kinechain.numerics.moments import moments_from_data
from kinechain.numerics.streams import CHUNK, Scheme
from kinechain.resampling import draw_effects, interval_table
from kinechain.resampling.drawing import labels_of
from kinechain.resampling.sampling import chunk_weights, make_design
from kinechain.spec import ModelSpec, spec_from_text
from tests.unit.engine_material import serial_data

SERIAL = "m ~ a*x + z\ny ~ b*m + c*x + z\nind := a*b\n"


def people(n: int = 150, seed: int = 3) -> pd.DataFrame:
    """The serial chain, with an ordered and a two-valued last link, three groups and 15 sites."""
    frame = pd.DataFrame(serial_data(n, seed))
    place = np.arange(n)
    return frame.assign(
        o=np.digitize(frame["y"], frame["y"].quantile([0.3, 0.7])) + 1,
        hit=(frame["y"] > frame["y"].median()).astype(int),
        site=place % 15,
        group=np.where(place % 3 == 1, "b", "a"),
    )


def drawn_row(spec: ModelSpec, frame: pd.DataFrame, counts: np.ndarray) -> np.ndarray:
    """The estimator on the rows of one draw, written out by hand."""
    return row_values(fit_model(spec, frame.loc[np.repeat(np.arange(len(frame)), counts)]))


CASES = {
    "wlsmv": spec_from_text("m ~ a*x\no ~ b*m + x\nind := a*b\n", estimator="wlsmv", ordered=("o",)),
    "logit": spec_from_text("m ~ a*x\nhit ~ b*m + x\n", estimator="equationwise", families=(("hit", "logit"),)),
    "equal": spec_from_text(SERIAL + "a == b\n"),
    "bounded": spec_from_text(SERIAL.replace("a*x", "upper(0.45)*x + a*x")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_draw_is_the_estimator_on_the_people_drawn(name: str) -> None:
    spec, frame = CASES[name], people()
    draws = draw_effects(spec, frame, seed=5, draws=3, cohort="c")
    weights = chunk_weights(make_design(Scheme.MULTINOMIAL, len(frame)), 5, "c", 0)[:3]
    paths = [at for at, effect in enumerate(draws.plan.effects) if effect.kind == "path"]
    rows = [draws.plan.effects[at].row for at in paths]
    for draw, counts in enumerate(np.rint(weights).astype(int)):
        assert draws.values[paths, draw] == pytest.approx(drawn_row(spec, frame, counts)[rows], rel=1e-9, abs=1e-12)
    assert (draws.attempted, draws.failed) == (3, 0)


def test_constraints_hold_in_every_draw() -> None:
    draws = draw_effects(spec_from_text(SERIAL + "a == b\nc > 0.1\n"), people(), seed=1, draws=60)
    assert draws.effect("m~x") == pytest.approx(draws.effect("y~m"), abs=1e-9)
    assert draws.effect("y~x").min() >= 0.1 - 1e-9
    assert draws.effect("ind") == pytest.approx(draws.effect("m~x") ** 2, abs=1e-9)


def test_constraints_on_moments_hold_in_every_draw() -> None:
    frame = people()
    names = ("x", "z", "m", "y")
    moments = moments_from_data(names, frame[list(names)].to_numpy())
    draws = draw_effects(spec_from_text(SERIAL + "a == b\n"), moments, seed=1, draws=20)
    assert draws.failed == 0
    assert draws.effect("m~x") == pytest.approx(draws.effect("y~m"), abs=1e-9)


def test_one_process_and_two_give_the_same_bits() -> None:
    """The second chunk alone equals what a second process made of it."""
    spec, frame = spec_from_text("m ~ x\ny ~ lower(-9)*m\n"), people(40)
    shared = draw_effects(spec, frame, seed=2, draws=CHUNK + 5, cores=2)
    alone = draw_effects(spec, frame, seed=2, draws=CHUNK + 5, chunks=[1])
    assert alone.attempted == 5
    assert np.array_equal(alone.values, shared.values[:, CHUNK:])


def test_groups_keep_their_numbers_whoever_is_drawn_first() -> None:
    spec = spec_from_text("m ~ c(a1, a2)*x\na1 > -9\n", group="group")
    frame = people()
    frame["m"] += np.where(frame["group"] == "b", 3.0 * frame["x"], 0.0)
    draws = draw_effects(spec, frame, seed=2, draws=60)
    assert (draws.effect("m~x (group 2)") - draws.effect("m~x (group 1)")).min() > 2.5
    assert draws.failed == 0


def test_each_copy_of_a_cluster_is_one_of_its_own() -> None:
    """Copies taken as one cluster would double its people and shrink the variance between clusters."""
    rng = np.random.default_rng(7)
    site = np.repeat(np.arange(24), 8)
    x = rng.normal(size=192)
    frame = pd.DataFrame({"site": site, "x": x, "y": 0.5 * x + rng.normal(size=24)[site] + rng.normal(size=192)})
    spec = spec_from_text("y ~ b*x\n", estimator="equationwise", families=(("y", "mixed"),), cluster="site")
    draws = draw_effects(spec, frame, seed=4, draws=24, scheme=Scheme.CLUSTER, cluster=frame["site"].to_numpy())
    assert draws.failed == 0
    assert draws.effect("y~x").std() == pytest.approx(np.sqrt(fit_model(spec, frame).covariance[0, 0]), rel=0.4)
    with pytest.raises(UserError, match="Draw whole clusters"):
        draw_effects(spec, frame, seed=4, draws=10)


def test_draws_that_cannot_be_fitted_are_counted_and_too_many_give_no_interval() -> None:
    frame = people(60)
    frame["rare"] = 0.0
    frame.loc[[3, 9], "rare"] = [1.0, 2.0]  # about a seventh of the draws hold neither
    spec = spec_from_text("m ~ rare + x\nm ~~ lower(0)*m\n")
    draws = draw_effects(spec, frame, seed=1, draws=100)
    assert 5 < draws.failed < 40
    assert not draws.is_usable
    table = interval_table(draws)
    assert table[["low", "high", "p_value"]].isna().to_numpy().all()


def test_effects_across_a_link_have_no_draws() -> None:
    spec = spec_from_text("m ~ a*x\nhit ~ b*m\nind := a*b\n", estimator="equationwise", families=(("hit", "logit"),))
    draws = draw_effects(spec, people(), seed=1, draws=5)
    absent = [name for name in draws.names if np.isnan(draws.effect(name)).all()]
    assert "m~x" not in absent
    assert "indirect:x->m->hit" in absent
    assert all(name.startswith("r2:") or "hit" in name or name == "ind" for name in absent)


def test_bca_leaves_each_person_out() -> None:
    spec, frame = spec_from_text("m ~ x\nm ~~ lower(0)*m\n"), people(40)
    held = draw_effects(spec, frame, seed=1, draws=5, accelerate=True)
    plain = draw_effects(spec_from_text("m ~ x\n"), frame, seed=1, draws=5, accelerate=True)
    at = held.names.index("m~x")
    assert held.acceleration[at] == pytest.approx(plain.acceleration[plain.names.index("m~x")], abs=1e-9)


@pytest.mark.parametrize(
    "words, method",
    [
        (("--ordered", "o"), "bootstrap of people, fitted anew in each draw"),
        (("--cluster", "site"), "bootstrap of 15 clusters"),
        (("--interval", "monte_carlo"), "parameters drawn under normality"),
    ],
)
def test_the_command_line_draws_them(words: tuple[str, ...], method: str, tmp_path: Path) -> None:
    people().to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "m.lav").write_text("m ~ a*x\no ~ b*m + x\nind := a*b\n")
    out = tmp_path / "out.json"
    base = ["fit", str(tmp_path / "m.lav"), "--data", str(tmp_path / "d.csv"), "--draws", "30", "--json", str(out)]
    assert main([*base, *words]) == 0
    record = json.loads(out.read_text())
    assert record["resampling"]["method"].startswith(method)
    assert (record["resampling"]["attempted"], record["resampling"]["status"]) == (30, "usable")
    row = next(row for row in record["effects"] if row["name"] == "ind")
    assert row["ci_lower"] < row["est"] < row["ci_upper"]
    assert (row["draws"], row["failed_draws"]) == (30, 0)


def test_people_without_a_cluster_are_not_drawn_as_one() -> None:
    frame = people()
    frame["site"] = frame["site"].where(np.arange(len(frame)) > 20)
    labels = labels_of(frame, "site")
    assert "" in labels
    with pytest.raises(UserError, match="some people have no cluster"):
        draw_effects(CASES["equal"], frame, seed=1, draws=3, scheme=Scheme.CLUSTER, cluster=labels)


@pytest.mark.parametrize("constraint", ["log(a) + log(b) == 0", "log(a) > 4", "log(a) < -1"])
def test_a_constraint_without_a_value_at_some_start_is_no_crash(constraint: str) -> None:
    try:
        fit = fit_model(spec_from_text(SERIAL + constraint), people())
    except UserError as error:
        assert len(error.problems) == 1
    else:
        assert fit.status.has_numbers or np.isnan(row_values(fit)).all()


def test_equations_fitted_one_by_one_have_no_joint_test() -> None:
    texts = ("m ~ x\ny ~ m", "m ~ x\ny ~ m + x")
    fits = [fit_model(spec_from_text(text, estimator="equationwise"), people()) for text in texts]
    with pytest.raises(UserError, match="no joint test"):
        compare_fits(*fits)


def test_equality_constraints_count_against_the_parameters_asked() -> None:
    free, tied = (spec_from_text(SERIAL + more).table.n_asked for more in ("", "a == b"))
    assert tied == free - 1
