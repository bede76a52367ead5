"""The section of a report that tells a trial: who came, how arms moved and differ, by which way, whether it lasts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from kinechain.display import interval_cell, number_cell, text_cell
from kinechain.document import Block, Bullets, Cell, Details, Paragraph, Part, Prose, Quoted, Table, Words
from kinechain.entries import check_key
from kinechain.figures.style import Row, records
from kinechain.ledger import Ledger
from kinechain.results import Results, plain_name
from kinechain.rounding import is_number
from kinechain.tables import flow_table
from kinechain.trial_words import capital, contrast_name, days_of_visits, trial_facts, when_name, word
from kinechain.words import listing, say

Placed = tuple[int, Row]
"""A row of a tidy table with its place there, which its ledger keys are made of."""


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
    return (Paragraph(first), *(Paragraph(prose) for prose in _of_visits(results, ledger)))


def _rows(results: Results, name: str, **wanted: object) -> list[Placed]:
    """Rows of a table of the analysis that have the wanted values."""
    table = results.checks.get(name)
    if table is None or table.empty:
        return []
    return [
        (place, row)
        for place, row in enumerate(records(table))
        if all(row.get(column) == value for column, value in wanted.items())
    ]


def _key(name: str, placed: Placed, column: str) -> str:
    return check_key(name, placed[0], column)


def _number(ledger: Ledger, name: str, placed: Placed, column: str) -> Cell:
    return number_cell(ledger, _key(name, placed, column))


def _with_interval(ledger: Ledger, name: str, placed: Placed | None, column: str = "estimate") -> Cell:
    """An estimate and its interval in one cell."""
    if placed is None or not is_number(placed[1].get(column)):
        return Cell("–")
    value = ledger[_key(name, placed, column)]
    if not is_number(placed[1].get("low")):
        return number_cell(ledger, value.key)
    low, high = (ledger[_key(name, placed, end)] for end in ("low", "high"))
    return Cell(f"{value.text} [{low.text}, {high.text}]", value.key, str(value.value))


def _interval(ledger: Ledger, name: str, placed: Placed) -> Prose:
    """An estimate with its interval inside a sentence."""
    return say(
        ledger,
        "{value} ({level} interval {low} to {high})",
        value=_key(name, placed, "estimate"),
        level="study/level",
        low=_key(name, placed, "low"),
        high=_key(name, placed, "high"),
    )


def _clear(row: Row) -> bool:
    return bool(row["low"] > 0 or row["high"] < 0)


def _contrast(row: Row, results: Results) -> str:
    return contrast_name(results, str(row["contrast"]), str(row["arms"]), str(row["against"]))


def sentences(results: Results, ledger: Ledger) -> Iterator[Prose]:
    """What the trial shows, in words: visits, margins, ways, relapse, unseen visits, what came first."""
    yield from _of_visits(results, ledger)
    yield from _of_noninferiority(results, ledger)
    yield from _of_ways(results, ledger)
    yield from _of_relapse(results, ledger)
    yield from _of_unseen(ledger)
    yield from _of_lags(results, ledger)
    yield from _of_absences(results, ledger)


def _of_visits(results: Results, ledger: Ledger) -> Iterator[Prose]:
    days = list(days_of_visits(results))
    if len(days) > 1:
        told = listing_of(
            say(ledger, "{visit} on day {day}", visit=Quoted(word(results, visit)), day=f"visits/{visit}/day")
            for visit in days
        )
        yield say(ledger, "Visits, by their mean day: {told}.", told=told)


def listing_of(proses: Iterator[Prose]) -> Prose:
    """Sentences' parts as a list: a, b and c."""
    found = list(proses)
    out: list[Part] = []
    for place, prose in enumerate(found):
        if place:
            out.append(Words(" and " if place == len(found) - 1 else ", "))
        out += prose
    return tuple(out)


