"""Write the manifest of everything made, with all that decided its content."""

from pathlib import Path
from typing import Any

from kinechain import manifest
from kinechain.environment import environment
from kinechain.log import logged


def main(
    made: list[Path],
    effects: dict[str, Path],
    claims: dict[str, Path],
    out: Path,
    *,
    inputs: dict[str, list[Path]],
    makers: dict[str, str],
    code: dict[str, str],
    inference: dict[str, Any],
) -> None:
    content = {
        "tiers": dict(manifest.TIERS),
        "environment": environment(),
        "code": code,
        "inference": inference,
        "meanings": manifest.meanings(inputs),
        "files": manifest.describe_files(made, inputs, makers),
        "drawn": manifest.drawn_limits(effects),
        "verdicts": manifest.verdicts(claims),
    }
    manifest.write_manifest(content, out)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            [Path(path) for path in snakemake.input],
            {path.parts[1]: path for path in map(Path, snakemake.input.effects)},
            {path.parts[1]: path for path in map(Path, snakemake.input.claims)},
            Path(snakemake.output[0]),
            inputs={cohort: [Path(path) for path in paths] for cohort, paths in snakemake.params.inputs.items()},
            makers=dict(snakemake.params.makers),
            code=dict(snakemake.params.code_of),
            inference=dict(snakemake.params.inference),
        )
