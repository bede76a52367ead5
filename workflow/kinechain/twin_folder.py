"""The folder of a twin: rows, what they reproduce, the audit and a page; and the check that they do reproduce it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinechain.decisions import parse_decisions
from kinechain.errors import Problem, UserError, closest
from kinechain.figures import style
from kinechain.figures.nearest import describe_nearest, draw_nearest
from kinechain.io import read_cohort, read_json, read_table, read_yaml, write_bytes, write_json, write_table, write_text
from kinechain.page import Part, picture_address, render_page
from kinechain.preflight import read_threshold
from kinechain.rounding import published
from kinechain.spec import ModelSpec, build_spec
from kinechain.study import CONFIG, Study
from kinechain.twin import COLUMN, EXACT, LABEL, Twin, furthest, linear_numbers, make_twin, variables_of
from kinechain.verification import LAST_DIGIT

ROWS, RECORD, PAGE = "twin.csv", "twin.json", "twin.html"
ALL_DIGITS = 17
LINEAR = ("ml", "mlr")
"""Estimators whose coefficients hang on means and covariances alone, where rows are complete."""


def folder_of(study: Study, cohort: str) -> Path:
    """Where a cohort's twin stands."""
    return study.root / "reports" / cohort / "twin"


def models_asked(study: Study, cohort: str, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """The models a twin is made for: those asked for, else the study's main model.

    Raises UserError for a model the cohort does not have.
    """
    known = study.models_of(cohort)
    for name in asked:
        if name not in known:
            raise UserError(Problem("kinechain twin", f"`{name}` is not fitted to `{cohort}`", closest(name, known)))
    main = str(study.config.get("report", {}).get("main_model", ""))
    return tuple(asked) or ((main,) if main in known else known[:1])


def with_others(specs: Sequence[ModelSpec], known: Sequence[ModelSpec]) -> list[ModelSpec]:
    """The specs, and all other linear models of no further variable: a twin repeats them too."""
    names, have = set(variables_of(specs)), {spec.name for spec in specs}
    others = [spec for spec in known if spec.name not in have and set(spec.table.observed) <= names]
    return [*specs, *(spec for spec in others if spec.estimator in LINEAR)]


def specs_of(study: Study, cohort: str, models: Sequence[str], available: Sequence[str]) -> list[ModelSpec]:
    """The models as specs, their covariates those the cohort has."""
    macros = study.config.get("macros", {})
    return [
        build_spec(
            {**study.models[name], **study.method_of(cohort, name)}, macros, available, f"config/models/{name}.yaml"
        )
        for name in models
    ]


def write_twin(study: Study, cohort: str, asked: Sequence[str] = ()) -> Twin:
    """Make a cohort's twin and its folder; a refused one leaves the reasons, and no rows.

    Raises UserError for a cohort that is not in the study, was not built, or has visits.
    """
    if cohort not in study.cohorts:
        raise UserError(Problem("kinechain twin", f"there is no cohort `{cohort}`", closest(cohort, study.cohorts)))
    built = study.root / "data" / "derived" / cohort / "cohort.parquet"
    if not built.is_file():
        remedy = f"`snakemake data/derived/{cohort}/cohort.parquet` builds it"
        raise UserError(Problem(built.relative_to(study.root).as_posix(), "the cohort has not been built", remedy))
    people = read_cohort(built)
    if people.design in ("trial", "longitudinal"):
        what = f"`{cohort}` has visits, and a twin has one row a person"
        raise UserError(Problem("kinechain twin", what, "Make twins of cross-sectional cohorts"))
    specs = specs_of(study, cohort, models_asked(study, cohort, asked), people.variables)
    for spec in specs:
        if spec.estimator not in LINEAR:
            what = f"`{spec.name}` is estimated by {spec.estimator}, which moments alone cannot repeat"
            raise UserError(Problem("kinechain twin", what, "Name linear models with `--models`"))
    specs = with_others(specs, specs_of(study, cohort, study.models_of(cohort), people.variables))
    decisions = parse_decisions(read_yaml(study.root / CONFIG / "decisions.yaml"))
    seed, smallest = int(study.config["inference"]["seed"]), read_threshold(study.root / CONFIG)
    twin = make_twin(people, specs, decisions, seed, smallest)
    numbers: dict[str, Any] = {}
    if twin.rows is not None and people.people is not None:
        real = people.people[list(twin.names)].dropna()
        numbers = {spec.name: linear_numbers(spec, real) for spec in specs}
    _write_folder(study, cohort, twin, numbers)
    return twin


def _write_folder(study: Study, cohort: str, twin: Twin, numbers: Mapping[str, Any]) -> None:
    folder = folder_of(study, cohort)
    for path in folder.glob("*"):
        path.unlink()
    record: dict[str, Any] = {
        "label": f"Synthetic twin: {LABEL}",
        "cohort": cohort,
        "variables": list(twin.names),
        "n": twin.n if not twin.refused else None,
        "refused": list(twin.refused),
        "reproduces": STATEMENT,
        "numbers": {model: {name: list(pair) for name, pair in found.items()} for model, found in numbers.items()},
        "audit": {},
    }
    if twin.rows is not None and twin.audit is not None:
        rows = twin.rows.copy()
        rows.insert(0, COLUMN, LABEL)
        write_table(rows, folder / ROWS, digits=ALL_DIGITS)
        heading = describe_nearest(twin.audit.distances, LABEL)
        figure = draw_nearest(twin.audit.distances, heading)
        write_bytes(style.svg_bytes(figure), folder / "nearest.svg")
        write_table(twin.audit.distances, folder / "nearest.csv", digits=6)
        write_text(f"{heading.alt}\n", folder / "nearest.txt")
        record["audit"] = {"near_share": published(twin.audit.near), "exact_matches": twin.audit.matches}
    write_json(record, folder / RECORD)
    checked = verify_twin(study, cohort) if twin.rows is not None else []
    write_text(twin_page(study, cohort, record, checked), folder / PAGE)


STATEMENT = (
    "For each model below, fitted by maximum likelihood to complete rows: every coefficient, variance, covariance, "
    "and every normal-theory standard error. Not reproduced: robust standard errors, bootstrap limits, anything from "
    "people with gaps, and whatever is not linear (tails, curves, interactions, subgroups, categories)."
)


def verify_twin(study: Study, cohort: str) -> list[tuple[str, float, str]]:
    """Each model fitted to the twin's rows: its name, largest difference from the owner's numbers, and the paper's.

    Needs config and the folder of the twin, not the data.

    Raises UserError when the folder is not there.
    """
    folder = folder_of(study, cohort)
    if not (folder / ROWS).is_file():
        remedy = f"Put the owner's folder there, or make it with `kinechain twin {cohort}`"
        raise UserError(Problem(f"reports/{cohort}/twin", "there is no twin", remedy))
    record, rows = read_json(folder / RECORD), read_table(folder / ROWS)
    found = []
    for spec in specs_of(study, cohort, list(record["numbers"]), list(record["variables"])):
        numbers = linear_numbers(spec, rows)
        apart = furthest(record["numbers"][spec.name], {name: list(pair) for name, pair in numbers.items()})
        found.append((spec.name, apart, _beside_the_paper(study, cohort, spec.name, numbers, len(rows))))
    return found


def _beside_the_paper(study: Study, cohort: str, model: str, numbers: Mapping[str, Any], n: int) -> str:
    """The published paths of a model beside the twin's, in words; "" when none is published here."""
    path = study.root / "reports" / cohort / "tables" / "effects.csv"
    if not path.is_file():
        return "no published table is here to compare with"
    table = read_table(path)
    mine = table[(table["model"] == model) & (table["kind"] == "path")]
    mine = mine[mine["effect"].isin(list(numbers)) & mine["estimate"].notna()]
    own = [numbers[str(effect)][0] for effect in mine["effect"]]
    pairs = list(zip(mine["estimate"].astype(float), mine["std_error"].astype(float), own, strict=True))
    if not pairs:
        return "no path of it is published"
    same = sum(abs(paper - own) <= LAST_DIGIT * max(abs(paper), abs(own)) for paper, _, own in pairs)
    if same == len(pairs):
        return f"all {same} published paths are the twin's to their last digit"
    method = study.method_of(cohort, model)
    largest = max(abs(paper - own) / error for paper, error, own in pairs if error > 0)
    people = int(mine["n"].iloc[0])
    return (
        f"{same} of {len(pairs)} published paths are the twin's to their last digit; "
        f"the paper used {method['missing']} on {people} people, the twin has the {n} with every value: "
        f"at most {largest:.2f} standard errors apart"
    )


def twin_page(study: Study, cohort: str, record: Mapping[str, Any], checked: Sequence[tuple[str, float, str]]) -> str:
    """The twin for people: what it is for, what it reproduces, how near it comes to anybody."""
    folder = folder_of(study, cohort)
    heads = ("Model", "Largest difference", "Same", "Published numbers")
    rows = [(model, f"{apart:.1e}", "yes" if apart <= EXACT else "NO", words) for model, apart, words in checked]
    if record["refused"]:
        parts = [Part("No twin was made", list(record["refused"]))]
    else:
        audit = record["audit"]
        near = (
            f"{100 * audit['near_share']:.1f} % of its rows lie nearer to a real person "
            "than the nearest 5 % of real people lie to another."
        )
        parts = [
            Part(
                "What it is",
                (
                    f"{record['n']} rows of nobody, with the means and covariances of the {record['n']} people "
                    f"who have all of {len(record['variables'])} variables: {', '.join(record['variables'])}.",
                    "A finding made in these rows is a finding about a table of moments, never about people.",
                ),
            ),
            Part("What it reproduces", (record["reproduces"],), heads, rows),
            Part(
                "Disclosure audit",
                (
                    f"Rows that are a real person's: {audit['exact_matches']}.",
                    near,
                    "No category has few people in it.",
                ),
                pairs=[
                    ("Distances", [("Distances to the nearest real person", picture_address(folder / "nearest.svg"))])
                ],
            ),
        ]
    banner = f"SYNTHETIC TWIN: {LABEL.upper()}"
    return render_page(f"Synthetic twin of {cohort}", LABEL.capitalize(), parts, banner=banner, up="../../index.html")