def _of_noninferiority(results: Results, ledger: Ledger) -> Iterator[Prose]:
    found = trial_facts(results).get("noninferiority")
    response = trial_facts(results).get("response")
    if not found or not response:
        return
    rows = _rows(results, "contrasts", contrast=found["contrast"], outcome=response["outcome"], method="constrained")
    rows = [placed for placed in rows if placed[1]["when"] != "maintenance"]
    if not rows:
        return
    last = rows[-1]
    shown = {
        (True, True): "not worse by the margin, and better",
        (True, False): "not worse by the margin; better was not shown",
        (False, False): "not being worse by the margin was not shown, so better was not asked",
    }[bool(found["non_inferior"]), bool(found["superior"])]
    yield say(
        ledger,
        "{contrast}, {outcome} at {when}: {value} {unit}, against a margin of {margin}: {shown}.",
        contrast=Quoted(capital(_contrast(last[1], results))),
        outcome=Quoted(results.short(str(last[1]["outcome"]))),
        when=Quoted(when_name(results, str(last[1]["when"]))),
        value=_interval(ledger, "contrasts", last),
        unit=Quoted(str(last[1]["unit"])),
        margin="trial/margin",
        shown=Words(shown),
    )


def _ways_of(results: Results) -> list[dict[str, Placed]]:
    """Total, mediated and direct way of each arm to the last outcome."""
    rows = _rows(results, "mediation")
    ends = [str(row["outcome"]) for _, row in rows if row["way"] == "total"]
    if not ends:
        return []
    arms = dict.fromkeys(str(row["arm"]) for _, row in rows if row["way"] == "total")
    return [
        {
            str(row["way"]): (place, row)
            for place, row in rows
            if row["arm"] == arm
            and row["outcome"] == ends[-1]
            and row["way"] in ("total", "mediated", "direct", "chain")
        }
        for arm in arms
    ]


def _is_practically_zero(results: Results, row: Row) -> bool:
    """Whether the narrower interval lies inside the margin, the smallest effect of interest of the outcome."""
    margin = (trial_facts(results).get("noninferiority") or {}).get("margin", 0.0)
    return max(abs(float(row[end])) for end in ("low_90", "high_90")) < float(margin)


def _of_ways(results: Results, ledger: Ledger) -> Iterator[Prose]:
    """An effect with its mechanism, an effect without one, or no effect: each arm's own sentence."""
    for ways in _ways_of(results):
        total, mediated, direct = (ways[name] for name in ("total", "mediated", "direct"))
        about: dict[str, Part | Prose] = {
            "arm": Quoted(capital(word(results, str(total[1]["arm"])))),
            "outcome": Quoted(results.short(str(total[1]["outcome"]))),
            "unit": Quoted(str(total[1]["unit"])),
            "total": _interval(ledger, "mediation", total),
            "mediated": _interval(ledger, "mediation", mediated),
            "direct": _interval(ledger, "mediation", direct),
            "how": Words(
                "an effect without the mechanism"
                if _is_practically_zero(results, mediated[1])
                else "an effect whose mechanism was not found"
            ),
        }
        if not _clear(total[1]):
            sentence = (
                "{arm}: at the last visit, given all first values, {outcome} did not clearly differ from control: "
                "{total} {unit}."
            )
        elif not _clear(mediated[1]):
            sentence = (
                "{arm}: {how}. At the last visit, given all first values, {outcome} differed "
                "by {total} {unit}, of which {mediated} can be followed through the mediators and {direct} cannot."
            )
        else:
            sentence = (
                "{arm}: at the last visit, given all first values, {outcome} differed by {total} {unit}; of this "
                "{mediated} can be followed through the mediators, if no hidden cause joins mediator and outcome, and "
                "{direct} cannot."
            )
        yield say(ledger, sentence, **about)
    links = _rows(results, "mediation", way="edge")
    if links and not _clear(links[-1][1]):
        yield say(
            ledger,
            "The last link, from the last mediator to {outcome}, is not clear of zero: {value} {unit}.",
            outcome=Quoted(results.short(str(links[-1][1]["outcome"]))),
            value=_interval(ledger, "mediation", links[-1]),
            unit=Quoted(str(links[-1][1]["unit"])),
        )
    elif links and "trial/rho_at_zero" in ledger:
        yield say(
            ledger,
            "The last link of the mediation would vanish if hidden causes made the errors of its two ends correlate by "
            "{rho}.",
            rho="trial/rho_at_zero",
        )
    test = trial_facts(results).get("arm_by_mediator")
    if test and "trial/interaction/p" in ledger:
        differs = test["p_value"] < 0.05
        yield say(
            ledger,
            "The last mediator acts on the outcome {how} (test of arm by mediator, p {p}){so}.",
            how=Words("differently from arm to arm" if differs else "alike in all arms, as far as these people tell"),
            p="trial/interaction/p",
            so=Words(", so that one number for its way is an average over arms" if differs else ""),
        )


