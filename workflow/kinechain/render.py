"""A document as a self-contained page. Text from config or data is always shown, never run."""

from __future__ import annotations

import html
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from kinechain import document as doc
from kinechain.document import Document, Link, Number, NumberWithoutKeyError, Prose, Quoted
from kinechain.entries import has_digit
from kinechain.figures import Picture

SAFE_TARGETS = (
    "#",
    "figures/",
    "tables/",
    "checks/",
    "trial/",
    "ledger.json",
    "report.",
    "claims.",
    "../",
    "https://doi.org/",
    "https://pubmed.ncbi.nlm.nih.gov/",
)
"""Where a link may lead: inside the report, beside it, or to a checked work. Anything else is shown as text."""


KEPT = frozenset(string.ascii_letters + string.digits + " /:;=,'!*-._~+@$")
"""Characters that an address of a picture inside the page may hold as they are."""


def render_html(document: Document, templates: Mapping[str, str]) -> str:
    """The document as one page that needs no network and no script to be read.

    templates  file name -> text, with report.html.j2 among them

    Raises NumberWithoutKeyError when prose on the page holds a digit that did not come from the ledger.
    """
    anchors = {key: f"n-{place}" for place, key in enumerate(doc.keys_of(document), start=1)}
    environment = environment_of(templates, autoescape=True)
    environment.filters |= {
        "prose": lambda prose: _html_prose(prose, anchors),
        "flat": lambda prose: _html_prose(prose, None),
        "plain": doc.plain,
        "drawing": _drawing,
    }
    environment.tests["kind"] = is_kind
    page = environment.get_template("report.html.j2").render(document=document, anchors=anchors, kinds=doc)
    _refuse_loose_digits(page)
    return page


def render_index(context: Mapping[str, Any], templates: Mapping[str, str]) -> str:
    """The page across cohorts.

    Raises NumberWithoutKeyError when prose on the page holds a digit that did not come from a ledger.
    """
    page = environment_of(templates, autoescape=True).get_template("index.html.j2").render(**context)
    _refuse_loose_digits(page)
    return page


def _refuse_loose_digits(page: str) -> None:
    loose = digits_without_key(page)
    if loose:
        raise NumberWithoutKeyError(f"Numbers without a ledger key stand on the page: {loose[:3]}")


def environment_of(templates: Mapping[str, str], *, autoescape: bool) -> jinja2.Environment:
    """Templates by name, strict about what they are given."""
    return jinja2.Environment(
        loader=jinja2.DictLoader(dict(templates)),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def is_kind(block: object, name: str) -> bool:
    """Whether a block is of the kind a template asks for."""
    return type(block).__name__ == name


def _html_prose(prose: Prose, anchors: Mapping[str, str] | None) -> Markup:
    """A sentence as html; without anchors its numbers lead nowhere, as inside a control that is pressed itself."""
    out: list[Markup] = []
    for part in prose:
        match part:
            case Number(key=key, text=text) if anchors is None:
                out.append(Markup('<span class="num" data-key="{}">{}</span>').format(key, text))
            case Number(key=key, text=text):
                assert anchors is not None
                out.append(
                    Markup('<a class="num" href="#{}" data-key="{}">{}</a>').format(
                        anchors.get(key, "provenance"), key, text
                    )
                )
            case Quoted(text=text, is_code=True):
                out.append(Markup('<code class="quote">{}</code>').format(text))
            case Quoted(text=text):
                out.append(Markup('<span class="quote">{}</span>').format(text))
            case Link(text=text, target=target) if target.startswith(SAFE_TARGETS):
                out.append(Markup('<a class="file" href="{}">{}</a>').format(target, text))
            case _:
                out.append(escape(part.text))
    return Markup("").join(out)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture as a page shows it: its address, and whether the page itself says its heading."""

    address: str
    is_headless: bool


LINE = re.compile(r'<!-- (.*?) -->\s*<g style="[^"]*" transform="translate\(\S+ ([0-9.]+)\)')
"""A line of text in a picture, and the height of its foot below the picture's upper edge."""

ROOT = re.compile(r'height="[0-9.]+pt" viewBox="0 0 ([0-9.]+) ([0-9.]+)"')


def _drawing(picture: Picture) -> Drawing:
    """The picture inside the page, from below its heading, which the page says as text that wraps and can be read out.

    As text with few letters escaped an address is a fifth smaller than in base64.
    """
    svg = picture.svg.decode("utf-8")
    head = _foot_of_heading(picture, svg)
    if head:
        svg = ROOT.sub(lambda it: _root_from(head, float(it.group(1)), float(it.group(2))), svg, count=1)
    return Drawing(f"data:image/svg+xml,{_as_address(' '.join(svg.split()))}", head > 0)


def _as_address(text: str) -> str:
    """The text with all but `KEPT` escaped: character by character of its alphabet, for drawings are long."""
    text = text.replace("%", "%25")
    for character in sorted(set(text) - KEPT - {"%"}):
        text = text.replace(character, quote(character, safe=""))
    return text


def _root_from(top: float, width: float, height: float) -> str:
    return f'height="{height - top:g}pt" viewBox="0 {top:g} {width:g} {height - top:g}"'


def _foot_of_heading(picture: Picture, svg: str) -> float:
    """Where the heading ends that stands in the picture, in points from its upper edge; zero when none is found."""
    wanted = f"{picture.heading.title} {picture.heading.subtitle}".split()
    lines = [(html.unescape(text).split(), float(foot)) for text, foot in LINE.findall(svg)]
    for first in range(len(lines)):
        words: list[str] = []
        for said, foot in lines[first:]:
            words += said
            if words == wanted:
                return foot + DESCENT
            if words != wanted[: len(words)]:
                break
    return 0.0


DESCENT = 3.0
"""Points that letters reach below the foot of their line."""


class _ProseDigits(HTMLParser):
    """Collects text with digits that stands in prose and under no ledger key, quotation or code."""

    FREE: tuple[str, ...] = ("script", "style", "pre", "code", "title", "td", "th")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, bool]] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("meta", "link", "img", "br", "hr", "input", "col", "source"):
            return
        given = dict(attrs)
        is_free = (
            tag in self.FREE or "data-key" in given or bool({"quote", "file"} & set((given.get("class") or "").split()))
        )
        self.open.append((tag, is_free))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if has_digit(data) and not any(is_free for _, is_free in self.open):
            self.found.append(" ".join(data.split()))


def digits_without_key(page: str) -> list[str]:
    """Pieces of a page's prose that hold a digit without a ledger key. Tables carry keys in their cells."""
    reader = _ProseDigits()
    reader.feed(NO_PROSE.sub("", page))
    return reader.found


NO_PROSE = re.compile(r'(?<=")data:[^"]*(?=")|(?<=<tbody>).*?(?=</tbody>)', re.DOTALL)
"""Most of a page's bytes: pictures, and the cells of tables, which carry their keys."""
