"""Turn a cohort's file into one table with one meaning, and say what was doubtful."""

from pathlib import Path

from kinechain import io, preflight, quality
from kinechain.log import logged
from kinechain.rounding import PUBLISHED_DIGITS


def main(name: str, config: Path, cohort_out: Path, quality_out: Path) -> None:
    cohort = preflight.load_cohort(name, config)
    io.write_cohort(cohort, cohort_out)
    described = quality.describe(cohort, threshold=preflight.read_threshold(config))
    io.write_sealed(described, quality_out, digits=PUBLISHED_DIGITS)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.wildcards.cohort,
            Path(snakemake.input.measures).parent,
            Path(snakemake.output.cohort),
            Path(snakemake.output.quality),
        )