def _of_relapse(results: Results, ledger: Ledger) -> Iterator[Prose]:
    facts = trial_facts(results)
    if "relapse" not in facts:
        return
    arm = facts["relapse"]["arm"]
    rows = {str(row["quantity"]): (place, row) for place, row in _rows(results, "relapse", arm=arm)}
    changes = [placed for name, placed in rows.items() if name.startswith("change_") and not name.endswith("_days")]
    share, luck = rows.get("relapse_share"), rows.get("luck_share")
    if len(changes) < 2 or share is None or not is_number(share[1]["estimate"]):
        return
    yield say(
        ledger,
        "{arm}, everybody: {outcome} changed by {first} {unit} during treatment and by {second} after it.",
        arm=Quoted(capital(word(results, arm))),
        outcome=Quoted(results.short(str(facts["relapse"]["outcome"]))),
        first=_interval(ledger, "relapse", changes[0]),
        second=_interval(ledger, "relapse", changes[1]),
        unit=Quoted(str(changes[0][1]["unit"])),
    )
    sentence = (
        "Of those in this arm who had improved by {mcid} {unit} or more, {share} had relapsed at the last visit; often "
        "was declared to mean more than {high}, and fewer than {low} to contradict it."
    )
    prose = say(
        ledger,
        sentence,
        mcid="trial/relapse/mcid",
        unit=Quoted(str(changes[0][1]["unit"])),
        share=_interval(ledger, "relapse", share),
        low="trial/often/low",
        high="trial/often/high",
    )
    if luck is not None and is_number(luck[1]["estimate"]):
        prose += say(
            ledger,
            " They were chosen after randomisation: by luck alone {luck} would seem to relapse.",
            luck=_key("relapse", luck, "estimate"),
        )
    if "trial/relapse_difference/estimate" in ledger:
        other = facts["relapse_difference"]["against"]
        prose += say(
            ledger,
            " The share differs from that in the arm {other} by {difference} percentage points ({low} to {high}).",
            difference="trial/relapse_difference/estimate",
            low="trial/relapse_difference/low",
            high="trial/relapse_difference/high",
            other=Quoted(word(results, other)),
        )
    yield prose


def _of_unseen(ledger: Ledger) -> Iterator[Prose]:
    if "trial/found" not in ledger or "trial/overturned" not in ledger:
        return
    yield say(
        ledger,
        "Visits nobody saw: of {found} contrasts off zero, {delta} are lost when the unseen values of the treated arms "
        "are made worse within the declared range, {reference} when those who left are assumed to follow the control "
        "arm from then on. No last value is carried forward: it would hide every relapse.",
        found="trial/found",
        delta="trial/overturned",
        reference="trial/lost_under_reference",
    )


