"""Heads of columns: what the name that a file gives a column says about it, before any number is looked at."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinechain.measures import Dictionary, Measure

ID_NAME = re.compile(
    "(subject|record|patient(en)?|pat|participant|person|case|study|proband(en)?|teilnehmer|löp|deltagar|sujet|paciente"
    "|paziente)?(id|no|nr|num|number|code|nummer|kod|numero)?|id.*"
)
"""What is left of the head of a column of ids when only its letters stay."""

ROLE_WORDS = {
    "visit": "visit|timepoint|wave|session|occasion|besök|zeitpunkt|visite",
    "visit_date": "date|datum|(visit|exam|examination|test|assessment)_?date|untersuchungsdatum",
    "side": "side|seite|sida|côté|lado",
    "trial": "trial|rep|repeat|repetition|attempt|versuch|messung|försök",
    "rater": "rater|observer|assessor|examiner|reader|untersucher|bedömare",
    "site": "site|centre|center|hospital|clinic|klinik|sjukhus|zentrum",
    "arm": "arm|group|gruppe|grupp|groupe|treatment|allocation|randomi[sz]ation",
}
"""Heads of columns that may say when, where and how a row was taken, by the key of the yaml they belong to."""

FREE_TEXT = re.compile(
    "comments?|notes?|remarks?|diary|free|text|kommentare?r?|(be|an)merkung(en)?|notering|remarques?|observaciones"
)
"""Words of a column's head that say it holds free text."""

VISIT_WORD = re.compile("t[0-9]|v[0-9]|visit[0-9]*|bl|baseline|pre|post|fu[0-9]?|followup|m[0-9]{1,2}|w[0-9]{1,2}")
"""Words of a column's head that may say a visit, where another column is the same but for this word."""

MADE_BY_PROGRAM = re.compile(
    r"(pre|res|zre|zpr|sre|coo|lev)_\d+|(pred|resid)_.*|filter_\$|.*_complete|complete\?.*", re.I
)
"""Heads of columns that a statistics program or an export adds: predictions, residuals, filters, states of a form."""

SAID_UNIT = re.compile(r"[(\[]\s*([^\d()\[\]]+[23]?)\s*[)\]]")
"""A unit in brackets within a column's head."""


def names_ids(name: str) -> bool:
    """Whether a column is headed as one of ids, codes or numbers of people."""
    letters = re.sub(r"[\W_]+", "", name.lower())
    return name.strip() == "#" or (bool(letters) and ID_NAME.fullmatch(letters) is not None)


def visits_of(names: Sequence[str]) -> dict[str, str]:
    """Columns whose heads differ from another's only by a word that may be a visit, each with that word."""
    stems: dict[tuple[str, ...], dict[str, str]] = {}
    for name in names:
        words = words_of(name)
        for word in words:
            if VISIT_WORD.fullmatch(word) and len(words) > 1:
                stems.setdefault(tuple(other for other in words if other != word), {})[name] = word
    several = [heads for heads in stems.values() if len(set(heads.values())) > 1]
    return {name: word for heads in several for name, word in heads.items()}


def said_unit(name: str, in_row: str = "") -> str:
    """The unit that a file gives for a column, in its row of units or in brackets in the head; "" for none."""
    found = SAID_UNIT.search(name)
    said = in_row or (found[1] if found else "")
    return said.strip().replace("²", "2").replace("°", "deg")


@dataclass(frozen=True, slots=True)
class NameIndex:
    """Names of measures by their words: a file may have thousands of columns to look up.

    names    measure and the words of one of its names, in the dictionary's order
    by_word  word -> places among the names that hold it
    """

    names: tuple[tuple[Measure, tuple[str, ...]], ...]
    by_word: Mapping[str, tuple[int, ...]]

    def sharing(self, words: Sequence[str]) -> list[tuple[Measure, tuple[str, ...]]]:
        """Names that share a word with these."""
        return [self.names[at] for at in sorted({at for word in words for at in self.by_word.get(word, ())})]


def index_names(dictionary: Dictionary) -> NameIndex:
    """Every name of every measure, ready to be looked up by its words."""
    names = tuple(
        (measure, tuple(without_accents(words_of(name))))
        for measure in dictionary.measures.values()
        for name in (*measure.names, measure.name)
    )
    by_word: dict[str, tuple[int, ...]] = {}
    for at, (_, alias) in enumerate(names):
        for word in set(alias):
            by_word[word] = (*by_word.get(word, ()), at)
    return NameIndex(names, by_word)


def item_of(words: Sequence[str], dictionary: Dictionary) -> tuple[Measure, str] | None:
    """The item of a questionnaire that a column's head names, word for word."""
    for measure in dictionary.measures.values():
        for item in measure.items:
            if list(words) == words_of(item):
                return measure, item
    return None


def words_of(text: str) -> list[str]:
    """The words of a head, lower case, apart at marks and where a capital begins one."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


def without_accents(words: Sequence[str]) -> list[str]:
    """Words without accents, which some files write and some do not."""
    apart = (unicodedata.normalize("NFKD", word) for word in words)
    return ["".join(letter for letter in word if not unicodedata.combining(letter)) for word in apart]


def likeness(words: Sequence[str], alias: Sequence[str]) -> float:
    """Share of the alias's words that stand in the name, less a little for words too many; 1 when they are the same."""
    if not alias or not words:
        return 0.0
    common = len(set(words) & set(alias))
    return common / len(set(alias)) - 0.02 * len(set(words) - set(alias)) if common else 0.0
