"""Judge every claim of the ledger for one cohort."""

from pathlib import Path

import pandas as pd

from kinechain import io
from kinechain.decisions import parse_decisions
from kinechain.evidence.claim import draws_needed, parse_claims
from kinechain.evidence.judging import evidence_record, evidence_table, judge_claims
from kinechain.log import logged
from kinechain.rounding import PUBLISHED_DIGITS


def main(
    cohort: Path,
    fits: list[Path],
    effects: list[Path],
    draws: list[Path],
    claims: Path,
    decisions: Path,
    table: Path,
    record: Path,
) -> None:
    ledger = parse_claims(io.read_yaml(claims))
    needed = draws_needed(ledger)
    evidence = judge_claims(
        io.read_cohort(cohort),
        ledger,
        parse_decisions(io.read_yaml(decisions)),
        pd.concat([io.read_table(path) for path in effects], ignore_index=True),
        {path.stem: io.read_json(path) for path in fits},
        draws={path.stem: io.read_table(path, needed[path.stem]) for path in draws if path.stem in needed},
    )
    io.write_table(evidence_table(evidence), table, digits=PUBLISHED_DIGITS)
    io.write_sealed(evidence_record(evidence), record, digits=PUBLISHED_DIGITS)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            Path(snakemake.input.cohort),
            [Path(path) for path in snakemake.input.fits],
            [Path(path) for path in snakemake.input.effects],
            [Path(path) for path in snakemake.input.draws],
            Path(snakemake.input.claims),
            Path(snakemake.input.decisions),
            Path(snakemake.output.table),
            Path(snakemake.output.record),
        )
