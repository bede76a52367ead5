"""Judge every claim of the ledger for one cohort."""

from pathlib import Path

from kinechain import publish


def main(sources: dict[str, object], table: Path, record: Path) -> None:
    publish.write_claims(publish.judge(**sources), table, record)


if __name__ == "__main__":
    main(dict(snakemake.input.items()), Path(snakemake.output.table), Path(snakemake.output.record))
