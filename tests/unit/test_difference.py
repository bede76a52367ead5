"""What a changed model changes: its graph, what follows from it, and its effects in the same resamples."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from kinechain.cli import main
from kinechain.commands.diff import lines_of
from kinechain.difference import View, compare
from kinechain.graph import build_graph

ROOT = Path(__file__).resolve().parents[2]
CHAIN = build_graph([("z", "x"), ("x", "m"), ("m", "y"), ("z", "y")])
OPEN = build_graph([("z", "x"), ("x", "m"), ("m", "y"), ("x", "y")])


def view(graph, draws, n=100, problem=""):
    return View("M", "demo", graph, frozenset({"z"}), problem, n, {name: d.mean() for name, d in draws.items()}, draws)


def test_what_the_graph_loses_and_gains() -> None:
    difference = compare(view(CHAIN, {}), view(OPEN, {}), level=0.95)
    assert difference.gained["paths"] == ("x -> y",)
    assert difference.lost["paths"] == ()
    assert difference.lost["covariates"] == ("z of y",)
    assert difference.gained["adjustment sets"] == ("x -> y: {}",)
    assert difference.lost["adjustment sets"] == ("x -> y: {z}",)
    assert difference.gained["independences"] == ("z ⊥ y",)
    assert difference.lost["independences"] == ("x ⊥ y",)


def test_the_change_of_an_effect_has_the_interval_of_its_paired_draws() -> None:
    """Noise that both sides share is no part of the change; unpaired draws would count it twice."""
    rng = np.random.default_rng(3)
    shared, own = rng.standard_normal(4000), rng.standard_normal(4000) * 0.1
    before, after = view(CHAIN, {"e": shared}), view(CHAIN, {"e": shared + 0.5 + own})
    (change,) = compare(before, after, level=0.9).changes
    assert (change.low, change.high) == pytest.approx((0.5 - 1.645 * 0.1, 0.5 + 1.645 * 0.1), abs=0.02)
    assert change.is_clear


def test_the_clearest_change_comes_first_and_effects_of_one_side_last() -> None:
    rng = np.random.default_rng(4)
    noise = rng.standard_normal(500)
    before = view(CHAIN, {"gone": noise, "small": noise, "large": noise})
    after = view(CHAIN, {"large": noise + 5 + 0.1 * noise, "small": noise + 0.1 * noise[::-1]})
    assert [change.effect for change in compare(before, after, level=0.95).changes] == ["large", "small", "gone"]


def test_what_a_model_is_asked_about_comes_before_its_covariates_and_shares_of_variance() -> None:
    noise = np.random.default_rng(5).standard_normal(500)
    before = view(CHAIN, {"m~z": noise, "r2:m": noise, "ind_chain": noise, "m~x": noise})
    after = view(CHAIN, {"m~z": noise + 9, "r2:m": noise + 9, "m~x": noise + 0.1 * noise})
    names = [change.effect for change in compare(before, after, level=0.95).changes]
    assert names[:2] == ["m~x", "ind_chain"] and set(names[2:]) == {"m~z", "r2:m"}


def test_one_number_under_two_names_is_told_once_under_the_first_and_last_bits_do_not_count() -> None:
    rng = np.random.default_rng(5)
    noise = rng.standard_normal(500)
    first, other = noise + 1, (noise + 1) * (1 + 1e-14)
    before = view(CHAIN, {"same": noise, "first": first, "other": other})
    after = view(CHAIN, {"same": noise * (1 + 1e-14), "first": first * 2, "other": other * 2})
    told = list(lines_of(compare(before, after, level=0.95)))
    assert [line.split()[0] for line in told[-2:]] == ["effect", "first"]


def test_no_minus_stands_before_zero() -> None:
    change = np.full(500, -1e-5) + 1e-6 * np.random.default_rng(6).standard_normal(500)
    before = view(CHAIN, {"e": np.ones(500)})
    told = list(lines_of(compare(before, view(CHAIN, {"e": np.ones(500) + change}), level=0.95)))
    assert told[-2].split() == ["e", "1.000", "1.000", "0.000", "[0.000,", "0.000]", "*"]


def test_a_model_that_lost_its_numbers_says_why() -> None:
    difference = compare(view(CHAIN, {}), view(CHAIN, {}, problem="not identified: `a`"), level=0.95)
    assert difference.status == "it could be estimated -> not identified: `a`"
    assert not difference.is_empty


def test_nothing_differs_from_itself() -> None:
    assert compare(view(CHAIN, {}), view(CHAIN, {}), level=0.95).is_empty


def test_the_order_in_which_nodes_are_listed_is_no_difference() -> None:
    turned = build_graph(CHAIN.arrows, nodes=CHAIN.nodes[::-1])
    assert compare(view(turned, {}), view(CHAIN, {}), level=0.95).is_empty


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The demo with one cohort and two models, and a copy in which the covariates of one equation are gone."""
    before = tmp_path_factory.mktemp("diff") / "before"
    shutil.copytree(ROOT / "config", before / "config")
    shutil.copytree(ROOT / "data" / "demo", before / "data" / "demo")
    path = before / "config" / "config.yaml"
    text = path.read_text("utf-8")
    start, end = text.index("cohorts:"), text.index("# Named sets")
    path.write_text(f"{text[:start]}cohorts: [demo_clinic]\nmodels: [M1_chain, MT_total_effect]\n{text[end:]}", "utf-8")
    after = before.parent / "after"
    shutil.copytree(before, after)
    model = after / "config" / "models" / "M1_chain.yaml"
    model.write_text(model.read_text("utf-8").replace("b*pelvis_post + B_lumbar", "b*pelvis_post + age + sex"), "utf-8")
    return before, after


