"""Draw every figure of the report, with its numbers and its words beside it."""

from pathlib import Path
from typing import Any

from kinechain import io, publish


def main(sources: dict[str, Any], folder: Path) -> None:
    publish.write_figures(publish.read_results(**sources), folder)


if __name__ == "__main__":
    main(
        io.as_paths(snakemake.input.items()) | {"study": snakemake.params.study, "digests": snakemake.params.digests},
        Path(snakemake.output[0]),
    )
