"""Write the manifest of everything published."""

from pathlib import Path

from kinechain import io, manifest
from kinechain.log import logged


def main(published: list[Path], inputs: dict[str, list[Path]], makers: dict[str, str], out: Path) -> None:
    io.write_json(manifest.describe_files(published, inputs, makers), out)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            [Path(path) for path in snakemake.input],
            {cohort: [Path(path) for path in paths] for cohort, paths in snakemake.params.inputs.items()},
            dict(snakemake.params.makers),
            Path(snakemake.output[0]),
        )