def test_two_studies_as_text_and_as_a_page(
    studies: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = studies
    page = tmp_path / "changed.html"
    assert main(["diff", str(before), str(after), "--draws", "200", "--page", str(page)]) == 0
    told = capsys.readouterr().out
    assert "M1_chain of demo_clinic\n  covariates\n    - bmi of lumbar_flat" in told
    assert "+ pi ⊥ lumbar_flat" in told
    assert "420 people on both sides, the same resamples." in told
    assert told.rstrip().splitlines()[-2] == "1 of 2 models differ."
    written = page.read_text("utf-8")
    assert "SYNTHETIC DATA: demo_clinic." in written
    assert "<td>lumbar_flat~pelvis_post</td>" in written
    assert "Lost covariates: bmi of lumbar_flat; " in written


def test_one_model_against_another(studies: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    models = [str(studies[0] / "config" / "models" / f"{name}.yaml") for name in ("M1_chain", "M4_thorax_only")]
    assert main(["diff", *models, "--draws", "0"]) == 0
    told = capsys.readouterr().out
    assert "M1_chain -> M4_thorax_only of demo_clinic" in told
    assert "  paths\n" in told


def test_a_study_against_itself(studies: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(studies[0]), str(studies[0])]) == 0
    assert capsys.readouterr().out.endswith("\n0 of 2 models differ.\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "nowhere: there is no such file or folder."),
        (["{study}", "--model", "M1_chian"], "no fit of `M1_chian` on either side. Did you mean `M1_chain`?"),
        (["{study}/config"], "this folder holds no study: there is no config/config.yaml in it."),
    ],
)
def test_a_mistake_is_one_line(
    studies: tuple[Path, Path], words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = str(studies[0])
    first, *rest = [word.format(study=study) for word in words]
    assert main(["diff", first, study, *rest]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1


def test_before_the_first_run_every_model_is_only_after(
    studies: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", "last-run", str(studies[0])]) == 0
    told = capsys.readouterr().out
    assert "M1_chain of demo_clinic: only after" in told
    assert told.endswith("\nNothing to compare.\n")
