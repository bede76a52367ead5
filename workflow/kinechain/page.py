"""Pages beside the reports: a certificate, a run, a twin. Sections of words, a table each, pictures in pairs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from kinechain import __version__

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
_KINDS = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a page.

    texts  paragraphs
    heads  names of the table's columns
    rows   its rows as texts; no table without them
    pairs  name -> pictures beside each other, each with its caption and its address
    """

    title: str
    texts: Sequence[str] = ()
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    pairs: Sequence[tuple[str, Sequence[tuple[str, str]]]] = ()


def render_page(
    title: str,
    subtitle: str,
    sections: Sequence[Part],
    *,
    answer: str = "",
    is_good: bool = True,
    banner: str = "",
    up: str = "index.html",
) -> str:
    """A page that needs no network and no script; every text is shown, never run.

    answer  a verdict under the title; is_good says whether it is a good one
    banner  a line over everything, as for synthetic data
    up      where the link to all reports leads
    """
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.get_template("page.html.j2").render(
        title=title,
        subtitle=subtitle,
        sections=sections,
        answer=answer,
        is_good=is_good,
        banner=banner,
        up=up,
        version=__version__,
    )


def picture_address(path: Path) -> str:
    """A picture as an address that holds it whole; "" when it is not there."""
    if not path.is_file():
        return ""
    return f"data:{_KINDS[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
