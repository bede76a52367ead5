"""Reading what the steps before left, and writing what people read: the only part of reporting that touches disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from kinechain import __version__, environment, io
from kinechain.checklists import parse_checklists
from kinechain.entries import build_ledger
from kinechain.figures import FIGURES, Picture, draw_pictures
from kinechain.figures.style import Heading
from kinechain.ledger import Ledger
from kinechain.overview import claim_rows, model_rows, summarise, tiers_of
from kinechain.paper import render_pdf
from kinechain.render import render_html, render_index
from kinechain.report import PDF, WORD, Shelf, build_document
from kinechain.results import Construct, Results, chain_order, plain_name
from kinechain.tables import TABLES, publishable
from kinechain.works import parse_bib

FIGURE_LIST = "figures.json"
SOFTWARE = ("numpy", "scipy", "pandas", "matplotlib")
"""Packages whose versions decide the numbers, named in the methods."""


def read_results(
    *,
    cohort: Path,
    quality: Path,
    fits: Sequence[Path],
    effects: Sequence[Path],
    claims: Path,
    models: Sequence[Path],
    measures: Path,
    ledger_of_claims: Path,
    study: Mapping[str, Any],
    digests: Mapping[str, str] | None = None,
    checks: Sequence[Path] = (),
    schematic: Path | None = None,
    left_out: Mapping[str, Sequence[str]] | None = None,
    registration: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Results:
    """Everything the steps before found in one cohort.

    effects   tidy effect tables, one or many files; checks likewise, named by their file
    study     the study's config, whole
    left_out  models of the study not fitted to this cohort -> the constructs it did not measure
    registration  what was frozen before the analysis and what differs since, as `read_registration` says it
    about     what the cohort's file says of how people came to be in it, as `Study.about` gives it
    """
    found = io.read_cohort(cohort)
    tables = [io.read_table(path) for path in effects]
    filled = [table for table in tables if len(table)]
    table = (
        pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=["model", "effect", "kind", "label"])
    )
    judged = io.read_json(claims)
    order = list(io.read_yaml(ledger_of_claims))
    fitted = {str(fit["model"]): fit for fit in (io.read_json(path) for path in fits)}
    files = {str(model["name"]): model for model in (io.read_yaml(path) for path in models)}
    rows = judged["claims"] if isinstance(judged, Mapping) else judged
    place = {name: index for index, name in enumerate(order)}
    dictionary = io.read_yaml(measures)
    return Results(
        cohort=found,
        quality=io.read_json(quality),
        fits=fitted,
        effects=table,
        claims=tuple(sorted(rows, key=lambda row: place.get(row["claim"], len(place)))),
        models={name: files.get(name, {}) for name in fitted},
        constructs=constructs_of(dictionary),
        chain=_chain(study, found.variables, table),
        study=study,
        digests=digests or {},
        checks={path.stem: io.read_table(path) for path in _tables_in(checks)},
        notes=_notes_in(checks),
        typical={
            str(name): entry["typical"]
            for name, entry in (dictionary.get("measures") or {}).items()
            if entry.get("typical")
        },
        measures={
            str(name): str(entry.get("label") or name) for name, entry in (dictionary.get("measures") or {}).items()
        },
        schematic=io.read_yaml(schematic) if schematic is not None else {},
        left_out=left_out or {},
        registration=registration or {},
        about=about or {},
        directions=(judged.get("directions") or {}) if isinstance(judged, Mapping) else {},
    )


def _tables_in(places: Sequence[Path]) -> list[Path]:
    """The tables in files and folders, by name; UserError when one of a folder is damaged."""
    for place in places:
        if place.is_dir():
            io.check_folder(place)
    folders = [sorted(place.glob("*.csv")) if place.is_dir() else [place] for place in places]
    return [path for found in folders for path in found]


def _notes_in(places: Sequence[Path]) -> dict[str, Sequence[str]]:
    """What checks say in words, from the notes beside their tables."""
    found: dict[str, Sequence[str]] = {}
    for place in places:
        notes = place / "notes.json"
        if place.is_dir() and notes.exists():
            found |= io.read_json(notes)
    return found


def constructs_of(dictionary: Mapping[str, Any]) -> dict[str, Construct]:
    """Names for people, in body order, from the dictionary of measures."""
    rows = dictionary.get("constructs") or {}
    return {
        str(name): Construct(
            str(name),
            str(row.get("label", plain_name(name))),
            str(row.get("short", row.get("label", plain_name(name)))),
            str(row.get("role", "covariate")),
        )
        for name, row in rows.items()
    }


def _chain(study: Mapping[str, Any], variables: Sequence[str], effects: pd.DataFrame) -> tuple[str, ...]:
    """The chain this cohort measured, bottom to top: config's order, else the order of the labelled paths."""
    named = (study.get("report") or {}).get("chain")
    have = set(variables)
    if named:
        return tuple(str(name) for name in named if name in have)
    orders = [chain_order(effects, str(model)) for model in effects["model"].unique()]
    return max(orders, key=len, default=())


