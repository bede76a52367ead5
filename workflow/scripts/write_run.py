"""Write what belongs to this run and not to the result: machine, git, versions, time and memory of each job."""

from pathlib import Path

from kinechain.log import logged
from kinechain.run_record import write_run


def main(title: str, record: Path, page: Path) -> None:
    write_run(Path(), title, record, page)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake.params.title, Path(snakemake.output.record), Path(snakemake.output.page))
