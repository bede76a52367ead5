"""`kinechain trace KEY`: where a number of a report came from."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kinechain.errors import Problem, UserError
from kinechain.io import read_json, sha256_file
from kinechain.manifest import LIMITS, STEPS, parse_manifest
from kinechain.verify import MANIFEST

MAKERS = {
    "cohort.parquet": "build_cohort",
    "quality.json": "build_cohort",
    "claims.json": "judge_claims",
    "checks": "run_checks",
    "effects": "draw_effects",
    "fits": "fit_model",
    "trial": "analyse_trial",
}
"""Name of a table behind a number, or of the folder it stands in -> rule that made it."""

ENTERS = {
    "config/trial.yaml": "analyse_trial",
    "config/checks.yaml": "run_checks",
    "config/claims.yaml": "judge_claims",
    "config/schematic.yaml": "draw_figures",
    "config/registration.yaml": "write_report",
}
"""Config file -> first rule that reads it; every rule may read the others. A model is first read when it is fitted."""

MODELS = "config/models/"
OF_MODELS = ("fit_model", "draw_part", "draw_effects")
"""Rules that the analysis of a trial does not wait for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which number, and where the study is."""
    parser.add_argument(
        "key", help="key of a number, as pages and ledger.json have it; a cohort's name may stand before it"
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="the study's folder (default: this one)")


def run(arguments: argparse.Namespace) -> int:
    """Print the number in every cohort that has it."""
    root: Path = arguments.folder
    ledgers = {path.parent.name: read_json(path) for path in sorted((root / "reports").glob("*/ledger.json"))}
    if not ledgers:
        raise UserError(Problem("reports", "no ledger is here", "`snakemake` makes the reports"))
    found = find_entries(arguments.key, ledgers)
    manifest = MANIFEST if (root / MANIFEST).is_file() else None
    if manifest is None:
        raise UserError(Problem(MANIFEST.as_posix(), "the manifest is not here", "`snakemake` makes it"))
    content = parse_manifest((root / manifest).read_text(encoding="utf-8"), MANIFEST.as_posix())
    print("\n\n".join("\n".join(tell(root, cohort, key, entry, content)) for cohort, key, entry in found))
    return 0


def find_entries(key: str, ledgers: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Cohort, key and entry of a number, in every cohort that has it.

    Raises UserError with the nearest keys when none has.
    """
    cohort, _, rest = key.partition("/")
    wanted, name = ([cohort], rest) if cohort in ledgers else (list(ledgers), key)
    found = [(one, name, ledgers[one][name]) for one in wanted if name in ledgers[one]]
    if found:
        return found
    known = {entry for one in wanted for entry in ledgers[one]}
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    remedy = (
        f"Did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else "reports/*/ledger.json list them all"
    )
    raise UserError(Problem("ledger", f"there is no number `{name}`", remedy))


def tell(root: Path, cohort: str, key: str, entry: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    """The number, the rules and code behind it, and its inputs with their digests, a line each."""
    error = f", standard error of the estimate {entry['error']}" if entry["error"] is not None else ""
    yield f"{cohort}/{key}"
    yield f"  printed   {entry['text']}"
    yield f"  value     {entry['value']}{error}"
    yield f"  what      {entry['rule']}"
    if (moves := _monte_carlo_error(cohort, key, manifest)) is not None:
        yield f"  draws     it moves by {moves} (Monte Carlo standard error) with another seed"
    yield f"  seed      {'none: nothing was drawn' if entry['seed'] is None else entry['seed']}"
    direct = [_file_of(root, cohort, name) for name in entry["inputs"]]
    makers = {MAKERS[part] for name in entry["inputs"] for part in name.split("/") if part in MAKERS} | {"write_report"}
    last = max((STEPS.index(maker) for maker in makers - {"write_report"}), default=-1)
    passed = OF_MODELS if "analyse_trial" in makers else ("analyse_trial",)
    steps = [step for step in STEPS[: last + 1] if step not in passed]
    for step in [*steps, "write_report"]:
        yield f"  rule      {step}, code {manifest['code'].get(step, 'unknown')}"
    for name, path in zip(entry["inputs"], direct, strict=True):
        digest = sha256_file(path)[:12] if path is not None else "not here"
        yield f"  from      {path.relative_to(root).as_posix() if path else name}, sha256 {digest}"
    report = manifest["files"].get(f"reports/{cohort}/ledger.json", {"inputs": []})
    named = set(entry["inputs"])
    model = next((part for part in key.split("/") if f"{MODELS}{part}.yaml" in report["inputs"]), "")
    for name in report["inputs"]:
        enters = "fit_model" if name.startswith(MODELS) else ENTERS.get(name, "build_cohort")
        if (
            name in named
            or enters not in ["build_cohort", *steps]
            or (model and name.startswith(MODELS) and Path(name).stem != model)
        ):
            continue
        yield f"  input     {name}, sha256 {manifest['files'][name]['sha256'][:12]}"


def _monte_carlo_error(cohort: str, key: str, manifest: Mapping[str, Any]) -> float | None:
    """What the manifest recorded of a limit that was drawn; None for every other number."""
    kind, _, rest = key.partition("/")
    effect, _, limit = rest.rpartition("/")
    recorded = dict(zip(LIMITS, manifest["drawn"].get(f"{cohort}/{effect}", ()), strict=False))
    return recorded.get(f"mc_error_{limit}") if kind == "effects" else None


def _file_of(root: Path, cohort: str, name: str) -> Path | None:
    """The file a ledger's entry names; None when it is not here."""
    places = [root / "data" / "derived" / cohort, root / "reports" / cohort, root]
    tries = [place / f"{name}{suffix}" for place in places for suffix in ("", ".parquet", ".json", ".csv")]
    return next((path for path in tries if path.is_file()), None)
