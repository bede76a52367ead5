"""Put a cohort's results under stress: every check, a table each."""

from pathlib import Path
from typing import Any

import pandas as pd

from kinechain import checks, io
from kinechain.decisions import parse_decisions
from kinechain.log import logged
from kinechain.rounding import PUBLISHED_DIGITS


def main(
    cohort: Path,
    models: list[Path],
    effects: list[Path],
    plan: Path,
    decisions: Path,
    out: Path,
    threshold: Path,
    *,
    choices: dict[str, Any],
    seed: int,
) -> None:
    study = checks.build_study(
        io.read_cohort(cohort),
        {path.stem: {**io.read_yaml(path), **choices["methods"][path.stem]} for path in models},
        choices["macros"],
        checks.parse_plan(io.read_yaml(plan), choices["paths"]),
        parse_decisions(io.read_yaml(decisions)),
        pd.concat([io.read_table(path) for path in effects], ignore_index=True),
        seed=seed,
    )
    results = checks.run_checks(study)
    io.write_tables({name: result.table for name, result in results.items()}, out, digits=PUBLISHED_DIGITS)
    io.write_json({name: list(result.notes) for name, result in results.items()}, out / "notes.json")
    io.seal_folder(out)
    io.write_table(results[checks.THRESHOLD_MODEL].table, threshold)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            Path(snakemake.input.cohort),
            [Path(path) for path in snakemake.input.models],
            [Path(path) for path in snakemake.input.effects],
            Path(snakemake.input.plan),
            Path(snakemake.input.decisions),
            Path(snakemake.output.tables),
            Path(snakemake.output.threshold),
            choices=snakemake.params.choices,
            seed=snakemake.params.seed,
        )
