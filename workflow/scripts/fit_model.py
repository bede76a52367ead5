"""Fit one model to a cohort, and estimate every effect it implies."""

from pathlib import Path
from typing import Any

from kinechain import io
from kinechain.effects import estimate_effects
from kinechain.estimators import fit_model
from kinechain.fit_record import fit_record
from kinechain.log import logged
from kinechain.places import texts_in_place
from kinechain.spec import build_spec


def main(
    cohort_in: Path, model: Path, fit_out: Path, estimates_out: Path, *, choices: dict[str, Any], seed: int
) -> None:
    cohort = io.read_cohort(cohort_in)
    mapping = {**io.read_yaml(model), **texts_in_place(model), **choices["method"]}
    spec = build_spec(mapping, choices["macros"], cohort.variables, model.as_posix())
    fit = fit_model(spec, cohort, seed=seed)
    io.write_sealed(fit_record(fit), fit_out)
    io.write_table(estimate_effects(fit), estimates_out)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            Path(snakemake.input.cohort),
            Path(snakemake.input.model),
            Path(snakemake.output.fit),
            Path(snakemake.output.estimates),
            choices=snakemake.params.model,
            seed=snakemake.params.seed,
        )