def _of_lags(results: Results, ledger: Ledger) -> Iterator[Prose]:
    found = [placed for placed in _rows(results, "lags", effect="dir") if is_number(placed[1].get("standardised_low"))]
    if found:
        last = found[-1]
        leads = last[1]["standardised_low"] > 0
        trails = last[1]["standardised_high"] < 0
        x, y = (results.short(str(last[1][name])) for name in ("x", "y"))
        order = f"{x} led" if leads else f"{y} led" if trails else "neither can be said to have led"
        yield say(
            ledger,
            "What came first, {x} or {y}: the lag from {x} less the lag from {y} is {value} ({level} interval {low} to "
            "{high}), visits {days} days apart on average: {order}.",
            x=Quoted(x),
            y=Quoted(y),
            value=_key("lags", last, "standardised"),
            level="study/level",
            low=_key("lags", last, "standardised_low"),
            high=_key("lags", last, "standardised_high"),
            days=_key("lags", last, "lag_days"),
            order=Quoted(order),
        )
    for entry in trial_facts(results).get("random_intercept", ()):
        if entry["status"] != "converged":
            yield say(
                ledger,
                "Lags within people, apart from what people always differ in, are not shown for {x} and {y}: the "
                "random-intercept model has no proper solution here.",
                x=Quoted(results.short(str(entry["x"]))),
                y=Quoted(results.short(str(entry["y"]))),
            )


def _of_absences(results: Results, ledger: Ledger) -> Iterator[Prose]:
    facts = trial_facts(results)
    lacking = dict.fromkeys(arm for arms in facts.get("lacking_arms", {}).values() for arm in arms)
    if lacking:
        yield say(
            ledger,
            "The trial has no arm of {arms}; contrasts with it, and what each treatment adds by itself, are left out.",
            arms=listing(Quoted(word(results, arm)) for arm in lacking),
        )
    if facts.get("left_out"):
        yield say(
            ledger,
            "Not measured at the start, so not adjusted for: {names}.",
            names=listing(Quoted(results.label(str(name))) for name in facts["left_out"]),
        )


def _table(name: str, caption: str, heads: tuple[str, ...], words: int, rows: Sequence[tuple[Cell, ...]]) -> Table:
    """A table whose first `words` columns are words."""
    numeric = tuple(place >= words for place in range(len(heads)))
    return Table(name, (Words(caption),), heads, numeric, tuple(rows), "")


def _arms(results: Results, name: str) -> list[str]:
    return list(dict.fromkeys(str(row["arm"]) for _, row in _rows(results, name)))


STEPS = {
    "randomised": "Randomised",
    "attended": "Seen: {at}",
    "missed": "Missed, but seen later: {at}",
    "left": "Not seen again from: {at}",
    "analysed": "Analysed: {outcome}",
    "beyond": "Analysed beyond neutral at the start: {outcome}",
    "complete": "Seen at every visit: {outcome}",
    "response": "Response known: {at}",
    "mediation": "Analysed for ways: {outcome}",
}


def flow_by_arm(results: Results, ledger: Ledger) -> Iterator[Table]:
    """From the file to each analysis, a column an arm."""
    arms = _arms(results, "flow")
    dash = Cell("–")
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(f"{capital(str(row['reason']))} ({row['unit']})"),
            number_cell(ledger, f"flow/{place}/left"),
            *[dash] * len(arms),
        )
        for place, row in enumerate(records(flow_table(results)))
    ]
    steps = dict.fromkeys((str(row["step"]), _at(row)) for _, row in _rows(results, "flow"))
    for step, at in steps:
        if step in ("missed", "left") and at == _at(_rows(results, "flow", step="attended")[0][1]):
            continue
        name = STEPS.get(step, step).format(at=word(results, at), outcome=results.short(at))
        counts = [
            _count(ledger, placed)
            for arm in arms
            for placed in _rows(results, "flow", arm=arm, step=step)
            if _at(placed[1]) == at
        ]
        rows.append((Cell(name), dash, *counts))
    rows = _folded(rows)
    heads = ("Step", "All", *(capital(word(results, arm)) for arm in arms))
    yield _table("trial_flow", "From the file to each analysis; counts of few people are masked.", heads, 1, rows)


