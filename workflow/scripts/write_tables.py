"""Write every table of the report as csv."""

from pathlib import Path
from typing import Any

from kinechain import io, publish
from kinechain.log import logged


def main(sources: dict[str, Any], folder: Path) -> None:
    publish.write_tables(publish.read_results(**sources), folder)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            io.as_paths(snakemake.input.items())
            | {"study": snakemake.params.study, "digests": snakemake.params.digests},
            Path(snakemake.output[0]).parent,
        )
