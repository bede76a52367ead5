"""The verdict study in small, and its shortcuts against the engine."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import verdicts
from kinechain.estimators import fit_model
from kinechain.numerics.moments import Moments, moments_from_data
from kinechain.raw_table import RawTable
from kinechain.simulate import draw_frame, stream
from kinechain.spec import build_spec
from kinechain.truths import read_truth
from tests.tolerances import CLOSED_FORM


def test_fit_measures_of_a_block_are_those_of_the_engine() -> None:
    study = verdicts.open_study()
    truth = read_truth(verdicts.TRUTHS / "chain.yaml")
    raw = RawTable(draw_frame(truth, 150, stream(truth, 0)))
    people = verdicts.build_cohort(study.cohort, study.dictionary, raw).people
    assert people is not None
    macros = verdicts.read_yaml(verdicts.ROOT / "config" / "config.yaml")["macros"]
    for model in study.models:
        content = verdicts.read_yaml(verdicts.ROOT / "config" / "models" / f"{model.name}.yaml")
        spec = build_spec(content, macros, study.checks.cohort.variables, model.name)
        X = people[list(model.recursive.names)].to_numpy(dtype=float)
        moments: Moments = moments_from_data(model.recursive.names, X[np.isfinite(X).all(axis=1)])
        engine = fit_model(spec, moments).measures
        ours = verdicts.fit_measures(model, moments.covariance[:, :, None], np.array([float(moments.n)]))
        for name in ("npar", "df", "chisq", "logl", "bic"):
            # logl of a thousand units: relative
            assert ours[name][0] == pytest.approx(engine[name], rel=CLOSED_FORM, abs=1e-7), (model.name, name)


@pytest.mark.slow
def test_verdicts_on_large_cohorts_follow_the_truth(tmp_path: Path) -> None:
    table = verdicts.run(["chain", "anterior_tilt", "thorax_only"], [2000], 10, 1, tmp_path)
    table = table[table["reading"] == "declared"].set_index(["truth", "claim"])
    for claim in ("C04", "C05", "C08", "C10", "C14", "C15"):
        assert table.loc[("chain", claim), "supported"] == 1.0
    assert table.loc[("chain", "C01"), "contradicted_null"] == 1.0
    assert table.loc[("anterior_tilt", "C04"), "contradicted_opposite"] == 1.0
    assert table.loc[("anterior_tilt", "RV03"), "supported"] == 1.0
    for claim in ("C04", "C05", "C08"):
        assert table.loc[("thorax_only", claim), "supported"] == 0.0
        assert table.loc[("thorax_only", claim), "contradicted_null"] > 0.5
    for claim in ("C10", "C14"):
        assert table.loc[("thorax_only", claim), "supported"] == 1.0
