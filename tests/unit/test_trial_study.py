"""What `kinechain check` says of a study whose trial is spoilt: every mistake before anything runs, with its remedy."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from kinechain.io import read_yaml
from kinechain.study import check_study, load_study
from tests.fixtures.study import ROOT

COHORT = "demo_trial"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The default study with one cohort: the synthetic trial."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "data" / "demo").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "demo" / f"{COHORT}.csv", tmp_path / "data" / "demo")
    return tmp_path


def said(folder: Path) -> list[str]:
    config = {**read_yaml(folder / "config" / "config.yaml"), "cohorts": [COHORT]}
    return [str(problem) for problem in check_study(load_study(folder, config))]


def spoil_rows(folder: Path, change: object) -> None:
    file = folder / "data" / "demo" / f"{COHORT}.csv"
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    assert callable(change)
    change(frame).to_csv(file, index=False)


def rewrite(folder: Path, name: str, *changes: tuple[str, str]) -> None:
    file = folder / "config" / name
    text = file.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    file.write_text(text, encoding="utf-8")


def test_the_default_trial_has_nothing_to_mend(folder: Path) -> None:
    assert said(folder) == []


def test_an_arm_with_one_person_and_a_visit_nobody_attended(folder: Path) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        neck = frame.loc[frame["arm"] == "neck", "subject"].unique()
        frame = frame[~frame["subject"].isin(neck[1:])].copy()
        last = frame["visit"] == "fu"
        frame.loc[last, ["SLR", "PT", "LL", "TK", "CVA", "PPT", "NDI"]] = ""
        return frame

    spoil_rows(folder, change)
    lines = said(folder)
    assert (
        "demo_trial: arm `neck` has one person, which no arm can be compared with. Leave the arm out under "
        "`eligibility` in config/cohorts/demo_trial.yaml, or correct `arms`." in lines
    )
    assert (
        "demo_trial: nobody attended the visit `fu`. Leave it out of `visits` in config/cohorts/demo_trial.yaml, or "
        "map it." in lines
    )


def test_visits_out_of_order(folder: Path) -> None:
    rewrite(folder, f"cohorts/{COHORT}.yaml", ("{bl: bl, post: post, fu: fu}", "{bl: bl, fu: fu, post: post}"))
    lines = said(folder)
    assert any(line.startswith("demo_trial: the visit `post` is not after `fu` by its day in ") for line in lines)
    assert any(
        "the mediators are measured at `post`, which is not before their outcome at `fu`" in line for line in lines
    )


def test_arms_that_change_within_a_person(folder: Path) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        later = frame["visit"] == "fu"
        frame.loc[later & (frame["arm"] == "ctl"), "arm"] = "str"
        return frame

    spoil_rows(folder, change)
    (line,) = said(folder)
    assert "config/cohorts/demo_trial.yaml" in line
    assert "arm" in line
    assert "people" in line


def test_mistakes_of_the_plan_and_of_a_model_come_together(folder: Path) -> None:
    rewrite(
        folder,
        "trial.yaml",
        ("covariates: [age, sex]", "covariates: [age, thor_kyph_post]"),
        ("noninferiority: strstg_neck", "noninferiority: strstg_nek"),
    )
    rewrite(
        folder,
        "models/MT_total_effect.yaml",
        ("  neck_pain ~ t*", "  neck_pain_post ~ head_fwd_fu + arm_str\n  arm_str ~ ham_tight\n  neck_pain ~ t*"),
    )
    lines = "\n".join(said(folder))
    assert "`responders.noninferiority` names `strstg_nek`, which is not under `contrasts`. Did you mean" in lines
    assert "the covariate `thor_kyph_post` is measured after treatment began" in lines
    assert "Use `thor_kyph`, its value at the first visit" in lines
    assert "`head_fwd_fu` is measured after `neck_pain_post`, which it is said to cause" in lines
    assert "the arm `arm_str` is explained by `ham_tight`" in lines


def test_a_plan_of_the_wrong_shape(folder: Path) -> None:
    rewrite(folder, "trial.yaml", ("imputations: 50", "imputatons: 50"))
    lines = said(folder)
    assert all(line.startswith("config/trial.yaml") for line in lines)
    assert any("imputatons" in line and "Did you mean `imputations`" in line for line in lines)


def test_the_last_observation_is_not_carried_forward(folder: Path) -> None:
    rewrite(
        folder,
        "trial.yaml",
        ("  imputations: 50", "  imputations: 50\n  assumptions: [imputed, last_observation_carried_forward]"),
    )
    (line,) = said(folder)
    assert "carrying the last observation forward is refused" in line
    assert "a relapse can never be seen" in line
