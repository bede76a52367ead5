"""What every model takes for granted, beside what its own file says, and which of it these data can test."""

from __future__ import annotations

from collections.abc import Iterator

from kinechain.check_table import CHECKS
from kinechain.document import Bullets, Details, Prose, Quoted
from kinechain.ledger import Ledger
from kinechain.results import Results
from kinechain.words import listing, say

ONE_VISIT = ("cross_sectional", "summary")
"""Designs that cannot tell what came first."""
NOWHERE = "; no check here found anything to ask of it"


def assumed_block(results: Results, ledger: Ledger) -> Details:
    """The assumptions under which a path of any model could be read as an effect, each with what can test it."""
    title = "What every model takes for granted, and which of it these data can test"
    return Details(say(ledger, title), (Bullets(tuple(_assumed(results, ledger))),), "assumed")


def _assumed(results: Results, ledger: Ledger) -> Iterator[Prose]:
    dealt = (
        " Chance dealt the arms, so that this holds for what arms differ in, and is assumed of all that came after."
        if results.cohort.design == "trial"
        else ""
    )
    yield _line(
        results,
        ledger,
        "No common cause of a cause and its outcome is left out, other than those an equation holds or a model draws."
        f"{dealt} These data cannot test it",
        ("residual_correlation", "robustness"),
        "; how strong a hidden one would have to be is told under {titles}",
        "",
    )
    yield say(
        ledger,
        "No common cause of a mediator and what follows it is itself moved by the first cause, unless the model has it "
        "as a variable. These data cannot test it.",
    )
    yield say(
        ledger,
        "A value of a cause means the same however a person came by it (consistency). These data cannot test it.",
    )
    yield say(
        ledger,
        "Among people alike in what is held, every value of a cause occurs (positivity). Rows of people can show where "
        "it fails; no check here looks for it, and where people are few the equation stands in for them.",
    )
    yield _line(
        results,
        ledger,
        "An effect is a straight line and the same whatever the other variables are, unless the equations say "
        "otherwise. Rows of people can test it",
        ("splines", "moderation", "natural_effects"),
        ": see {titles}",
    )
    yield _line(
        results,
        ledger,
        "Two variables that a model does not join are unrelated given what it holds between them. These data can test "
        "it",
        ("independences",),
        ": see {titles}",
    )
    if results.cohort.design in ONE_VISIT:
        yield say(ledger, "Each cause comes before its outcome. Values of one visit cannot test it.")
    else:
        told = "Each cause comes before its outcome. Visits show it where the two were measured at different ones only."
        yield say(ledger, told)


def _line(
    results: Results, ledger: Ledger, assumed: str, checks: tuple[str, ...], where: str, nowhere: str = NOWHERE
) -> Prose:
    """An assumption with the checks that speak of it, where this cohort has them; else that none did."""
    found = [name for name in checks if name in results.checks and not results.checks[name].empty]
    if not found:
        return say(ledger, f"{assumed}{nowhere}.")
    return say(ledger, f"{assumed}{where}.", titles=listing(Quoted(f"“{CHECKS[name].title}”") for name in found))
