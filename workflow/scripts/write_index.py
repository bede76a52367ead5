"""Write the page that links all reports."""

from pathlib import Path
from typing import Any

from kinechain import publish
from kinechain.log import logged


def main(summaries: list[Path], templates: Path, out: Path, study: dict[str, Any]) -> None:
    publish.write_index(summaries, templates=templates, out=out, study=study)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            [Path(path) for path in snakemake.input],
            Path(snakemake.params.templates),
            Path(snakemake.output[0]),
            dict(snakemake.params.study),
        )
