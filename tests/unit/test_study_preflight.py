"""A student edits a study wrongly: every mistake is told at once, each with its place and what would be right."""

import math
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kinechain.errors import UserError
from kinechain.io import read_yaml, seal_folder, write_tables
from kinechain.study import load_study
from kinechain.study_preflight import (
    TOUCH,
    check_once,
    find_mistakes,
    from_the_future,
    movement_between_seeds,
    unwritable,
)

ROOT = Path(__file__).resolve().parents[2]
CLINIC = "config/cohorts/demo_clinic.yaml"
M1, M2, MT = (f"config/models/{name}.yaml" for name in ("M1_chain", "M2_chain_open", "MT_total_effect"))
CONFIG, DATA = "config/config.yaml", "data/demo/demo_clinic.csv"
SHORT_LIST = "models:\n  - M1_chain\n  - M2_chain_open\n  - MT_total_effect\n"

Replace = Callable[[str, str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo study with one cohort and three models."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copytree(ROOT / "data" / "demo", tmp_path / "data" / "demo")
    path = tmp_path / CONFIG
    text = path.read_text("utf-8")
    cohorts, models, macros = (text.index(key) for key in ("cohorts:", "# Fitted to every", "# Named sets"))
    path.write_text(f"{text[:cohorts]}cohorts: [demo_clinic]\n\n{SHORT_LIST}\n{text[macros:]}", "utf-8")
    assert models < macros
    return tmp_path


@pytest.fixture
def change(folder: Path) -> Replace:
    """Replaces the first place of a text in a file of the study."""

    def replace(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text("utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        (folder / name).write_text(text.replace(old, new, 1), "utf-8")

    return replace


def told(folder: Path) -> list[str]:
    return [str(problem) for problem in find_mistakes(folder)[1]]


def at(folder: Path, name: str, text: str) -> str:
    """`file:line:column` of a text in a file of the study."""
    lines = (folder / name).read_text("utf-8").split("\n")
    number, line = next((number, line) for number, line in enumerate(lines, 1) if text in line)
    return f"{name}:{number}:{line.index(text) + 1}"


def test_the_study_as_it_comes_has_no_mistake(folder: Path) -> None:
    assert told(folder) == []


def test_an_unknown_key(folder: Path, change: Replace) -> None:
    change(M1, "claims:", "cliams:")
    place = at(folder, M1, "cliams")
    assert told(folder) == [f"{place}: unknown key `cliams` in the file. Did you mean `claims`?"]


def test_a_variable_that_is_not_there_with_unit_and_people_of_the_one_meant(folder: Path, change: Replace) -> None:
    change(M1, "b*pelvis_post", "b*pelvis_psot")
    place = at(folder, M1, "b*pelvis_psot")
    says = "`pelvis_psot` is not a column of the data (cohort demo_clinic). Did you mean `pelvis_post` (deg, n = 405)?"
    assert told(folder) == [f"{place}: {says}"]


def test_a_column_that_the_file_does_not_have(folder: Path, change: Replace) -> None:
    change(CLINIC, "  PT: {", "  PTT: {")
    place = at(folder, CLINIC, "PTT")
    assert told(folder) == [f"{DATA}: there is no column `PTT` ({place}). Did you mean `PT`?"]


def test_a_measure_and_a_unit_nobody_knows(folder: Path, change: Replace) -> None:
    change(CLINIC, "xr_pt_deg, conv", "xr_tp_deg, conv")
    change(CLINIC, "side: left, unit: kPa}", "side: left, unit: kPaa}")
    measure, unit = told(folder)
    says = "`xr_tp_deg` is not a measure. Did you mean `xr_pt_deg`? Known names are listed in config/measures.yaml."
    assert measure == f"{at(folder, CLINIC, 'xr_tp_deg').rsplit(':', 1)[0]}:8: {says}"
    assert unit.startswith(f"{at(folder, CLINIC, 'kPaa').rsplit(':', 1)[0]}:")
    assert "unit `kPaa` cannot become `kPa` of `ppt_utrap_kpa`" in unit


def test_a_path_back_in_time(folder: Path, change: Replace) -> None:
    change(MT, "equations: |\n", "equations: |\n  pelvis_post ~ neck_pain\n")
    place = at(folder, MT, "pelvis_post ~ neck_pain")
    says = (
        "`pelvis_post ~ neck_pain`: neck_pain -> pelvis_post points back in time (declared order 6 > 2). "
        "Turn it round; the order is chain in config/config.yaml, unless `compare` names a rival."
    )
    assert f"{place}: {says}" in told(folder)


def test_a_rival_may_turn_the_order_round(folder: Path, change: Replace) -> None:
    change(CONFIG, "  - MT_total_effect\n", "  - MT_total_effect\n  - M6_reverse\n")
    assert told(folder) == []


def test_a_cycle(folder: Path, change: Replace) -> None:
    change(M1, "a*ham_tight", "a*ham_tight + neck_pain")
    place = at(folder, M1, "neck_pain")
    cycle = "pelvis_post -> lumbar_flat -> thor_kyph -> head_fwd -> neck_pain -> pelvis_post"
    says = f"cycle: {cycle}; a recursive model is required. Take one of these paths out."
    assert f"{place}: {says}" in told(folder)


def test_a_model_that_is_not_identified(folder: Path) -> None:
    text = "name: M1_chain\nquestion: Is one factor behind both?\nequations: |\n  f =~ sva + pelvis_post\n"
    (folder / M1).write_text(f"{text}  sva ~~ pelvis_post\n", "utf-8")
    (line,) = [one for one in told(folder) if one.startswith("config/models")]
    place, _, says = line.partition(": ")
    assert place.startswith(f"{M1}:4:")
    assert says == (
        "the model is not identified: 5 free parameters, 3 moments; involved: `f=~pelvis_post`, "
        "`sva~~pelvis_post`, `sva~~sva`, `pelvis_post~~pelvis_post`, `f~~f` (cohort demo_clinic). "
        "The data cannot determine every parameter. Fix, equate or remove some of those named."
    )


def test_a_control_that_is_a_consequence(folder: Path, change: Replace) -> None:
    change(MT, "ham_tight + B_total", "ham_tight + B_total + head_fwd")
    place = f"{at(folder, MT, '+ head_fwd').rsplit(':', 1)[0]}:15"
    says = (
        "`head_fwd` lies on the way from `ham_tight` to `neck_pain`; holding it blocks part of the effect "
        "(C01: neck_pain~ham_tight). Take it out of that equation."
    )
    assert told(folder) == [f"{place}: {says}"]


def test_a_file_of_another_separator(folder: Path, change: Replace) -> None:
    change(CLINIC, "format: csv\n", "format: csv\nread: {separator: ','}\n")
    (folder / DATA).write_text((folder / DATA).read_text("utf-8").replace(",", ";"), "utf-8")
    (line,) = told(folder)
    assert line == (
        f"{DATA}: looks semicolon-separated (1 column found, 39 expected) ({CLINIC}:3:1). "
        "Take `separator` out of `read`, or write the file's own."
    )


def test_too_few_draws(folder: Path, change: Replace) -> None:
    change(CONFIG, "draws: 10000", "draws: 100")
    place = at(folder, CONFIG, "draws: 100")
    says = "interval ends would move by ±0.27 of a standard error between seeds. Write 5000 or more."
    assert told(folder) == [f"{place}: `draws` = 100: {says}"]


def test_binary_codes_that_could_mean_either(folder: Path) -> None:
    text = (folder / DATA).read_text("utf-8").replace(",M,", ",1,").replace(",F,", ",2,")
    (folder / DATA).write_text(text, "utf-8")
    place = at(folder, CLINIC, "SEX")
    says = "values of column `SEX` are bare numbers, which files use differently"
    (line,) = [line for line in told(folder) if says in line]
    assert f"({place})" in line
    assert line.endswith("Say what they mean, for example `codes: {0: male, 1: female}`.")


def test_a_variable_that_is_an_exact_sum_of_others(folder: Path, change: Replace) -> None:
    """Pelvic incidence is tilt plus slope: the three cannot stand side by side."""
    change(M1, "b*pelvis_post", "b*pelvis_post + xr_ss_deg")
    (line,) = told(folder)
    assert line == (
        f"{at(folder, M1, 'pelvis_post ~')}: `pi` adds nothing to the others: `pi` = `pelvis_post` + `xr_ss_deg` "
        "(up to a constant) (cohort demo_clinic). Leave one of them out of the model."
    )


def test_fewer_people_than_parameters(folder: Path) -> None:
    lines = (folder / DATA).read_text("utf-8").splitlines(keepends=True)
    (folder / DATA).write_text("".join(lines[:46]), "utf-8")
    says = "45 people are fewer than the 59 parameters of the model (cohort demo_clinic)"
    assert f"{at(folder, M2, 'equations')}: {says}. Use a smaller model, or more people." in told(folder)


def test_names_that_stand_for_nothing(folder: Path, change: Replace) -> None:
    change(CONFIG, "B: age + sex", "B: age + sxe")
    change(CONFIG, "main_model: M2_chain_open", "main_model: M2_chain_opne")
    change(CONFIG, "chain: [ham_tight", "chain: [ham_tigth")
    change(CONFIG, "  - M1_chain\n", "  - M1_chian\n")
    change(M2, "claims: [C01", "claims: [C91")
    assert told(folder) == [
        f"{at(folder, CONFIG, 'M1_chian')}: the model `M1_chian` is named in the config but has no file. "
        "Did you mean `M1_chain`?",
        f"{at(folder, CONFIG, 'sxe')}: `sxe` in the macro B is no construct, measure or macro. Did you mean `sex`? "
        "Known names are listed in config/measures.yaml.",
        f"{at(folder, CONFIG, 'M2_chain_opne')}: `M2_chain_opne`, the main_model of the report, is not a model. "
        "Did you mean `M2_chain_open`?",
        f"{at(folder, CONFIG, 'ham_tigth')}: `ham_tigth` in the chain of the report is no construct. "
        "Did you mean `ham_tight`? Known names are listed in config/measures.yaml.",
        f"{at(folder, M2, 'C91')}: `C91` is not a claim. Did you mean `C21`? "
        "Known names are listed in config/claims.yaml.",
    ]


def test_one_mistake_hides_no_other(folder: Path, change: Replace) -> None:
    change(CONFIG, "draws: 10000", "draws: 100")
    change(M1, "claims:", "cliams:")
    change(M2, "a*ham_tight", "a*ham_tigth")
    files = [line.split(":")[0] for line in told(folder)]
    assert files == [CONFIG, M1, M2]


def test_several_cohorts_that_meet_one_mistake_share_a_line(folder: Path, change: Replace) -> None:
    change(CONFIG, "[demo_clinic]", "[demo_clinic, demo_null]")
    change(M1, "a*ham_tight", "a*ham_tigth")
    (line,) = told(folder)
    assert "(cohorts demo_clinic, demo_null)" in line


def test_a_folder_that_cannot_be_written_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda room, _mode: room != folder)
    (problem,) = unwritable(folder)
    assert str(problem) == (
        "the folder of the study: it cannot be written: its permissions, or those of the disk, forbid it. "
        "Make it writable, or copy the study to a place that is."
    )


def test_files_from_the_future_are_told_in_one_line_with_what_to_type(folder: Path) -> None:
    ahead = time.time() + 86_400
    for path in sorted((folder / "config" / "models").glob("M1_*.yaml"))[:2]:
        os.utime(path, (ahead, ahead))
    assert [str(problem) for problem in from_the_future(folder)] == [
        "config and data: 2 files are dated in the future, so that what is made of them seems older. "
        f"Set the clock right, then run `{TOUCH}`."
    ]
    subprocess.run(TOUCH, shell=True, cwd=folder, check=True)
    assert from_the_future(folder) == []


def test_every_folder_that_a_run_fills_and_cannot_write_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shut = folder / "reports" / "demo_clinic" / "figures"
    shut.mkdir(parents=True)
    monkeypatch.setattr("os.access", lambda room, _mode: room != shut)
    assert [problem.where for problem in unwritable(folder)] == ["reports/demo_clinic/figures"]


def test_a_set_of_covariates_that_is_misspelt_is_told_with_the_one_meant(folder: Path, change: Replace) -> None:
    change(M1, "B_lumbar", "B_lumbr")
    place = at(folder, M1, "B_lumbr")
    says = "`B_lumbr` is not a column of the data (cohort demo_clinic). Did you mean `B_lumbar`?"
    assert told(folder) == [f"{place}: {says}"]


def test_a_reason_for_a_path_that_the_model_does_not_have(folder: Path, change: Replace) -> None:
    change(M1, "  e: A head held", "  ee: A head held")
    place = at(folder, M1, "ee: A head")
    says = "`ee` under `edges` is no label of the equations (cohort demo_clinic). Did you mean `e`?"
    assert told(folder) == [f"{place}: {says}"]


def test_a_key_that_is_misspelt_does_not_hide_what_else_is_wrong_in_its_file(folder: Path, change: Replace) -> None:
    change(M1, "assumptions:", "asumptions:")
    change(M1, "a*ham_tight", "a*ham_tigth")
    lines = told(folder)
    assert [("`ham_tigth`" in line, "`asumptions`" in line) for line in lines] == [(True, False), (False, True)]


def test_a_unit_that_is_none_is_told_as_it_was_written(folder: Path, change: Replace) -> None:
    change(CLINIC, "side: left, unit: kPa", "side: left, unit: kpa")
    (line,) = told(folder)
    assert line.endswith("cannot become `kPa` of `ppt_utrap_kpa`: 'kpa' is not a unit. Write a unit such as `kPa`.")


@pytest.mark.parametrize("draws", [200, 5000])
def test_movement_between_seeds_is_what_repeated_draws_show(draws: int) -> None:
    rng = np.random.default_rng(7)
    ends = np.quantile(rng.standard_normal((2000, draws)), 0.975, axis=1)
    noise = 4 / math.sqrt(2 * 2000)
    assert ends.std() == pytest.approx(movement_between_seeds(draws, 0.95), rel=noise + 0.05)


def test_what_the_command_line_puts_in_the_place_of_config_is_checked_too(folder: Path) -> None:
    study = load_study(folder)
    check_once(study, study.config)
    changed = {**read_yaml(folder / CONFIG), "report": {"main_model": "M_nowhere"}}
    with pytest.raises(UserError, match="M_nowhere"):
        check_once(load_study(folder, changed), changed)


def test_damage_in_a_folder_that_a_run_made_is_told_before_anything_runs(folder: Path) -> None:
    """The time of a folder stays when a file in it rots, so that no step would read it again."""
    made = folder / "reports" / "demo_clinic" / "figures"
    write_tables({"forest": pd.DataFrame({"estimate": [0.25]})}, made)
    seal_folder(made)
    study = load_study(folder)
    check_once(study, study.config)
    (made / "forest.csv").write_text("estimate\n0.26\n", "utf-8")
    with pytest.raises(UserError) as caught:
        check_once(study, study.config)
    assert [problem.where for problem in caught.value.problems] == ["reports/demo_clinic/figures/forest.csv"]
    shutil.rmtree(made)
    check_once(study, study.config)


def test_a_study_without_trials_needs_no_plan_of_one(folder: Path) -> None:
    (folder / "config" / "trial.yaml").unlink()
    study = load_study(folder)
    check_once(study, study.config)
    assert "config/trial.yaml" not in study.inputs()[""]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("title: The chain alone", "title: Stretching reduces neck pain", "`reduces`"),
        ("  - No unmeasured cause is", "  - Tightness leads to neck pain, and no unmeasured cause is", "`leads to`"),
        ("ind_chain", "improves_pain", "`improves_pain`"),
    ],
)
def test_words_of_a_model_that_say_more_than_its_cohorts_can(
    folder: Path, change: Replace, old: str, new: str, words: str
) -> None:
    change("config/models/M1_chain.yaml", old, new)
    place = at(folder, "config/models/M1_chain.yaml", words.strip("`"))
    (line,) = [line for line in told(folder) if "says more" in line]
    assert line.startswith(place)
    assert f"{words} says more than a" in line
    assert line.endswith("Write that one `went with` the other.")


def test_words_of_the_study_are_read_before_anything_runs(folder: Path, change: Replace) -> None:
    change("config/config.yaml", "study:\n", "study:\n  interpretation: Tight hamstrings cause neck pain.\n")
    (line,) = [line for line in told(folder) if "says more" in line]
    assert line.startswith(at(folder, "config/config.yaml", "hamstrings cause"))


def test_a_model_of_trials_alone_may_say_more(folder: Path, change: Replace) -> None:
    from dataclasses import replace

    from kinechain.study_preflight import language_problems

    change("config/models/M1_chain.yaml", "title: The chain alone", "title: Stretching reduces neck pain")
    study = load_study(folder)
    assert language_problems(study)
    trials = {name: {**cohort, "design": "trial"} for name, cohort in study.cohorts.items()}
    assert not language_problems(replace(study, cohorts=trials))
