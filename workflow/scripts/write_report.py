"""Write a cohort's report as a page, a paper and a Word file, with its tables and the ledger its numbers come from."""

from pathlib import Path
from typing import Any

from kinechain import io, publish
from kinechain.log import logged


def main(
    sources: dict[str, Any],
    templates: Path,
    tables: Path,
    html: Path,
    pdf: Path,
    docx: Path,
    ledger: Path,
    summary: Path,
) -> None:
    figures = sources.pop("figures")
    results = publish.read_results(**sources)
    publish.write_tables(results, tables)
    written = publish.write_report(
        results, figures=figures, templates=templates, html=html, pdf=pdf, docx=docx, summary=summary
    )
    publish.write_ledger(results, ledger, written)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            io.as_paths(snakemake.input.items())
            | {name: snakemake.params[name] for name in ("study", "digests", "left_out", "registration", "about")},
            Path(snakemake.params.templates),
            Path(snakemake.output.tables[0]).parent,
            Path(snakemake.output.html),
            Path(snakemake.output.pdf),
            Path(snakemake.output.docx),
            Path(snakemake.output.ledger),
            Path(snakemake.output.summary),
        )
