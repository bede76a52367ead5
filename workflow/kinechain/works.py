"""Works that methods cite: read from one .bib file, formatted one way, and only with a DOI that was checked."""

from __future__ import annotations

import re
from dataclasses import dataclass

ACCENTS = {
    r"{\o}": "ø", r"{\"o}": "ö", r"{\'e}": "é", r"{\"e}": "ë", r"{\"u}": "ü", r"{\"a}": "ä",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Work:
    """One work: key, authors, title, journal, year, volume and pages, doi."""

    key: str
    authors: tuple[str, ...]
    title: str
    journal: str
    year: str
    volume: str
    pages: str
    doi: str


def parse_bib(text: str) -> dict[str, Work]:
    """Works of a .bib file by key, in the file's order.

    Raises ValueError for an entry without a DOI: only works that were checked may be cited.
    """
    works: dict[str, Work] = {}
    for match in re.finditer(r"@article\{(\w+),(.*?)\n\}", text, flags=re.S):
        key, body = match.groups()
        for code, letter in ACCENTS.items():
            body = body.replace(code, letter)
        fields = {name: _bare(value) for name, value in re.findall(r"(\w+) = \{((?:[^{}]|\{[^{}]*\})*)\}", body)}
        if not fields.get("doi"):
            raise ValueError(f"{key} has no DOI: a work is cited only when its DOI was checked.")
        authors = tuple(re.split(r"\s+and\s+", fields["author"]))
        works[key] = Work(
            key, authors, fields["title"], fields["journal"], fields["year"], fields.get("volume", ""),
            fields.get("pages", "").replace("--", "–"), fields["doi"],
        )  # fmt: skip
    return works


def _bare(value: str) -> str:
    return " ".join(value.replace("{", "").replace("}", "").split())


def cited(work: Work) -> str:
    """The work as a reference list prints it, without its DOI."""
    names = [_initialled(author) for author in work.authors if author != "others"]
    others = " and others" if "others" in work.authors else ""
    listed = (
        names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if not others else ", ".join(names)
    )
    return f"{listed}{others} ({work.year}). {work.title}. {work.journal} {work.volume}, {work.pages}."


def cited_briefly(work: Work) -> str:
    """The work as a sentence names it: first author and year."""
    families = [author.partition(", ")[0] for author in work.authors if author != "others"]
    if len(families) == 2 and "others" not in work.authors:
        return f"{families[0]} & {families[1]}, {work.year}"
    return f"{families[0]}{' et al.' if len(work.authors) > 1 else ''}, {work.year}"


def _initialled(author: str) -> str:
    family, _, given = author.partition(", ")
    initials = " ".join(f"{part[0]}." for part in re.split(r"[\s-]+", given) if part)
    return f"{family} {initials}".strip()
