"""`kinechain diff`: what one config changes against another, or against the last run: graph, consequences, effects."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

from kinechain.difference import Change, Difference, compare
from kinechain.errors import Problem, UserError, closest
from kinechain.io import write_text
from kinechain.page import Part, render_page
from kinechain.rounding import published
from kinechain.sides import RunSide, Side, StudySide, matched, read_side

LAST_RUN = "last-run"
KINDS = ("paths", "covariates", "residual covariances", "adjustment sets", "independences")
MOST_LINES = 12
"""Statements of a kind, and effects, that the text shows; the page shows all."""
HEADS = ("Effect", "Before", "After", "Change", "Interval of the change", "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is compared, on which cohort, and how closely."""
    parser.add_argument("before", help=f"a study's folder, a config.yaml, a model's yaml, or `{LAST_RUN}`")
    parser.add_argument("after", type=Path, nargs="?", default=Path(), help="the same; by default the study here")
    parser.add_argument("--cohort", help="this cohort only")
    parser.add_argument("--model", help="this model only")
    parser.add_argument("--draws", type=int, help="draws behind each interval; by default as many as the study makes")
    parser.add_argument("--page", type=Path, metavar="FILE.html", help="write everything as a page too")


def run(arguments: argparse.Namespace) -> int:
    """Print what differs; 0 whether or not anything does."""
    after = read_side(arguments.after)
    before = RunSide(_root_of(after)) if arguments.before == LAST_RUN else read_side(Path(arguments.before))
    assert isinstance(after, StudySide)
    inference = after.study.config["inference"]
    draws = int(inference["draws"]) if arguments.draws is None else arguments.draws
    found, same, alone = _look(before, after, arguments, draws, float(inference["level"]))
    print(f"{before.label} -> {after.label}")
    for difference in found:
        print("\n" + "\n".join(lines_of(difference)))
    for line in alone:
        print(line)
    print(f"\n{len(found)} of {len(found) + same} models differ." if found or same else "\nNothing to compare.")
    if arguments.page:
        write_text(page_of(before.label, after.label, found, alone, same, _banner(after)), arguments.page)
        print(f"Page: {arguments.page}")
    return 0


def _look(
    before: Side, after: Side, arguments: argparse.Namespace, draws: int, level: float
) -> tuple[list[Difference], int, list[str]]:
    """Differences, the number of fits in which nothing differs, and a line for each fit of one side alone."""
    pairs = [
        (own, other)
        for own, other in matched(before, after)
        if _wanted(own or other, arguments.cohort, 0) and _wanted(own or other, arguments.model, 1)
    ]
    if not pairs:
        known = [*before.pairs(), *after.pairs()]
        asked = ", ".join(str(word) for word in (arguments.cohort, arguments.model) if word)
        names = sorted({name for pair in known for name in pair})
        what = f"no fit of `{asked}` on either side" if asked else "neither side has a fit"
        raise UserError(Problem("kinechain diff", what, closest(asked, names) if asked else "Run `snakemake` first"))
    found: list[Difference] = []
    same, alone = 0, []
    for own, other in pairs:
        if own is None or other is None:
            cohort, model = own or other or ("", "")
            alone.append(f"{model} of {cohort}: {'only before' if other is None else 'only after'}")
            continue
        if own == other and before.fingerprint(*own) == after.fingerprint(*other):
            same += 1
            continue
        difference = compare(before.view(*own, 0), after.view(*other, 0), level=level)
        if difference.is_empty:
            same += 1
            continue
        found.append(compare(before.view(*own, draws), after.view(*other, draws), level=level))
    return found, same, alone


def _wanted(pair: tuple[str, str] | None, name: str | None, place: int) -> bool:
    return pair is not None and (not name or pair[place] == name)


def _root_of(side: Side) -> Path:
    return side.study.root if isinstance(side, StudySide) else side.root


def _banner(after: StudySide) -> str:
    synthetic = [name for name, cohort in after.study.cohorts.items() if cohort.get("synthetic")]
    return f"SYNTHETIC DATA: {', '.join(synthetic)}. Nobody was measured." if synthetic else ""


