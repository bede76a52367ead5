"""Draw every effect of one model in some of the draws: one job of several that share them."""

from pathlib import Path
from typing import Any

from kinechain import io
from kinechain.log import logged
from kinechain.people_on_disk import open_people
from kinechain.resampling import draw_cohort, draws_frame, draws_metadata
from kinechain.spec import build_spec


def main(
    cohort_in: Path,
    model: Path,
    draws_out: Path,
    *,
    part: tuple[int, int],
    choices: dict[str, Any],
    inference: dict[str, Any],
) -> None:
    cohort = io.read_cohort(cohort_in, rows=False)
    mapping = {**io.read_yaml(model), **choices["method"]}
    spec = build_spec(mapping, choices["macros"], cohort.variables, model.as_posix())
    draws = draw_cohort(spec, cohort, **inference, part=part, people=open_people(cohort_in))
    io.write_frame(draws_frame(draws), draws_out, draws_metadata(draws))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            Path(snakemake.input.cohort),
            Path(snakemake.input.model),
            Path(snakemake.output[0]),
            part=(int(snakemake.wildcards.part), int(snakemake.wildcards.parts)),
            choices=snakemake.params.model,
            inference=snakemake.params.inference,
        )