def _folded(rows: list[tuple[Cell, ...]]) -> list[tuple[Cell, ...]]:
    """Analyses of the very same counts, one after the other, as one row."""
    out: list[tuple[Cell, ...]] = []
    for row in rows:
        step, _, of = row[0].text.partition(": ")
        same = out and [cell.text for cell in out[-1][1:]] == [cell.text for cell in row[1:]]
        if of and same and out[-1][0].text.startswith(f"{step}: "):
            out[-1] = (Cell(f"{out[-1][0].text}, {of}"), *out[-1][1:])
        else:
            out.append(row)
    return out


def _at(row: Row) -> str:
    return str(row["at"]) if isinstance(row["at"], str) else ""


def _count(ledger: Ledger, placed: Placed) -> Cell:
    if placed[1].get("masked"):
        return Cell("few")
    return _number(ledger, "flow", placed, "count")


def baseline_by_arm(results: Results, ledger: Ledger) -> Iterator[Table]:
    """People before treatment, a column an arm: mean and SD, or share. Arms were dealt at random: nothing is tested."""
    arms = _arms(results, "baseline")
    labels = {str(row["measure"]): str(row["label"]) for row in results.quality.get("codebook", ())}
    rows = []
    for variable in dict.fromkeys(str(row["variable"]) for _, row in _rows(results, "baseline")):
        cells = []
        for arm in arms:
            for placed in _rows(results, "baseline", variable=variable, arm=arm):
                value = ledger[_key("baseline", placed, "mean")]
                gone = ledger[_key("baseline", placed, "missing")]
                spread = _key("baseline", placed, "sd")
                text = value.text if not is_number(placed[1]["sd"]) else f"{value.text} ({ledger[spread].text})"
                lacks = placed[1].get("masked") or (is_number(placed[1]["missing"]) and placed[1]["missing"] > 0)
                text += f"; {'few' if placed[1].get('masked') else gone.text} missing" if lacks else ""
                cells.append(Cell(text, value.key, str(value.value)))
        unit = next((str(row["unit"]) for _, row in _rows(results, "baseline", variable=variable)), "")
        name = labels.get(variable, results.label(variable))
        rows.append((Cell(name), text_cell(unit if unit not in ("", "nan") else "–"), *cells))
    heads = ("Measure", "Unit", *(capital(word(results, arm)) for arm in arms))
    caption = "Before treatment: mean (SD), or share. Arms were dealt at random, so that nothing is tested here."
    yield _table("trial_baseline", caption, heads, 2, rows)


def _each_contrast(
    results: Results, name: str, rows: list[Placed], caption: str, cells: Callable[[dict[str, list[Placed]]], Shown]
) -> Iterator[Table]:
    """A table a contrast: a column a visit (or the change after treatment), rows as `cells` gives them."""
    for contrast in dict.fromkeys(str(row["contrast"]) for _, row in rows):
        mine = [placed for placed in rows if placed[1]["contrast"] == contrast]
        whens: dict[str, list[Placed]] = {}
        for placed in mine:
            whens.setdefault(str(placed[1]["when"]), []).append(placed)
        heads = ("", *(capital(when_name(results, when)) for when in whens))
        title = f"{capital(_contrast(mine[0][1], results))}{caption}."
        body = [(Cell(label), *found) for label, found in cells(whens).items()]
        yield Table(f"{name}_{contrast}", (Quoted(title),), heads, (False, *[True] * len(whens)), tuple(body), "")


Shown = dict[str, list[Cell]]


def contrasts_by_visit(results: Results, ledger: Ledger) -> Iterator[Table]:
    """Every contrast of the declared analysis, a row an outcome."""

    def cells(whens: dict[str, list[Placed]]) -> Shown:
        shown: Shown = {}
        for rows in whens.values():
            for placed in rows:
                label = f"{results.short(str(placed[1]['outcome']))}, {placed[1]['unit']}"
                shown.setdefault(label, []).append(_with_interval(ledger, "contrasts", placed))
        return shown

    rows = _rows(results, "contrasts", method="constrained")
    return _each_contrast(results, "trial_contrast", rows, "", cells)


FACTORS = {"interaction": "Together, beyond the sum of both"}


