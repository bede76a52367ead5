"""The report's section on registration: what was frozen, and every deviation with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinechain import display
from kinechain.document import Block, Paragraph, Quoted, Table, Words
from kinechain.ledger import Ledger
from kinechain.words import say

SHOWN = {"key": "", "frozen": "", "present": "", "reason": "NO REASON GIVEN"}
"""Columns of the table of deviations, and what stands where one is empty; nothing by default."""


def registration_blocks(registration: Mapping[str, Any], ledger: Ledger) -> tuple[Block, ...]:
    """What a reader must know of a registration; a deviation without a reason is flagged.

    registration  as `read_registration` gives it; empty when the study froze nothing
    """
    if not registration:
        nothing = "The config was not frozen before the data were analysed: any choice may have been made in hindsight."
        return (Paragraph(say(ledger, nothing)),)
    told = [
        say(
            ledger,
            "The config was frozen on {day} with the digest {digest}.",
            day=Quoted(str(registration["frozen"])),
            digest=Quoted(str(registration["digest"]), is_code=True),
        )
    ]
    if not registration["is_whole"]:
        told.append(
            say(ledger, "The frozen content no longer has that digest: it was edited, and cannot be relied upon.")
        )
    if registration["analysed"]:
        names = ", ".join(str(name) for name in registration["analysed"])
        told.append(say(ledger, "These cohorts had been analysed before that day: {names}.", names=Quoted(names)))
    deviations = registration["deviations"]
    if not deviations:
        told.append(say(ledger, "Nothing was changed since."))
        return tuple(Paragraph(prose) for prose in told)
    unexplained = sum(not deviation["reason"] for deviation in deviations)
    if unexplained:
        text = "{flagged} of the {all} changes since then have no reason; they are marked in the table."
        flagged, all_of_them = Quoted(str(unexplained)), Quoted(str(len(deviations)))
        told.append(say(ledger, text, flagged=flagged, all=all_of_them))
    rows = tuple(tuple(display.text_cell(one[key] or without) for key, without in SHOWN.items()) for one in deviations)
    caption = (Words("Every deviation from what was frozen."),)
    table = Table("deviations", caption, ("Key", "Frozen", "Now", "Reason"), (False,) * 4, rows)
    return (*(Paragraph(prose) for prose in told), table)
