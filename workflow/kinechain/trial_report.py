"""The section of a report that tells a trial: who came, how arms moved and differ, by which way, whether it lasts."""

from __future__ import annotations

from collections.abc import Callable

from kinechain.document import Block, Bullets, Details, Paragraph, Words
from kinechain.ledger import Ledger
from kinechain.results import Results
from kinechain.trial_display import SHELVES
from kinechain.trial_sentences import sentences, visit_sentences
from kinechain.words import say


def trial_blocks(results: Results, ledger: Ledger, figure: Callable[[str], Block]) -> tuple[Block, ...]:
    """The whole section.

    figure  name -> the picture with its caption, or the sentence in its place
    """
    first = say(
        ledger,
        "People are analysed in the arm they were assigned to. Only the comparison of arms was randomised: what came "
        "between assignment and outcome still rests on assumptions.",
    )
    found = tuple(sentences(results, ledger))
    blocks: list[Block] = [Paragraph(first), *([Bullets(found)] if found else [])]
    for name, tables in SHELVES:
        if name:
            blocks.append(figure(name))
        for title, make in tables:
            shown = tuple(table for table in make(results, ledger) if table.rows)
            if shown:
                blocks.append(Details((Words(title),), shown))
    return tuple(blocks)


def visit_blocks(results: Results, ledger: Ledger) -> tuple[Block, ...]:
    """What visits of a cohort without arms can say, and how far apart they are."""
    first = say(
        ledger,
        "What was measured at one visit and what followed at the next: that tells what came first, and no more. An "
        "unmeasured cause of both can still stand behind it.",
    )
    return (Paragraph(first), *(Paragraph(prose) for prose in visit_sentences(results, ledger)))