def what_each_adds(results: Results, ledger: Ledger) -> Iterator[Table]:
    """Main effects and interaction of a trial with all four cells, a table an effect, a row an outcome."""
    names = dict(zip(("first", "second"), trial_facts(results).get("factors", ()), strict=False))
    rows = _rows(results, "factorial")
    for effect in dict.fromkeys(str(row["effect"]) for _, row in rows):
        by: dict[str, list[Cell]] = {}
        whens: dict[str, None] = {}
        for placed in rows:
            if placed[1]["effect"] == effect:
                whens[str(placed[1]["when"])] = None
                label = f"{results.short(str(placed[1]['outcome']))}, {placed[1]['unit']}"
                by.setdefault(label, []).append(_with_interval(ledger, "factorial", placed))
        title = FACTORS.get(effect) or f"With {word(results, names.get(effect, effect))}, less without it"
        heads = ("", *(capital(when_name(results, when)) for when in whens))
        body = tuple((Cell(label), *cells) for label, cells in by.items())
        yield Table(f"trial_factor_{effect}", (Quoted(f"{title}."),), heads, (False, *[True] * len(whens)), body)


METHODS = {
    "constrained": "Declared: constrained, unstructured covariance",
    "robust": "The same, robust errors",
    "ancova": "Each visit by itself",
    "mixed": "Random intercepts",
    "complete_case": "Seen at every visit",
}


def contrasts_by_method(results: Results, ledger: Ledger) -> Iterator[Table]:
    """The outcome of response, a row a method."""
    outcome = _response(results)

    def cells(whens: dict[str, list[Placed]]) -> Shown:
        return {
            METHODS.get(method, plain_name(method)): [
                _with_interval(ledger, "contrasts", _one(rows, method=method)) for rows in whens.values()
            ]
            for method in dict.fromkeys(str(row["method"]) for rows in whens.values() for _, row in rows)
        }

    rows = _rows(results, "contrasts", outcome=outcome)
    return _each_contrast(results, "trial_method", rows, f", {results.short(outcome)}", cells)


def _response(results: Results) -> str:
    """The outcome of response."""
    return str(trial_facts(results).get("response", {}).get("outcome", ""))


def _one(rows: list[Placed], **wanted: object) -> Placed | None:
    return next((placed for placed in rows if all(placed[1].get(key) == value for key, value in wanted.items())), None)


RESPONSES = {
    "imputed": "Risk difference, unseen visits imputed",
    "seen": "Risk difference, people seen",
    "jump_to_reference": "Risk difference, the unseen follow control",
}


def responders(results: Results, ledger: Ledger) -> Iterator[Table]:
    """Shares that improved by the difference that matters, and how they differ, under three readings of the unseen."""

    def cells(whens: dict[str, list[Placed]]) -> Shown:
        first = [_one(rows, method="imputed") for rows in whens.values()]
        shown: Shown = {
            label: [_number(ledger, "responders", placed, column) if placed else Cell("–") for placed in first]
            for label, column in (("Improved, arms named first", "share_arm"), ("The others", "share_against"))
        }
        for method, label in RESPONSES.items():
            shown[label] = [
                _with_interval(ledger, "responders", _one(rows, method=method), "difference") for rows in whens.values()
            ]
        return shown

    return _each_contrast(results, "trial_response", _rows(results, "responders"), "", cells)


QUANTITIES = {
    "responders": "Improved",
    "relapse_share": "Of them, relapsed",
    "relapse_share_seen": "The same, seen at all visits",
    "luck_share": "Relapsed by luck alone",
    "luck_loss": "Lost by luck alone",
}


def relapse_by_arm(results: Results, ledger: Ledger) -> Iterator[Table]:
    """A table an arm: change during and after treatment for everybody, then relapse among those who had improved.

    Those who improved were chosen after randomisation, so that their arms no longer compare like with like: what luck
    alone would take back from them stands beside.
    """
    for arm in _arms(results, "relapse"):
        rows = [
            (
                Cell(_quantity(results, str(row["quantity"]))),
                _with_interval(ledger, "relapse", (place, row)),
                Cell("" if row["unit"] == "share" else str(row["unit"])),
            )
            for place, row in _rows(results, "relapse", arm=arm)
        ]
        title = f"{capital(word(results, arm))}."
        yield Table(
            f"trial_relapse_{arm}", (Quoted(title),), ("", "Estimate", "Unit"), (False, True, False), tuple(rows)
        )


