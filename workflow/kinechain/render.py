"""One document, two faces: a self-contained page and a paper. Text from config or data is always shown, never run."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from kinechain import document as doc
from kinechain.document import Chip, Document, Link, Number, NumberWithoutKeyError, Prose, Quoted
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
    environment = _environment(templates, autoescape=True)
    environment.filters |= {
        "prose": lambda prose: _html_prose(prose, anchors),
        "flat": lambda prose: _html_prose(prose, None),
        "plain": doc.plain,
        "drawing": _drawing,
    }
    environment.tests["kind"] = _is_kind
    page = environment.get_template("report.html.j2").render(document=document, anchors=anchors, kinds=doc)
    _refuse_loose_digits(page)
    return page


def render_index(context: Mapping[str, Any], templates: Mapping[str, str]) -> str:
    """The page across cohorts.

    Raises NumberWithoutKeyError when prose on the page holds a digit that did not come from a ledger.
    """
    page = _environment(templates, autoescape=True).get_template("index.html.j2").render(**context)
    _refuse_loose_digits(page)
    return page


def _refuse_loose_digits(page: str) -> None:
    loose = digits_without_key(page)
    if loose:
        raise NumberWithoutKeyError(f"Numbers without a ledger key stand on the page: {loose[:3]}")


def render_typst(document: Document, templates: Mapping[str, str]) -> str:
    """The document as typst markup; every text stands in a string literal, so that none of it is read as markup."""
    environment = _environment(templates, autoescape=False)
    environment.filters |= {
        "prose": _typst_prose,
        "lit": typst_literal,
        "plain": doc.plain,
        "columns": _typst_columns,
        "extent": _typst_extent,
        "is_tall": is_tall,
        "by_verdict": _by_verdict,
    }
    environment.tests["kind"] = _is_kind
    return environment.get_template("report.typ.j2").render(document=document, kinds=doc)


def render_pdf(document: Document, templates: Mapping[str, str]) -> bytes:
    """The document as a paper: fonts embedded, no date, equal content gives equal bytes."""
    import tempfile
    from pathlib import Path

    import matplotlib as mpl
    import typst

    source = render_typst(document, templates).encode("utf-8")
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    drawn = {f"figure-{picture.name}": picture.svg.decode("utf-8") for picture in pictures_of(document)}
    with tempfile.TemporaryDirectory() as empty:
        made = typst.compile(  # type: ignore[misc]  # its stub leaves bytes without a type
            source, root=empty, font_paths=[str(fonts)], ignore_system_fonts=True, sys_inputs=drawn, timestamp=0
        )
    assert isinstance(made, bytes)
    return made


def pictures_of(document: Document) -> list[Picture]:
    """Every picture of a document, in reading order."""
    found: list[Picture] = []

    def walk(blocks: tuple[doc.Block, ...]) -> None:
        for block in blocks:
            if isinstance(block, doc.FigureBlock):
                found.append(block.picture)
            elif isinstance(block, doc.Details | doc.Beside):
                walk(block.blocks)

    for section in document.sections:
        walk(section.blocks)
    return found


def _environment(templates: Mapping[str, str], *, autoescape: bool) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.DictLoader(dict(templates)),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _is_kind(block: object, name: str) -> bool:
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
    return Drawing(f"data:image/svg+xml,{quote(' '.join(svg.split()), safe=KEPT)}", head > 0)


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


def typst_literal(text: object) -> str:
    """The text as a typst string literal; control characters that paper cannot show become spaces."""
    clean = "".join(character if character >= " " or character in "\n\t" else " " for character in str(text))
    return json.dumps(clean, ensure_ascii=False).replace("\\b", " ").replace("\\f", " ")


def _typst_prose(prose: Prose) -> str:
    out = []
    for part in prose:
        literal = typst_literal(part.text)
        is_code = isinstance(part, Quoted) and part.is_code
        out.append(f"#raw({literal});" if is_code else f"#({literal});")
    return "".join(out)


SHORT, LONG = 15, 60
"""Letters up to which a column of text is as wide as its text, and beyond which it gets no wider share."""


def _typst_columns(table: doc.Table) -> str:
    """Widths of a table's columns: numbers and short texts as wide as they are, long texts by their letters."""
    widths = []
    for place, is_number in enumerate(table.numeric):
        longest = max([len(table.heads[place]), *(len(row[place].text) for row in table.rows)], default=0)
        widths.append("auto" if is_number or longest <= SHORT else f"{min(longest, LONG)}fr")
    return ", ".join(widths)


SHEET_CM = (17.2, 9.9, 22.5)
"""Width of a line, height a picture may take, and height a picture may take that is taller than wide."""


def _ratio(picture: Picture) -> float:
    """Height of a picture over its width."""
    size = re.search(rb'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', picture.svg)
    return float(size.group(2)) / float(size.group(1)) if size else 0.7


def _by_verdict(chips: Sequence[Chip]) -> list[tuple[str, list[str]]]:
    """Claims of each verdict, in the order of the strip; an asterisk marks those that rest on several effects."""
    groups: dict[str, list[str]] = {}
    for chip in chips:
        words, _, note = chip.words.partition("; rests on several effects")
        starred = chip.words != words
        groups.setdefault(words + note, []).append(chip.claim + "*" * starred)
    return list(groups.items())


def is_tall(picture: Picture) -> bool:
    """Whether a picture is taller than wide: on paper it goes to the head of a page, and the text flows around it."""
    return _ratio(picture) > 1


def _typst_extent(picture: Picture) -> str:
    """Size of a picture on paper: the width of a line unless it would be too tall."""
    ratio = _ratio(picture)
    width, usual, tall = SHEET_CM
    height = tall if ratio > 1 else usual
    return "width: 100%" if ratio * width <= height else f"height: {height}cm"


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