def write_tables(results: Results, folder: Path) -> None:
    """Every table of the report as csv."""
    for name, table in TABLES.items():
        io.write_table(table(results), folder / f"{name}.csv")


def write_figures(results: Results, folder: Path) -> None:
    """Every figure the cohort has numbers for: svg, png, csv of the numbers, alternative text, and the list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    listed: list[dict[str, object]] = []
    drawn = draw_pictures(results)
    for name in FIGURES:
        picture = drawn.get(name)
        if picture is None:
            listed.append({"name": name, "absent": FIGURES[name].absent})
            continue
        io.write_bytes(picture.svg, folder / f"{name}.svg")
        io.write_bytes(picture.png, folder / f"{name}.png")
        if picture.plain_svg:
            io.write_bytes(picture.plain_svg, folder / f"{name}_plain.svg")
        io.write_table(publishable(picture.table), folder / f"{name}.csv")
        io.write_text(f"{picture.heading.alt}\n", folder / f"{name}.txt")
        heading = picture.heading
        listed.append(
            {
                "name": name,
                "label": picture.label,
                "title": heading.title,
                "subtitle": heading.subtitle,
                "alt": heading.alt,
                "plain": bool(picture.plain_svg),
            }
        )
    io.write_json(listed, folder / FIGURE_LIST)
    io.seal_folder(folder)


def read_pictures(folder: Path) -> dict[str, Picture]:
    """The figures `write_figures` wrote, by name.

    Raises UserError when one of their files is damaged.
    """
    io.check_folder(folder)
    return {
        row["name"]: Picture(
            row["name"],
            row["label"],
            Heading(row["title"], row["subtitle"], row["alt"]),
            io.read_table(folder / f"{row['name']}.csv"),
            (folder / f"{row['name']}.svg").read_bytes(),
            (folder / f"{row['name']}.png").read_bytes(),
            (folder / f"{row['name']}_plain.svg").read_bytes() if row["plain"] else b"",
        )
        for row in io.read_json(folder / FIGURE_LIST)
        if "absent" not in row
    }


def write_ledger(results: Results, path: Path, ledger: Ledger | None = None) -> None:
    """The ledger of one cohort as json, a line an entry; `ledger` when it is at hand."""
    io.write_text((build_ledger(results) if ledger is None else ledger).to_json(), path)


def write_report(
    results: Results,
    *,
    figures: Path,
    templates: Path,
    html: Path,
    pdf: Path | None,
    summary: Path,
    docx: Path | None = None,
) -> Ledger:
    """The page, the paper, the Word file where they are asked for, and the summary the index is made from.

    Returns the ledger that every number in them came from.
    """
    ledger = build_ledger(results)
    texts = read_templates(templates)
    document = build_document(results, ledger, read_pictures(figures), read_shelf(templates))
    others = {PDF: pdf, WORD: docx}
    document = replace(
        document, files=tuple(link for link in document.files if others.get(link.target, html) is not None)
    )
    io.write_text(render_html(document, texts), html)
    if pdf is not None:
        io.write_bytes(render_pdf(document, texts), pdf)
    if docx is not None:
        from kinechain.word_file import render_docx

        io.write_bytes(render_docx(document), docx)
    io.write_sealed(summarise(results, document, ledger), summary)
    return ledger


def read_templates(folder: Path) -> dict[str, str]:
    """Every template by its file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()) if path.is_file()}


def read_shelf(templates: Path) -> Shelf:
    """Versions, checklists and citable works."""
    checklists = parse_checklists(io.read_yaml(templates / "checklists.yaml"))
    works = parse_bib((templates / "works.bib").read_text(encoding="utf-8"))
    return Shelf(versions(), environment.versions(), checklists, works)


def versions() -> dict[str, str]:
    """Versions of this package and of those that decide its numbers."""
    return {"kinechain": __version__} | {name: metadata.version(name) for name in SOFTWARE}


def write_index(summaries: Sequence[Path], *, templates: Path, out: Path, study: Mapping[str, Any]) -> None:
    """The page that links all reports, in the order given."""
    named = study.get("study") or {}
    found = [io.read_json(path) for path in summaries]
    context = {
        "title": str(named.get("title", "Reports")),
        "objective": str(named.get("objective", "")),
        "cohorts": found,
        "claims": claim_rows(found, rivals=False),
        "rivals": claim_rows(found, rivals=True),
        "models": model_rows(found),
        "tiers": tiers_of(found),
    }
    io.write_text(render_index(context, read_templates(templates)), out)