def _quantity(results: Results, name: str) -> str:
    if name in QUANTITIES:
        return QUANTITIES[name]
    if name.startswith("loss_by_"):
        return f"Loss by what was left: {results.short(name.removeprefix('loss_by_'))}"
    monthly = name.endswith("_per_30_days")
    ends = name.removeprefix("change_").removesuffix("_per_30_days")
    visits = list(trial_facts(results).get("visits", ()))
    start = next((visit for visit in visits if ends.startswith(f"{visit}_")), "")
    end = ends.removeprefix(f"{start}_")
    told = f"Change, {word(results, start)} to {word(results, end)}"
    return f"{told}, a month" if monthly else told


def ways_by_arm(results: Results, ledger: Ledger) -> Iterator[Table]:
    """Total, mediated and direct effect of each arm on the last mediator and on the outcome, and every single way."""
    rows = []
    for placed in _rows(results, "mediation"):
        row = placed[1]
        way = str(row["way"])
        arm = capital(word(results, str(row["arm"]))) if isinstance(row["arm"], str) else "Every arm"
        name = _path(results, str(row["path"])) if way in ("path", "chain", "edge") else WAY_NAMES[way]
        rows.append(
            (
                Cell(arm),
                Cell(results.short(str(row["outcome"]))),
                Cell(f"{name} (whole chain)" if way == "chain" else name),
                _with_interval(ledger, "mediation", placed),
                text_cell(row["unit"]),
            )
        )
    heads = ("Arm", "On", "Way", "Effect", "Unit")
    caption = (
        "Arms against control given the first values of outcome and mediators, so that a total may differ from the "
        "contrast; Monte Carlo intervals; a single link is the same in every arm."
    )
    yield Table("trial_ways", (Words(caption),), heads, (False, False, False, True, False), tuple(rows), "")


WAY_NAMES = {"total": "all ways", "mediated": "by way of the mediators", "direct": "not by way of them"}


def _path(results: Results, path: str) -> str:
    visits = [str(visit) for visit in trial_facts(results).get("visits", ())]
    names = []
    for name in path.split("->"):
        visit = next((visit for visit in visits if name.endswith(f"_{visit}")), "")
        base = name.removesuffix(f"_{visit}") if visit else name
        names.append("arm" if name.startswith("arm_") else results.short(base))
    return " → ".join(names)


def hidden_cause(results: Results, ledger: Ledger) -> Iterator[Table]:
    """The last link, and the chain with it, if the residuals of its ends correlated."""
    rows = [
        (
            Cell(capital(word(results, str(row["arm"])))),
            _number(ledger, "mediator_rho", (place, row), "rho"),
            _number(ledger, "mediator_rho", (place, row), "slope"),
            _number(ledger, "mediator_rho", (place, row), "chain"),
        )
        for place, row in _rows(results, "mediator_rho")
    ]
    heads = ("Arm", "Correlation", "Last link", "Whole chain")
    caption = "If a hidden cause joined the last mediator and the outcome: the last link at each error correlation."
    yield _table("trial_hidden_cause", caption, heads, 1, rows)


ASSUMPTIONS = {
    "likelihood_with_auxiliaries": "Likelihood, other outcomes beside",
    "imputed": "Imputed at random",
    "jump_to_reference": "Follow control after leaving",
}


