"""Make the synthetic twin of a cohort, or leave the reasons why there is none."""

from pathlib import Path

from kinechain.log import logged
from kinechain.study import load_study
from kinechain.twin_folder import write_twin

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        write_twin(load_study(Path(), snakemake.config), snakemake.wildcards.cohort)