def _title(difference: Difference) -> str:
    before, after = difference.before, difference.after
    name = before.model if before.model == after.model else f"{before.model} -> {after.model}"
    return f"{name} of {after.cohort}"


def _people(difference: Difference) -> str:
    before, after = difference.before.n, difference.after.n
    if difference.is_paired:
        return f"{after} people on both sides, the same resamples."
    told = f"{after} people on both sides" if before == after else f"{before} people before, {after} after"
    return f"{told}: not the same resamples, so that chance widens every interval."


def _statements(difference: Difference, kind: str) -> Iterator[str]:
    yield from (f"- {text}" for text in difference.lost[kind])
    yield from (f"+ {text}" for text in difference.gained[kind])


def lines_of(difference: Difference) -> Iterator[str]:
    """A difference as text: what was lost (-) and gained (+), then the effects that changed."""
    yield _title(difference)
    if difference.status:
        yield f"  {difference.status}"
    for kind in KINDS:
        statements = list(_statements(difference, kind))
        if statements:
            yield f"  {kind}"
            yield from (f"    {text}" for text in statements[:MOST_LINES])
        if len(statements) > MOST_LINES:
            yield f"    and {len(statements) - MOST_LINES} more (--page shows all)"
    if difference.reconditioned:
        yield f"  {len(difference.reconditioned)} independences hold given other variables than before"
    changed = list(_distinct(difference))
    if not changed:
        return
    yield f"  {_people(difference)}"
    width = max(len(change.effect) for change in changed[:MOST_LINES])
    yield f"  {'effect':<{width}} {'before':>9} {'after':>9} {'change':>9}  its interval"
    for change in changed[:MOST_LINES]:
        cells = "".join(f" {text:>9}" for text in _numbers(change))
        yield f"  {change.effect:<{width}}{cells}  {_interval(change)}{'  *' if change.is_clear else ''}"
    if len(changed) > MOST_LINES:
        yield f"  and {len(changed) - MOST_LINES} more effects (--page shows all)"
    if any(change.is_clear for change in changed[:MOST_LINES]):
        yield "  * the interval of the change leaves out zero"


def _distinct(difference: Difference) -> Iterator[Change]:
    """Effects that changed; one that is the same number under another name is left to the page."""
    seen: set[tuple[float, ...]] = set()
    for change in difference.changes:
        numbers = tuple(published(value) for value in (change.before, change.after, change.low))
        if numbers[0] != numbers[1] and numbers not in seen:
            seen.add(numbers)
            yield change


def _numbers(change: Change) -> tuple[str, ...]:
    return tuple("" if math.isnan(value) else _told(value) for value in (change.before, change.after, change.by))


def _told(value: float) -> str:
    """Three decimals, and no minus before zero."""
    return f"{round(value, 3) + 0.0:.3f}"


def _interval(change: Change) -> str:
    return "" if math.isnan(change.low) else f"[{_told(change.low)}, {_told(change.high)}]"


def page_of(before: str, after: str, found: list[Difference], alone: list[str], same: int, banner: str) -> str:
    """Every difference as a page."""
    parts = [Part(_title(difference), list(_page_texts(difference)), HEADS, _rows(difference)) for difference in found]
    if alone:
        parts.append(Part("On one side only", alone))
    answer = f"{len(found)} of {len(found) + same} models differ"
    return render_page("What changed", f"{before} → {after}", parts, answer=answer, is_good=not found, banner=banner)


def _page_texts(difference: Difference) -> Iterator[str]:
    if difference.status:
        yield difference.status
    for kind in KINDS:
        for word, statements in (("Lost", difference.lost[kind]), ("Gained", difference.gained[kind])):
            if statements:
                yield f"{word} {kind}: {'; '.join(statements)}."
    if difference.reconditioned:
        yield f"Independences that hold given other variables: {'; '.join(difference.reconditioned)}."
    yield _people(difference)


def _rows(difference: Difference) -> list[tuple[str, ...]]:
    return [
        (change.effect, *_numbers(change), _interval(change), "clear of zero" if change.is_clear else "")
        for change in difference.changes
    ]
