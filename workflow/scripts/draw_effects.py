"""Draw every effect of one model from resamples of a cohort, and join the intervals to the estimates."""

from pathlib import Path
from typing import Any

from kinechain import io
from kinechain.log import logged
from kinechain.people_on_disk import open_people
from kinechain.places import texts_in_place
from kinechain.resampling import draw_cohort, draws_frame, draws_metadata, findings, join_intervals
from kinechain.spec import build_spec


def main(
    cohort_in: Path,
    model: Path,
    estimates: Path,
    parts: list[Path],
    draws_out: Path,
    effects_out: Path,
    *,
    choices: dict[str, Any],
    inference: dict[str, Any],
) -> None:
    cohort = io.read_cohort(cohort_in, rows=False)
    mapping = {**io.read_yaml(model), **texts_in_place(model), **choices["method"]}
    spec = build_spec(mapping, choices["macros"], cohort.variables, model.as_posix())
    made = [(io.read_table(path), io.read_metadata(path)) for path in parts]
    asked = {key: inference[key] for key in ("seed", "draws", "interval")}
    draws = draw_cohort(spec, cohort, **asked, made=made, people=open_people(cohort_in))
    for finding in findings(draws):
        print(f"{finding.level}: {finding.what}. {finding.remedy}")
    effects = join_intervals(io.read_table(estimates), draws, inference["interval"], inference["level"])
    io.write_frame(draws_frame(draws), draws_out, draws_metadata(draws))
    io.write_table(effects, effects_out)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            Path(snakemake.input.cohort),
            Path(snakemake.input.model),
            Path(snakemake.input.estimates),
            [Path(part) for part in snakemake.input.parts],
            Path(snakemake.output.draws),
            Path(snakemake.output.effects),
            choices=snakemake.params.model,
            inference=snakemake.params.inference,
        )
