"""Write the page that links all reports."""

from pathlib import Path
from typing import Any

from kinechain import publish


def main(summaries: list[Path], templates: Path, out: Path, study: dict[str, Any]) -> None:
    publish.write_index(summaries, templates=templates, out=out, study=study)


if __name__ == "__main__":
    main(
        [Path(path) for path in snakemake.input],
        Path(snakemake.params.templates),
        Path(snakemake.output[0]),
        dict(snakemake.params.study),
    )
