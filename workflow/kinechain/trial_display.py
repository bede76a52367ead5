"""The tables of a trial on the page: people, contrasts, responses, relapse, ways, unseen visits, lags."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from kinechain.display import interval_cell, number_cell, text_cell
from kinechain.document import Cell, Quoted, Table, Words
from kinechain.entries import table_file
from kinechain.figures.style import Row, records
from kinechain.ledger import Ledger
from kinechain.results import Results, arrows, plain_name
from kinechain.rounding import is_number
from kinechain.tables import flow_table
from kinechain.trial_cells import (
    Placed,
    ledger_key,
    placed_number,
    rows_of,
    shown_contrast,
    with_interval,
)
from kinechain.trial_words import capital, trial_facts, when_name, word


def _table(
    name: str, caption: str, heads: tuple[str, ...], words: int, rows: Sequence[tuple[Cell, ...]], of: str
) -> Table:
    """A table whose first `words` columns are words.

    of  table of the analysis that its numbers come from
    """
    numeric = tuple(place >= words for place in range(len(heads)))
    return Table(name, (Words(caption),), heads, numeric, tuple(rows), table_file(of))


def _arms(results: Results, name: str) -> list[str]:
    return list(dict.fromkeys(str(row["arm"]) for _, row in rows_of(results, name)))


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
    steps = dict.fromkeys((str(row["step"]), _at(row)) for _, row in rows_of(results, "flow"))
    for step, at in steps:
        if step in ("missed", "left") and at == _at(rows_of(results, "flow", step="attended")[0][1]):
            continue
        name = STEPS.get(step, step).format(at=word(results, at), outcome=results.short(at))
        counts = [
            _count(ledger, placed)
            for arm in arms
            for placed in rows_of(results, "flow", arm=arm, step=step)
            if _at(placed[1]) == at
        ]
        rows.append((Cell(name), dash, *counts))
    rows = _folded(rows)
    heads = ("Step", "All", *(capital(word(results, arm)) for arm in arms))
    yield _table(
        "trial_flow", "From the file to each analysis; counts of few people are masked.", heads, 1, rows, "flow"
    )


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
    return placed_number(ledger, "flow", placed, "count")


def baseline_by_arm(results: Results, ledger: Ledger) -> Iterator[Table]:
    """People before treatment, a column an arm: mean and SD, or share. Arms were dealt at random: nothing is tested."""
    arms = _arms(results, "baseline")
    labels = {str(row["measure"]): str(row["label"]) for row in results.quality.get("codebook", ())}
    rows = []
    for variable in dict.fromkeys(str(row["variable"]) for _, row in rows_of(results, "baseline")):
        cells = []
        for arm in arms:
            for placed in rows_of(results, "baseline", variable=variable, arm=arm):
                value = ledger[ledger_key("baseline", placed, "mean")]
                gone = ledger[ledger_key("baseline", placed, "missing")]
                spread = ledger_key("baseline", placed, "sd")
                text = value.text if not is_number(placed[1]["sd"]) else f"{value.text} ({ledger[spread].text})"
                lacks = placed[1].get("masked") or (is_number(placed[1]["missing"]) and placed[1]["missing"] > 0)
                text += f"; {'few' if placed[1].get('masked') else gone.text} missing" if lacks else ""
                cells.append(Cell(text, value.key, str(value.value)))
        unit = next((str(row["unit"]) for _, row in rows_of(results, "baseline", variable=variable)), "")
        name = labels.get(variable, results.label(variable))
        rows.append((Cell(name), text_cell(unit if unit not in ("", "nan") else "–"), *cells))
    heads = ("Measure", "Unit", *(capital(word(results, arm)) for arm in arms))
    caption = "Before treatment: mean (SD), or share. Arms were dealt at random, so that nothing is tested here."
    yield _table("trial_baseline", caption, heads, 2, rows, "baseline")


def _each_contrast(
    results: Results,
    name: str,
    of: str,
    rows: list[Placed],
    caption: str,
    cells: Callable[[dict[str, list[Placed]]], Shown],
) -> Iterator[Table]:
    """A table a contrast: a column a visit (or the change after treatment), rows as `cells` gives them.

    of  table of the analysis that the rows stand in
    """
    for contrast in dict.fromkeys(str(row["contrast"]) for _, row in rows):
        mine = [placed for placed in rows if placed[1]["contrast"] == contrast]
        whens: dict[str, list[Placed]] = {}
        for placed in mine:
            whens.setdefault(str(placed[1]["when"]), []).append(placed)
        heads = ("", *(capital(when_name(results, when)) for when in whens))
        title = f"{capital(shown_contrast(mine[0][1], results))}{caption}."
        body = [(Cell(label), *found) for label, found in cells(whens).items()]
        numeric = (False, *[True] * len(whens))
        yield Table(f"{name}_{contrast}", (Quoted(title),), heads, numeric, tuple(body), table_file(of))


Shown = dict[str, list[Cell]]


def contrasts_by_visit(results: Results, ledger: Ledger) -> Iterator[Table]:
    """Every contrast of the declared analysis, a row an outcome."""

    def cells(whens: dict[str, list[Placed]]) -> Shown:
        shown: Shown = {}
        for rows in whens.values():
            for placed in rows:
                label = f"{results.short(str(placed[1]['outcome']))}, {placed[1]['unit']}"
                shown.setdefault(label, []).append(with_interval(ledger, "contrasts", placed))
        return shown

    rows = rows_of(results, "contrasts", method="constrained")
    return _each_contrast(results, "trial_contrast", "contrasts", rows, "", cells)


FACTORS = {"interaction": "Together, beyond the sum of both"}


def what_each_adds(results: Results, ledger: Ledger) -> Iterator[Table]:
    """Main effects and interaction of a trial with all four cells, a table an effect, a row an outcome."""
    names = dict(zip(("first", "second"), trial_facts(results).get("factors", ()), strict=False))
    rows = rows_of(results, "factorial")
    for effect in dict.fromkeys(str(row["effect"]) for _, row in rows):
        by: dict[str, list[Cell]] = {}
        whens: dict[str, None] = {}
        for placed in rows:
            if placed[1]["effect"] == effect:
                whens[str(placed[1]["when"])] = None
                label = f"{results.short(str(placed[1]['outcome']))}, {placed[1]['unit']}"
                by.setdefault(label, []).append(with_interval(ledger, "factorial", placed))
        title = FACTORS.get(effect) or f"With {word(results, names.get(effect, effect))}, less without it"
        heads = ("", *(capital(when_name(results, when)) for when in whens))
        body = tuple((Cell(label), *cells) for label, cells in by.items())
        numeric = (False, *[True] * len(whens))
        yield Table(f"trial_factor_{effect}", (Quoted(f"{title}."),), heads, numeric, body, table_file("factorial"))


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
                with_interval(ledger, "contrasts", _one(rows, method=method)) for rows in whens.values()
            ]
            for method in dict.fromkeys(str(row["method"]) for rows in whens.values() for _, row in rows)
        }

    rows = rows_of(results, "contrasts", outcome=outcome)
    return _each_contrast(results, "trial_method", "contrasts", rows, f", {results.short(outcome)}", cells)


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
            label: [placed_number(ledger, "responders", placed, column) if placed else Cell("–") for placed in first]
            for label, column in (("Improved, arms named first", "share_arm"), ("The others", "share_against"))
        }
        for method, label in RESPONSES.items():
            shown[label] = [
                with_interval(ledger, "responders", _one(rows, method=method), "difference") for rows in whens.values()
            ]
        return shown

    return _each_contrast(results, "trial_response", "responders", rows_of(results, "responders"), "", cells)


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
                with_interval(ledger, "relapse", (place, row)),
                Cell("" if row["unit"] == "share" else str(row["unit"])),
            )
            for place, row in rows_of(results, "relapse", arm=arm)
        ]
        title = f"{capital(word(results, arm))}."
        heads, numeric = ("", "Estimate", "Unit"), (False, True, False)
        yield Table(f"trial_relapse_{arm}", (Quoted(title),), heads, numeric, tuple(rows), table_file("relapse"))


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
    for placed in rows_of(results, "mediation"):
        row = placed[1]
        way = str(row["way"])
        arm = capital(word(results, str(row["arm"]))) if isinstance(row["arm"], str) else "Every arm"
        name = _path(results, str(row["path"])) if way in ("path", "chain", "edge") else WAY_NAMES[way]
        rows.append(
            (
                Cell(arm),
                Cell(results.short(str(row["outcome"]))),
                Cell(f"{name} (whole chain)" if way == "chain" else name),
                with_interval(ledger, "mediation", placed),
                text_cell(row["unit"]),
            )
        )
    heads = ("Arm", "On", "Way", "Effect", "Unit")
    caption = (
        "Arms against control given the first values of outcome and mediators, so that a total may differ from the "
        "contrast; Monte Carlo intervals; a single link is the same in every arm."
    )
    numeric = (False, False, False, True, False)
    yield Table("trial_ways", (Words(caption),), heads, numeric, tuple(rows), table_file("mediation"))


WAY_NAMES = {"total": "all ways", "mediated": "by way of the mediators", "direct": "not by way of them"}


def _path(results: Results, path: str) -> str:
    visits = [str(visit) for visit in trial_facts(results).get("visits", ())]
    names = []
    for name in path.split("->"):
        visit = next((visit for visit in visits if name.endswith(f"_{visit}")), "")
        base = name.removesuffix(f"_{visit}") if visit else name
        names.append("arm" if name.startswith("arm_") else results.short(base))
    return arrows(*names)


def hidden_cause(results: Results, ledger: Ledger) -> Iterator[Table]:
    """The last link, and the chain with it, if the residuals of its ends correlated."""
    rows = [
        (
            Cell(capital(word(results, str(row["arm"])))),
            placed_number(ledger, "mediator_rho", (place, row), "rho"),
            placed_number(ledger, "mediator_rho", (place, row), "slope"),
            placed_number(ledger, "mediator_rho", (place, row), "chain"),
        )
        for place, row in rows_of(results, "mediator_rho")
    ]
    heads = ("Arm", "Correlation", "Last link", "Whole chain")
    caption = "If a hidden cause joined the last mediator and the outcome: the last link at each error correlation."
    yield _table("trial_hidden_cause", caption, heads, 1, rows, "mediator_rho")


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
                shown.setdefault(label, []).append(with_interval(ledger, "unseen_visits", placed))
        contrast = next(iter(whens.values()))[0][1]["contrast"]
        shown["A finding is lost at a shift of"] = [
            _tip(ledger, rows_of(results, "tipping", outcome=outcome, contrast=contrast, when=when)) for when in whens
        ]
        return shown

    rows = rows_of(results, "unseen_visits", outcome=outcome)
    return _each_contrast(results, "trial_unseen", "unseen_visits", rows, f", {results.short(outcome)}", cells)


def _assumption(ledger: Ledger, placed: Placed) -> str:
    name = str(placed[1]["assumption"])
    if name != "delta":
        return ASSUMPTIONS.get(name, plain_name(name))
    return f"Treated arms worse by {ledger[ledger_key('unseen_visits', placed, 'delta')].text}"


def _tip(ledger: Ledger, tips: list[Placed]) -> Cell:
    """Where a finding is lost; a dash where there was none."""
    if tips and math.isinf(tips[0][1]["delta"]):
        return Cell("never")
    return Cell("–") if not tips else placed_number(ledger, "tipping", tips[0], "delta")


def lags_by_pair(results: Results, ledger: Ledger) -> Iterator[Table]:
    """Lags both ways between neighbours, their difference, and whether they are equal over visits."""
    rows = []
    pairs = dict.fromkeys((str(row["x"]), str(row["y"])) for _, row in rows_of(results, "lags"))
    for x, y in pairs:
        found = {str(row["effect"]): (place, row) for place, row in rows_of(results, "lags", x=x, y=y)}
        equal = rows_of(results, "equal_lags", x=x, y=y)
        for prefix, within in (("", "between and within people"), ("within_", "within people")):
            if f"{prefix}dir" not in found:
                continue
            lags = [_standardised(ledger, found[f"{prefix}{name}"]) for name in ("x2", "x1", "dir")]
            days = placed_number(ledger, "lags", found[f"{prefix}dir"], "lag_days")
            same = placed_number(ledger, "equal_lags", equal[0], "p_value") if equal and not prefix else Cell("–")
            fit = placed_number(ledger, "lags", found[f"{prefix}dir"], "rmsea")
            rows.append((Cell(f"{results.short(x)}, {results.short(y)}"), Cell(within), *lags, days, same, fit))
    lags_heads = ("First on second", "Second on first", "Difference")
    heads = ("Pair", "Read", *lags_heads, "Days apart", "Equal over visits, p", "RMSEA")
    caption = (
        "Each on the other one visit later, standardised within the visit. A small p means that lags and stabilities "
        "differ from one pair of visits to the next."
    )
    yield _table("trial_lags", caption, heads, 2, rows, "lags")


def _standardised(ledger: Ledger, placed: Placed) -> Cell:
    key = {name: ledger_key("lags", placed, name) for name in ("standardised", "standardised_low", "standardised_high")}
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
            ("Every contrast at each visit, and its change after treatment", contrasts_by_visit),
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
