"""A report as a document: sections of blocks, before any format. HTML, paper and Word show the same one.

A sentence is a tuple of parts, and only a `Number` may bring digits: it carries its ledger key. `Quoted` text (names,
titles, labels, the author's own words) is shown exactly as it stands and never read as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from kinechain.figures import Picture


class NumberWithoutKeyError(ValueError):
    """A sentence holds a digit that did not come from the ledger."""


@dataclass(frozen=True, slots=True)
class Words:
    """The project's own words; a digit in them is refused."""

    text: str

    def __post_init__(self) -> None:
        if any(character.isdigit() for character in self.text):
            raise NumberWithoutKeyError(f"A number without a ledger key stands in: {self.text!r}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number from the ledger, as printed."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """Text from config or data, as it stands; code is set in a fixed-width face."""

    text: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A way to another place: a file beside the report, an anchor in it, or an address."""

    text: str
    target: str


Part: TypeAlias = Words | Number | Quoted | Link
Prose: TypeAlias = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph; the lead one is set larger."""

    prose: Prose
    is_lead: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences; with anchors, one for each, they can be led to."""

    items: tuple[Prose, ...]
    anchors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """Text in a fixed-width face, such as a model's equations."""

    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, the ledger key if it is a number, the value to sort by, the place it leads to."""

    text: str
    key: str = ""
    sort: str = ""
    target: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its name (also of its csv, when it has one), caption, column heads and rows.

    numeric  which columns hold numbers, set flush right
    csv      the file beside the report with the same table in full; empty when there is none
    """

    name: str
    caption: Prose
    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]
    csv: str = ""


@dataclass(frozen=True, slots=True)
class FigureBlock:
    """A picture with its caption."""

    picture: Picture
    caption: Prose


@dataclass(frozen=True, slots=True)
class ChipStrip:
    """Claims side by side, each with its verdict; the last strip of a row of strips carries the key of the marks.

    tiers  what each tier on the strips lets a sentence say, for the key
    """

    title: str
    chips: tuple[Chip, ...]
    has_key: bool = True
    tiers: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """One claim in a strip: id, verdict, words, whether it is hollow, what it claims, and what the design allows."""

    claim: str
    verdict: str
    words: str
    is_hollow: bool
    gist: str
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Squares:
    """A grid of small squares: (number, status, topic) of each item of a checklist."""

    title: str
    items: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks that open on demand on screen and stand open on paper."""

    title: Prose
    blocks: tuple[Block, ...]
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """Columns of blocks where there is room for them; one below the other on a phone and on paper."""

    columns: tuple[tuple[Block, ...], ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All of them, in reading order."""
        return tuple(block for column in self.columns for block in column)


Block: TypeAlias = Paragraph | Bullets | Code | Table | FigureBlock | ChipStrip | Squares | Details | Beside


@dataclass(frozen=True, slots=True)
class Section:
    """A section with its anchor, its title and its blocks."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report.

    name        of the cohort, as in file names
    title       the question
    subtitle    cohort, design and number of people
    is_synthetic  whether every page must say so
    sections    in reading order
    version     of the package, for the foot of the page
    notices     what must be read first, above everything
    files       the same report in other forms
    """

    name: str
    title: str
    subtitle: Prose
    is_synthetic: bool
    sections: tuple[Section, ...]
    version: str = ""
    notices: tuple[Prose, ...] = ()
    files: tuple[Link, ...] = ()


def plain(prose: Prose) -> str:
    """The sentence as plain text."""
    return "".join(part.text for part in prose)


def keys_of(document: Document) -> tuple[str, ...]:
    """Ledger keys of the numbers in the document's prose, in reading order, each once."""
    found: dict[str, None] = {}
    for prose in _all_prose(document):
        for part in prose:
            if isinstance(part, Number):
                found.setdefault(part.key)
    return tuple(found)


def blocks_of(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks and those inside them, in reading order."""
    for block in blocks:
        yield block
        if isinstance(block, Details | Beside):
            yield from blocks_of(block.blocks)


def _all_prose(document: Document) -> Iterator[Prose]:
    yield document.subtitle
    yield from document.notices
    for section in document.sections:
        for block in section.blocks:
            yield from prose_of(block)


def prose_of(block: Block) -> Iterator[Prose]:
    """Every sentence of a block, those inside it included."""
    match block:
        case Paragraph(prose=prose):
            yield prose
        case Bullets(items=items):
            yield from items
        case Table(caption=caption) | FigureBlock(caption=caption):
            yield caption
        case Details(title=title, blocks=blocks):
            yield title
            for inner in blocks:
                yield from prose_of(inner)
        case Beside():
            for inner in block.blocks:
                yield from prose_of(inner)
        case _:
            return


def by_verdict(chips: Iterable[Chip]) -> list[tuple[str, list[str]]]:
    """Claims of each verdict, in the order of the strip; an asterisk marks those that rest on several effects."""
    groups: dict[str, list[str]] = {}
    for chip in chips:
        words, _, note = chip.words.partition("; rests on several effects")
        starred = chip.words != words
        groups.setdefault(words + note, []).append(chip.claim + "*" * starred)
    return list(groups.items())
