"""A document as a self-contained page. Text from config or data is always shown, never run."""

from __future__ import annotations

from collections.abc import Mapping
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
    "ledger.json",
    "report.",
    "claims.",
    "../",
    "https://doi.org/",
    "https://pubmed.ncbi.nlm.nih.gov/",
)
"""Where a link may lead: inside the report, beside it, or to a checked work. Anything else is shown as text."""


KEPT = " /:;=,'!*-._~+@$"
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
        "picture": _data_address,
    }
    environment.tests["kind"] = is_kind
    page = environment.get_template("report.html.j2").render(document=document, anchors=anchors, kinds=doc)
    loose = digits_without_key(page)
    if loose:
        raise NumberWithoutKeyError(f"Numbers without a ledger key stand on the page: {loose[:3]}")
    return page


def render_index(context: Mapping[str, Any], templates: Mapping[str, str]) -> str:
    """The page that links all reports."""
    environment = environment_of(templates, autoescape=True)
    return environment.get_template("index.html.j2").render(**context)


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


def _data_address(picture: Picture) -> str:
    """The picture inside the page; as text with few letters escaped it is a fifth smaller than in base64."""
    return f"data:image/svg+xml,{quote(' '.join(picture.svg.decode('utf-8').split()), safe=KEPT)}"


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
    reader.feed(page)
    return reader.found
