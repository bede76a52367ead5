"""Reporting guidelines that fill themselves from what the study holds, and say "not reported" where it holds nothing.

An item is answered by evidence (the study itself can show it) and by a statement (the authors' own words in config).
An item that names both needs both; whatever is missing is asked for. Nothing is ever green by silence: an item whose
evidence is unknown is an error of the build.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kinechain.results import Results
from kinechain.rounding import is_number
from kinechain.tables import missingness_table

Status = Literal["reported", "partly", "not reported"]


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a guideline.

    number, topic  as the guideline counts and names it, in our words
    evidence       names of what must be there, keys of `EVIDENCE`; empty when only authors can answer
    statement      key of `study` in config with the authors' words; empty when none is needed
    prompt         what would fill it
    """

    number: str
    topic: str
    evidence: tuple[str, ...]
    statement: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """A guideline: its name, the work that describes it, the designs it is for, and its items."""

    name: str
    title: str
    work: str
    designs: tuple[str, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An item with what was found: status, sections where the evidence stands, the authors' words, what is missing."""

    item: Item
    status: Status
    anchors: tuple[str, ...]
    statement: str
    missing: str


def parse_checklists(rows: list[Mapping[str, Any]]) -> tuple[Checklist, ...]:
    """Checklists from yaml.

    Raises KeyError for an item that names evidence nobody can give: it could never be answered.
    """
    out = []
    for row in rows:
        items = tuple(
            Item(
                str(it["number"]),
                str(it["topic"]),
                tuple(it.get("evidence", ())),
                str(it.get("statement", "")),
                str(it["prompt"]),
            )
            for it in row["items"]
        )
        for item in items:
            for name in item.evidence:
                EVIDENCE[name]
            if not item.evidence and not item.statement:
                raise KeyError(f"{row['name']} {item.number} asks for nothing")
        out.append(Checklist(str(row["name"]), str(row["title"]), str(row["work"]), tuple(row["designs"]), items))
    return tuple(out)


def answer_checklist(checklist: Checklist, results: Results) -> tuple[Answer, ...]:
    """Every item of a guideline with what the study holds for it."""
    return tuple(answer_item(item, results) for item in checklist.items)


def answer_item(item: Item, results: Results) -> Answer:
    """One item: reported when all it asks for is there, partly when some is, else not reported."""
    study = results.study.get("study") or {}
    statement = str(study.get(item.statement) or "").strip() if item.statement else ""
    found = {name: EVIDENCE[name].holds(results) for name in item.evidence}
    parts = [*found.values(), *([bool(statement)] if item.statement else [])]
    status: Status = "reported" if all(parts) else "partly" if any(parts) else "not reported"
    places = [EVIDENCE[name].anchor for name, is_there in found.items() if is_there]
    anchors = tuple(
        dict.fromkeys([*places, *(["limits" if item.statement == "limitations" else "statements"] * bool(statement))])
    )
    return Answer(item, status, anchors, statement, "" if status == "reported" else item.prompt)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something a study can hold, the section of the report it stands in, and the test for it."""

    anchor: str
    holds: Callable[[Results], bool]


def _has_interval(results: Results) -> bool:
    main = results.effects_of(results.main_model)
    return bool(len(main)) and "low" in main and bool(main["low"].notna().any())


def _fits(results: Results) -> list[Mapping[str, Any]]:
    return [fit.get("fit_measures") or {} for fit in results.fits.values()]


NO_SOURCE = ("", None, "default")
"""What stands as the source of a reliability nobody measured: nothing, or that it is a working value."""


def _is_reliable(results: Results) -> bool:
    """Whether every measure of the chain has a reliability that somebody measured."""
    chain = [row for row in results.quality.get("codebook", ()) if row.get("construct") in results.chain]
    return bool(chain) and all(row.get("reliability") and row.get("source") not in NO_SOURCE for row in chain)


def _is_titled(results: Results) -> bool:
    title = str((results.study.get("study") or {}).get("title", ""))
    return bool(re.search(r"\b(mediat\w+|indirect|path|chain)\b", title, flags=re.IGNORECASE))


DESIGN_NAMES = {
    "cross_sectional": r"cross.sectional",
    "longitudinal": r"longitudinal|prospective|repeated|follow.?up",
    "trial": r"randomi[sz]ed",
    "summary": r"published|summary|re.?analysis|meta.?analy",
}
"""Words by which a title or abstract names a design."""


def _names_the_design(results: Results) -> bool:
    study = results.study.get("study") or {}
    told = f"{study.get('title', '')} {study.get('abstract', '')}"
    return bool(re.search(DESIGN_NAMES.get(results.cohort.design, "$^"), told, flags=re.IGNORECASE))


def _is_registered(results: Results) -> bool:
    """Whether the config was frozen, or the authors say where it was registered or that it was not."""
    return bool(results.registration) or bool((results.study.get("study") or {}).get("registration"))


def _written(results: Results, key: str) -> bool:
    """Whether every fitted model that has a file says something under a key; an analysis of arms has no file."""
    files = [results.models[name] for name in results.fits if results.models.get(name)]
    return bool(files) and all(file.get(key) for file in files)


def _has_table(*names: str) -> Callable[[Results], bool]:
    """Whether one of some checks found anything."""
    return lambda results: any(name in results.checks and not results.checks[name].empty for name in names)


def _has_rivals(results: Results) -> bool:
    """Whether the chain was compared with its reverse, and a rival was judged."""
    rivals = [claim for claim in results.claims if str(claim.get("kind")) == "rival"]
    is_compared = results.directions.get("indistinguishable") is not None
    return is_compared and any(claim.get("verdict") != "not_testable" for claim in rivals)


def _has_reasons(results: Results) -> bool:
    """Whether every arrow of the main model between other variables than covariates has its reason."""
    main = results.effects_of(results.main_model)
    if main.empty:
        return False
    covariates = {name for name, it in results.constructs.items() if it.role == "covariate"}
    arrows = main[(main["kind"] == "path") & (main["estimate"] != 0)]
    asked = [str(row["label"]) for row in arrows.to_dict("records") if not covariates & {row["lhs"], row["rhs"]}]
    return bool(asked) and set(asked) <= set(results.models.get(results.main_model, {}).get("edges") or {})


def _tells_resolution(results: Results) -> bool:
    """Whether some claim says how small an effect this many people could tell: what came of their number, no reason."""
    return any(is_number(claim.get("smallest_supported")) for claim in results.claims)


def _sensitivity_was_planned(results: Results) -> bool:
    """Whether sensitivity analyses were run, and declared in a config that was frozen before the analysis."""
    return results.was_frozen_first and EVIDENCE["sensitivity"].holds(results)


EVIDENCE: dict[str, Evidence] = {
    "title": Evidence("answer", _is_titled),
    "objective": Evidence("answer", lambda it: bool((it.study.get("study") or {}).get("objective"))),
    "answer": Evidence("answer", lambda it: any(claim.get("verdict") != "not_testable" for claim in it.claims)),
    "diagram": Evidence("answer", lambda it: any(it.effects_of(it.main_model)["kind"] == "path")),
    "design": Evidence("people", lambda it: bool(it.cohort.design)),
    "frame": Evidence("people", lambda it: bool(it.cohort.sampling_frame)),
    "flow": Evidence(
        "people", lambda it: it.cohort.people is not None and bool(it.quality.get("flow") or it.cohort.flow)
    ),
    "missing": Evidence("people", lambda it: it.cohort.people is not None and not missingness_table(it).empty),
    "analysed": Evidence(
        "people", lambda it: it.cohort.people is not None and is_number(it.fits.get(it.main_model, {}).get("n_obs"))
    ),
    "codebook": Evidence("measures", lambda it: bool(it.quality.get("codebook"))),
    "reliability": Evidence("measures", _is_reliable),
    "described": Evidence(
        "measures", lambda it: any(is_number(row.get("mean")) for row in it.quality.get("codebook", ()))
    ),
    "matrix": Evidence("measures", lambda it: len(set(it.chain) & set(it.cohort.variables)) > 1),
    "edges": Evidence("models", _has_reasons),
    "equations": Evidence("models", lambda it: _written(it, "equations")),
    "models": Evidence("models", lambda it: len(it.fits) > 1),
    "degrees": Evidence("models", lambda it: any(is_number(fit.get("df")) for fit in _fits(it))),
    "fit": Evidence(
        "models",
        lambda it: any(is_number(fit.get("cfi")) and is_number(fit.get("srmr")) and fit.get("df") for fit in _fits(it)),
    ),
    "statuses": Evidence("models", lambda it: bool(it.fits) and all(fit.get("status") for fit in it.fits.values())),
    "residuals": Evidence("models", lambda it: it.cohort.people is not None and it.cohort.n >= 2 * 15),
    "effects": Evidence("effects", lambda it: set(it.effects_of(it.main_model)["kind"]) >= {"path"}),
    "intervals": Evidence("effects", _has_interval),
    "rivals": Evidence("rivals", _has_rivals),
    "sensitivity": Evidence("sensitivity", _has_table("residual_correlation", "specifications", "sensitivity")),
    "limits": Evidence("limits", lambda it: bool(it.cohort.design)),
    "assumptions": Evidence("models", lambda it: _written(it, "assumptions")),
    "testable": Evidence("models", lambda it: bool(it.fits)),
    "methods": Evidence("methods", lambda it: bool(it.fits)),
    "size": Evidence("people", lambda it: bool(it.about.get("sample_size")) or _tells_resolution(it)),
    "size_reason": Evidence("people", lambda it: bool(it.about.get("sample_size"))),
    "eligibility": Evidence("people", lambda it: bool(it.about.get("recruitment") or it.about.get("eligibility"))),
    "planned": Evidence("registration", _sensitivity_was_planned),
    "named_design": Evidence("answer", _names_the_design),
    "registered": Evidence("registration", _is_registered),
    "arms": Evidence("trial", _has_table("contrasts")),
    "baseline": Evidence("trial", _has_table("baseline")),
    "arms_flow": Evidence("trial", _has_table("flow")),
    "digests": Evidence("provenance", lambda it: bool(it.digests)),
}
"""What a study can hold: name -> where it stands in the report and whether it is there."""
