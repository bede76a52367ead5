"""What a verification leaves behind: a certificate for people, pictures side by side, and codecheck.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinechain.io import read_yaml, write_text
from kinechain.machine import describe_machine, git_state, now
from kinechain.manifest import TIERS
from kinechain.page import Part, picture_address, render_page
from kinechain.study import Study
from kinechain.verification import MC_ERRORS, Status, Verification

CERTIFICATE, PICTURES, CODECHECK = "certificate.html", "certificate_pictures.html", "codecheck.yml"
SPECIFICATION = "https://codecheck.org.uk/spec/config/1.0/"
TOLERANCES = {
    **TIERS,
    "effect": f"estimates to their last published digit; drawn limits to {MC_ERRORS:g} Monte Carlo errors",
    "verdict": "must be the same",
}
MOST_ROWS = 200
"""Rows of a table of differences; the others are counted."""


def write_certificate(verification: Verification, study: Study, again: Path, seconds: float) -> tuple[Path, ...]:
    """Certificate, pictures and codecheck.yml in reports/; none of them is ever hashed.

    again    folder the study was computed in again
    seconds  how long that took
    """
    reports = study.root / "reports"
    pages = {
        CERTIFICATE: certificate_page(verification, study, seconds),
        PICTURES: pictures_page(verification, study.root, again),
        CODECHECK: codecheck_text(verification, study),
    }
    for name, text in pages.items():
        write_text(text, reports / name)
    return tuple(reports / name for name in pages)


def certificate_page(verification: Verification, study: Study, seconds: float) -> str:
    """Each tier with its tolerance, each verdict, each thing that differs, and the machine it was done on."""
    counts = verification.count()
    tiers = [
        (tier, TOLERANCES[tier], *(counts[tier].get(status, 0) for status in Status))
        for tier in TOLERANCES
        if tier in counts
    ]
    machine = describe_machine() | {"minutes": f"{seconds / 60:.1f}", "date": now()} | git_state(study.root)
    verdicts = [
        (*line.name.split("/", 1), line.what, line.status.value)
        for line in verification.lines
        if line.tier == "verdict"
    ]
    changes = verification.changes.sentences() or ["Nothing: data, config, code, packages and seed are those recorded."]
    sections = [
        Part("What was done", (_deed(verification), *verification.notes)),
        Part("What changed since", changes),
        Part("Tiers", (), ("Tier", "Tolerance", *(status.value.capitalize() for status in Status)), tiers),
        Part("What differs", *_differences(verification)),
        Part("Verdicts", (), ("Cohort", "Claim", "Verdict", "Compared"), verdicts),
        Part("Machine", (), ("What", "Value"), [(name, value) for name, value in machine.items() if value is not None]),
    ]
    answer = "REPRODUCED" if verification.is_reproduced else "NOT REPRODUCED"
    return render_page(
        "Certificate of reproduction",
        str(study.config["study"]["title"]),
        sections,
        answer=answer,
        is_good=verification.is_reproduced,
    )


def _deed(verification: Verification) -> str:
    if verification.recomputed:
        return (
            "The study was computed again in a fresh folder from its config and data, "
            f"and compared with {verification.against}."
        )
    return f"The published files were held against {verification.against}; nothing was computed."


def _differences(verification: Verification) -> tuple[list[str], tuple[str, ...], list[tuple[str, ...]]]:
    apart = verification.apart()
    rows: list[tuple[str, ...]] = [
        (line.name, line.tier, line.status.value, ", ".join(line.causes), line.what) for line in apart[:MOST_ROWS]
    ]
    said = [] if apart else ["Nothing differs."]
    if len(apart) > MOST_ROWS:
        said.append(f"The first {MOST_ROWS} of {len(apart)}.")
    return said, ("What", "Tier", "Compared", "Changed by", "Finding"), rows


def pictures_page(verification: Verification, root: Path, again: Path) -> str:
    """The pictures whose bytes differ, as they lie here and as they came out again."""
    moved = [
        line.name
        for line in verification.lines
        if line.tier == "picture" and line.status is Status.ADVISORY and (again / line.name).is_file()
    ]
    pairs = [
        (
            name,
            [
                ("published" if (root / name).is_file() else "published: not here", picture_address(root / name)),
                ("computed again", picture_address(again / name)),
            ],
        )
        for name in moved
        if name.endswith(".svg") or name.removesuffix(".png") + ".svg" not in moved
    ]
    said = ["Pictures are advisory: their numbers are the csv beside them and were compared for themselves."]
    said += [] if moved else ["No picture differs."]
    return render_page(
        "Pictures side by side", "What fonts and drawing libraries changed", [Part("Pictures", said, pairs=pairs)]
    )


def codecheck_text(verification: Verification, study: Study) -> str:
    """codecheck.yml of the CODECHECK project: what is known here; who checked is for them to add."""
    import yaml

    citation = study.root / "CITATION.cff"
    files = sorted(
        {
            line.name
            for line in verification.lines
            if line.tier in ("number", "page") and line.name.startswith("reports/") and " " not in line.name
        }
    )
    content: dict[str, Any] = {
        "version": SPECIFICATION,
        "paper": paper_of(read_yaml(citation) if citation.is_file() else {}, study.config["study"]),
        "manifest": [{"file": name, "comment": _comment(name)} for name in files],
        "check_time": now(),
        "summary": verification.summary().splitlines()[0],
    }
    head = (
        "# Written by `kinechain verify`. Whoever checks adds `codechecker` and `report`; nothing here was invented.\n"
    )
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def _comment(name: str) -> str:
    parts = name.split("/")
    return "Index of all reports" if len(parts) == 2 else f"{'/'.join(parts[2:])} of cohort {parts[1]}"


def paper_of(citation: Mapping[str, Any], study: Mapping[str, Any]) -> dict[str, Any]:
    """Title, authors and reference from CITATION.cff (its preferred citation first), else from the study's config."""
    cited = {**citation, **(citation.get("preferred-citation") or {})}
    paper: dict[str, Any] = {"title": str(cited.get("title") or study["title"])}
    authors = [_author(author) for author in cited.get("authors") or ()] or [
        {"name": name} for name in study.get("authors", ())
    ]
    if authors:
        paper["authors"] = authors
    reference = (cited.get("doi") and f"https://doi.org/{cited['doi']}") or cited.get("url")
    if reference:
        paper["reference"] = str(reference)
    return paper


def _author(author: Mapping[str, Any]) -> dict[str, str]:
    name = author.get("name") or " ".join(str(author[key]) for key in ("given-names", "family-names") if key in author)
    found = {"name": str(name)}
    if author.get("orcid"):
        found["ORCID"] = str(author["orcid"]).rsplit("/", 1)[-1]
    return found
