"""What draws are predicted to cost, and into how many jobs they are cut."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from kinechain import workload
from kinechain.commands import check
from kinechain.io import rough_rows
from kinechain.study import load_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "seconds, a_job, chunks, expected",
    [(0.5, 60, 20, 1), (60, 60, 20, 1), (61, 60, 20, 2), (1e6, 60, 20, 20), (0.0, 60, 0, 1), (1.0, 1e-6, 2, 2)],
)
def test_small_draws_stay_in_one_job_and_none_is_left_without_a_chunk(seconds, a_job, chunks, expected):
    assert workload.jobs(seconds, a_job, chunks) == expected


def test_a_model_costs_what_its_kind_of_drawer_says():
    def cost(text: str, estimator: str = "mlr", missing: str = "listwise", n: int = 300, **how: bool) -> float:
        return workload.predict(text, n=n, estimator=estimator, missing=missing, **how)

    path = "m ~ x\ny ~ m"
    assert cost(path) < cost(path, missing="fiml") < cost("f =~ a + b + c\ny ~ f") < cost(path, estimator="wlsmv")
    assert cost(path, n=1_000_000) * 10_000 == pytest.approx(50, rel=0.2)  # about a minute of one core
    assert cost(path, is_published=True) < 1e-4
    assert cost(path + "\nm ~~ y") == cost("f =~ a + b + c\ny ~ f")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_of_a_file_are_known_roughly_from_its_head(tmp_path: Path, suffix: str):
    frame = pd.DataFrame({"a": range(20_000), "b": 1.5})
    path = tmp_path / f"people{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    assert rough_rows(path, 2) == pytest.approx(20_000, rel=0.15)
    assert rough_rows(tmp_path / "absent.csv", 2) == 0


def test_the_draws_of_a_model_are_predicted_from_its_kind_and_the_people():
    study = load_study(ROOT)
    chain, latent = (study.draw_seconds("demo_clinic", model) for model in ("M1_chain", "M13_balance_strain"))
    assert latent > chain > study.draw_seconds("vertebral_normals", "VN_pelvis_lumbar") > 0
    assert study.rows("demo_clinic") == pytest.approx(420, rel=0.1)


def test_too_few_draws_are_told_with_the_error_they_leave(monkeypatch, capsys):
    assert workload.few_draws(1000) == ""
    assert "uncertain by about 0.27 standard errors" in workload.few_draws(99)
    study = SimpleNamespace(cohorts=[], config={"inference": {"draws": 99}})
    monkeypatch.setattr(check, "find_mistakes", lambda *_, **__: (study, []))
    assert check.run(Namespace(folder=Path())) == 0
    assert "99 draws leave each 95 % limit uncertain" in capsys.readouterr().out