def unseen_visits(results: Results, ledger: Ledger) -> Iterator[Table]:
    """The outcome of response under each assumption about visits nobody saw, and where each finding tips."""
    outcome = _response(results)

    def cells(whens: dict[str, list[Placed]]) -> Shown:
        shown: Shown = {}
        for rows in whens.values():
            for placed in rows:
                label = _assumption(ledger, placed)
                shown.setdefault(label, []).append(_with_interval(ledger, "unseen_visits", placed))
        contrast = next(iter(whens.values()))[0][1]["contrast"]
        shown["A finding is lost at a shift of"] = [
            _tip(ledger, _rows(results, "tipping", outcome=outcome, contrast=contrast, when=when)) for when in whens
        ]
        return shown

    rows = _rows(results, "unseen_visits", outcome=outcome)
    return _each_contrast(results, "trial_unseen", rows, f", {results.short(outcome)}", cells)


def _assumption(ledger: Ledger, placed: Placed) -> str:
    name = str(placed[1]["assumption"])
    if name != "delta":
        return ASSUMPTIONS.get(name, plain_name(name))
    return f"Treated arms worse by {ledger[_key('unseen_visits', placed, 'delta')].text}"


def _tip(ledger: Ledger, tips: list[Placed]) -> Cell:
    """Where a finding is lost; a dash where there was none."""
    if tips and math.isinf(tips[0][1]["delta"]):
        return Cell("never")
    return Cell("–") if not tips else _number(ledger, "tipping", tips[0], "delta")


def lags_by_pair(results: Results, ledger: Ledger) -> Iterator[Table]:
    """Lags both ways between neighbours, their difference, and whether they are equal over visits."""
    rows = []
    pairs = dict.fromkeys((str(row["x"]), str(row["y"])) for _, row in _rows(results, "lags"))
    for x, y in pairs:
        found = {str(row["effect"]): (place, row) for place, row in _rows(results, "lags", x=x, y=y)}
        equal = _rows(results, "equal_lags", x=x, y=y)
        for prefix, within in (("", "between and within people"), ("within_", "within people")):
            if f"{prefix}dir" not in found:
                continue
            lags = [_standardised(ledger, found[f"{prefix}{name}"]) for name in ("x2", "x1", "dir")]
            days = _number(ledger, "lags", found[f"{prefix}dir"], "lag_days")
            same = _number(ledger, "equal_lags", equal[0], "p_value") if equal and not prefix else Cell("–")
            rows.append((Cell(f"{results.short(x)}, {results.short(y)}"), Cell(within), *lags, days, same))
    heads = ("Pair", "Read", "First on second", "Second on first", "Difference", "Days apart", "Equal over visits, p")
    caption = (
        "Each on the other one visit later, standardised within the visit. A small p means that lags and stabilities "
        "differ from one pair of visits to the next."
    )
    yield _table("trial_lags", caption, heads, 2, rows)


def _standardised(ledger: Ledger, placed: Placed) -> Cell:
    key = {name: _key("lags", placed, name) for name in ("standardised", "standardised_low", "standardised_high")}
    limits = interval_cell(ledger, key["standardised_low"], key["standardised_high"])
    value = ledger[key["standardised"]]
    return Cell(f"{value.text} {limits.text}", value.key, str(value.value))


Maker = Callable[[Results, Ledger], Iterator[Table]]
SHELVES: tuple[tuple[str, tuple[tuple[str, Maker], ...]], ...] = (
    (
        "consort",
        (
            ("Flow of people, from the file to each analysis", flow_by_arm),
            ("Before treatment, by arm", baseline_by_arm),
        ),
    ),
    ("trajectories", ()),
    (
        "contrasts",
        (
            ("Every contrast", contrasts_by_visit),
            ("What each treatment adds", what_each_adds),
            ("The same by other methods", contrasts_by_method),
        ),
    ),
    (
        "",
        (
            ("Who improved enough to matter", responders),
            ("Whether it lasted: everybody first, then those who had improved", relapse_by_arm),
        ),
    ),
    ("ways", (("Every way", ways_by_arm), ("If a hidden cause joined mediator and outcome", hidden_cause))),
    ("", (("If visits nobody saw were otherwise", unseen_visits), ("What came before what", lags_by_pair))),
)
"""Figures in reading order, each with the tables below it; "" where only tables stand."""
