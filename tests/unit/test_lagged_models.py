"""The lagged models in config/models, each fitted as a study would: on the synthetic trial, and on it without arms."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from kinechain.cohort import Cohort
from kinechain.comparison import compare_fits
from kinechain.effects import estimate_effects
from kinechain.estimators import fit_model
from kinechain.fit import Fit, Status
from kinechain.io import read_yaml
from kinechain.preflight import load_cohort
from kinechain.schema import check_shape
from kinechain.spec import build_spec
from kinechain.trials.lagged import cross_lagged_text, fit_lagged, latent_change_text, random_intercept_text
from tests.fixtures.study import ROOT
from tests.tolerances import LAGGED_ESTIMATE

CONFIG = ROOT / "config"
MODELS = ("M9_lagged", "M9_lagged_equal", "M9_random_intercept", "M9_change", "M9_growth")


@pytest.fixture(scope="module")
def trial() -> Cohort:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return load_cohort("demo_trial", Path("config"))


def fitted(name: str, cohort: Cohort) -> Fit:
    file = CONFIG / "models" / f"{name}.yaml"
    content = read_yaml(file)
    assert check_shape(content, "model", file) == []
    mapping = {"estimator": "ml", "fixed_x": False, **content}
    return fit_model(
        build_spec(mapping, read_yaml(CONFIG / "config.yaml")["macros"], cohort.variables, str(file)), cohort
    )


@pytest.mark.parametrize("name", MODELS)
def test_every_lagged_model_is_fitted_from_its_file(name: str, trial: Cohort) -> None:
    fit = fitted(name, trial)
    assert fit.status in (Status.CONVERGED, Status.IMPROPER), fit.detail
    assert fit.n == 320


def test_the_direction_has_an_interval_on_the_scale_of_its_visit(trial: Cohort) -> None:
    table = estimate_effects(fitted("M9_lagged", trial)).set_index("effect")
    ahead, back, direction = (table.loc[name] for name in ("x2", "x1", "dir"))
    assert direction["standardised"] == pytest.approx(ahead["standardised"] - back["standardised"])
    assert direction["standardised_low"] > 0, "in this trial the head leads"
    assert direction["standardised_low"] < direction["standardised"] < direction["standardised_high"]


def test_equal_lags_are_a_restriction_that_can_be_tested(trial: Cohort) -> None:
    test = compare_fits(fitted("M9_lagged_equal", trial), fitted("M9_lagged", trial))
    assert test.df_difference == 4
    assert test.p_value < 0.001, "a trial in which arms move during treatment only is not stationary"


def test_a_panel_without_arms_is_fitted_by_the_same_files(tmp_path: Path) -> None:
    frame = pd.read_csv(ROOT / "data" / "demo" / "demo_trial.csv")
    (tmp_path / "config" / "cohorts").mkdir(parents=True)
    frame.drop(columns="arm").to_csv(tmp_path / "panel.csv", index=False)
    content = read_yaml(CONFIG / "cohorts" / "demo_trial.yaml")
    for key in ("arm", "arms", "models"):
        content.pop(key)
    content |= {"file": "panel.csv", "design": "longitudinal"}
    (tmp_path / "config" / "cohorts" / "panel.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (tmp_path / "config" / "measures.yaml").write_bytes((CONFIG / "measures.yaml").read_bytes())
    panel = load_cohort("panel", tmp_path / "config")
    fit = fitted("M9_lagged", panel)
    assert fit.status is Status.CONVERGED
    assert not any(row.rhs.startswith("arm_") for row in fit.table.rows)
    assert "dir" in set(estimate_effects(fit)["effect"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("M9_random_intercept", random_intercept_text),
        ("M9_change", latent_change_text),
        ("M9_lagged", cross_lagged_text),
    ],
)
def test_the_files_say_what_the_package_writes(name: str, text: object, trial: Cohort) -> None:
    assert callable(text)
    assert trial.people is not None
    visits = ("bl", "post", "fu")
    more = (["arm_str", "arm_str_stg", "arm_neck", "age", "sex"],) if name == "M9_lagged" else ()
    columns = [f"{one}_{visit}" for one in ("head_fwd", "neck_pain") for visit in visits]
    data = {column: trial.people[column].to_numpy(dtype=float) for column in (*columns, *(more[0] if more else ()))}
    written = fit_lagged(text("head_fwd", "neck_pain", visits, *more), data)
    assert fitted(name, trial).measures["chisq"] == pytest.approx(written.measures["chisq"], abs=LAGGED_ESTIMATE)
