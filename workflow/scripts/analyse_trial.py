"""Analyse a trial as config/trial.yaml declares."""

from pathlib import Path

from kinechain import io
from kinechain.decisions import parse_decisions
from kinechain.log import logged
from kinechain.rounding import PUBLISHED_DIGITS
from kinechain.trials import parse_plan
from kinechain.trials.analysis import analyse_trial, fit_record, published_facts


def main(
    cohort: Path, plan: Path, decisions: Path, effects: Path, fit: Path, tables: Path, published: Path, *, seed: int
) -> None:
    results = analyse_trial(
        io.read_cohort(cohort),
        parse_plan(io.read_yaml(plan)),
        parse_decisions(io.read_yaml(decisions)),
        seed=seed,
    )
    io.write_table(results.effects, effects)
    io.write_sealed(fit_record(results), fit)
    io.write_tables(results.tables, tables)
    io.seal_folder(tables)
    io.write_tables(results.tables, published, digits=PUBLISHED_DIGITS)
    io.write_json(published_facts(results), published / "facts.json", digits=PUBLISHED_DIGITS)
    io.seal_folder(published)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            Path(snakemake.input.cohort),
            Path(snakemake.input.plan),
            Path(snakemake.input.decisions),
            Path(snakemake.output.effects),
            Path(snakemake.output.fit),
            Path(snakemake.output.tables),
            Path(snakemake.output.published),
            seed=snakemake.params.seed,
        )
