"""Tables as readers see them: cells from the ledger, names for people, in body order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kinechain.checklists import Answer, Checklist
from kinechain.document import Cell, Prose, Quoted, Table, Words
from kinechain.entries import effect_key
from kinechain.figures.style import VERDICTS, verdict_text
from kinechain.ledger import Ledger
from kinechain.results import Results, arrows, lowered, model_title, path_name, rests_on_several
from kinechain.rounding import decimal_text, is_number
from kinechain.tables import flow_table, missingness_table
from kinechain.trial_words import MODEL, effect_words

KINDS = {
    "path": "path",
    "defined": "defined",
    "total": "total",
    "direct": "direct",
    "indirect": "one way through",
    "total_indirect": "all ways through",
    "covariance": "covariance",
    "variance": "variance",
    "intercept": "intercept",
}


def number_cell(ledger: Ledger, key: str) -> Cell:
    """A number from the ledger as a cell; a dash when the ledger has none."""
    if key not in ledger:
        return Cell("–")
    entry = ledger[key]
    return Cell(entry.text, key, "" if entry.value is None else str(entry.value))


def interval_cell(ledger: Ledger, low: str, high: str) -> Cell:
    """An interval as one cell that sorts by its lower end."""
    if low not in ledger or ledger[low].value is None:
        return Cell("–")
    return Cell(f"[{ledger[low].text}, {ledger[high].text}]", low, str(ledger[low].value))


def text_cell(value: Any) -> Cell:
    """Text from config or data; a dash when there is none."""
    text = "" if value is None or (isinstance(value, float) and value != value) else str(value)  # noqa: PLR0124 -- not-a-number
    return Cell(text or "–")


def effect_name(results: Results, effect: str) -> str:
    """An effect's name for people: codes become labels, and the way is told with arrows."""
    kind, _, rest = effect.partition(":")
    if rest and "->" in rest:
        way = arrows(*(_short(results, code) for code in rest.split("->")))
        return way if kind in ("indirect", "path") else f"{way}, {KINDS.get(kind, kind)}"
    if "~~" in effect:
        left, right = effect.split("~~")
        return f"{_short(results, left)} ↔ {_short(results, right)}"
    if "~" in effect:
        outcome, cause = effect.split("~")
        return arrows(_short(results, cause), _short(results, outcome))
    return effect_words(results, effect) or effect


def _short(results: Results, code: str) -> str:
    """A variable in a word or two; a measure that stands for no construct by its label."""
    if code in results.constructs:
        return results.short(code)
    return lowered(results.measures[code]) if code in results.measures else results.short(code)


def words_for_codes(results: Results) -> Callable[[str], str]:
    """A function that puts words in the place of the codes in a sentence: effects, models, constructs, measures.

    A code that is a word of its own label, such as `age`, stays: it reads as the word it is.
    """
    names = {
        str(effect): effect_name(results, str(effect))
        for effect in results.effects["effect"].unique()
        if "~" in str(effect) or "->" in str(effect)
    }
    of_trial = results.effects_of(MODEL)["effect"] if MODEL in results.fits else ()
    names |= {str(effect): told for effect in of_trial if (told := effect_words(results, str(effect)))}
    names |= {model: f"“{model_title(results, model)}”" for model in results.models}
    for code in (*results.constructs, *results.measures):
        label = lowered(results.label(code) if code in results.constructs else results.measures[code])
        if code not in re.findall(r"\w+", label):
            names[code] = label
    choices = "|".join(re.escape(code) for code in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w~:>-])(?:{choices})(?![\w~>-]|:\w)")
    return lambda text: pattern.sub(lambda found: names[found[0]], text) if names else text


def effects_display(
    results: Results,
    ledger: Ledger,
    model: str,
    *,
    kinds: tuple[str, ...],
    name: str,
    caption: str,
    of_chain: bool | None = None,
) -> Table:
    """Effects of one model and of some kinds: raw and standardised, each with its interval.

    of_chain  keep only paths between constructs of the chain, or only the others; None keeps all
    """
    between = {path_name(x, y) for x in results.chain for y in results.chain}
    rows = []
    for row in results.effects_of(model).to_dict("records"):
        if row["kind"] not in kinds or (of_chain is not None and (str(row["effect"]) in between) != of_chain):
            continue
        key = {
            what: effect_key(model, str(row["effect"]), what)
            for what in (
                "estimate",
                "low",
                "high",
                "p_value",
                "standardised",
                "standardised_low",
                "standardised_high",
                "n",
            )
        }
        rows.append(
            (
                Cell(effect_name(results, str(row["effect"]))),
                Cell(KINDS.get(str(row["kind"]), str(row["kind"]))),
                number_cell(ledger, key["standardised"]),
                interval_cell(ledger, key["standardised_low"], key["standardised_high"]),
                number_cell(ledger, key["estimate"]),
                interval_cell(ledger, key["low"], key["high"]),
                number_cell(ledger, key["p_value"]),
                number_cell(ledger, key["n"]),
            )
        )
    heads: tuple[str, ...] = ("Effect", "Kind", "Standardised", "Interval", "In own units", "Interval", "p", "n")
    numeric: tuple[bool, ...] = (False, False, True, True, True, True, True, True)
    body: list[tuple[Cell, ...]] = [*rows]
    if len(kinds) == 1:  # one kind needs no column that says so
        heads, numeric = (heads[0], *heads[2:]), (numeric[0], *numeric[2:])
        body = [(row[0], *row[2:]) for row in rows]
    return Table(name, (Words(caption),), heads, numeric, tuple(body), "tables/effects.csv")


def links_display(results: Results, ledger: Ledger) -> Table:
    """Each link of the chain in every model that has it: what the estimate owes to the model."""
    rows = []
    for x, y in results.edges:
        effect = path_name(x, y)
        for model in results.fits:
            key = {
                what: effect_key(model, effect, what)
                for what in ("standardised", "standardised_low", "standardised_high", "n")
            }
            if key["standardised"] in ledger:
                rows.append(
                    (
                        Cell(effect_name(results, effect)),
                        Cell(model_title(results, model)),
                        number_cell(ledger, key["standardised"]),
                        interval_cell(ledger, key["standardised_low"], key["standardised_high"]),
                        number_cell(ledger, key["n"]),
                    )
                )
    caption = (Words("The same link in every model that has it, standardised."),)
    heads = ("Link", "Model", "Standardised", "Interval", "n")
    return Table("links", caption, heads, (False, False, True, True, True), tuple(rows), "tables/effects.csv")


def fit_display(results: Results, ledger: Ledger) -> Table:
    """Fit of every model."""
    columns = ("n", "npar", "df", "chisq", "pvalue", "cfi", "tli", "rmsea", "srmr", "bic")
    rows = []
    fits = {model: fit for model, fit in results.fits.items() if results.models.get(model)}
    status = {model: str(fit.get("status", "")).lower().replace("_", " ") for model, fit in fits.items()}
    all_converged = set(status.values()) <= {"converged"}
    for model in fits:
        cells = [Cell(model_title(results, model)), *(() if all_converged else (Cell(status[model]),))]
        for what in columns:
            cell = number_cell(ledger, f"fit/{model}/{what}")
            if (
                what == "rmsea"
                and f"fit/{model}/rmsea_ci_lower" in ledger
                and ledger[f"fit/{model}/rmsea_ci_lower"].value is not None
            ):
                low, high = ledger[f"fit/{model}/rmsea_ci_lower"].text, ledger[f"fit/{model}/rmsea_ci_upper"].text
                cell = Cell(f"{cell.text} [{low}, {high}]", cell.key, cell.sort)
            cells.append(cell)
        rows.append(tuple(cells))
    first = ("Model",) if all_converged else ("Model", "Status")
    heads = (*first, "n", "Free", "df", "χ²", "p", "CFI", "TLI", "RMSEA", "SRMR", "BIC")
    caption = (
        Words(
            f"Global fit{'; every model converged' if all_converged and rows else ''}. Compare BIC only between models "
            "of the same variables; a model with no degrees of freedom fits perfectly by construction."
        ),
    )
    numeric = (*(False for _ in first), *(True,) * len(columns))
    return Table("fit", caption, heads, numeric, tuple(rows), "tables/fit.csv")


def claims_display(results: Results, ledger: Ledger, kinds: tuple[str, ...], name: str, caption: Prose) -> Table:
    """Verdicts on claims of some kinds that this cohort can judge, in the order of the ledger of claims."""
    rows = []
    for claim in results.claims:
        if str(claim.get("kind", "causal")) not in kinds or claim["verdict"] == "not_testable":
            continue
        code = str(claim["claim"])
        verdict = str(claim["verdict"])
        rows.append(
            (
                Cell(code, target=f"#claim-{code}"),
                text_cell(claim.get("gist")),
                Cell(
                    verdict_words(claim),
                    mark=f"{verdict}{' hollow' if is_hollow(claim) else ''}",
                    sort=str(list(VERDICTS).index(verdict)),
                ),
                text_cell(claim.get("tier")),
                number_cell(ledger, f"claims/{code}/estimate"),
                interval_cell(ledger, f"claims/{code}/low", f"claims/{code}/high"),
                text_cell(str(claim.get("unit") or "").removeprefix("change, ").replace(" ", "\N{NO-BREAK SPACE}")),
                bound_cell(claim, ledger),
                number_cell(ledger, f"claims/{code}/n"),
            )
        )
    heads = ("Claim", "What is claimed", "Verdict", "Tier", "Estimate", "Interval", "Unit", "Bound", "n")
    numeric = (False, False, False, False, True, True, False, True, True)
    return Table(name, caption, heads, numeric, tuple(rows), "tables/claims.csv")


def bound_cell(claim: Mapping[str, Any], ledger: Ledger) -> Cell:
    """The smallest effect of interest, and what it is a bound of where that is not the estimate beside it."""
    cell = number_cell(ledger, f"claims/{claim['claim']}/sesoi")
    of = str(claim.get("sesoi_unit") or "").partition(", ")[2]
    return replace(cell, text=f"{cell.text}, {of}") if of and cell.key else cell


def is_hollow(claim: Mapping[str, Any]) -> bool:
    """Whether a supported claim does not survive the correction for many claims."""
    survives = claim.get("survives_multiplicity")
    return claim.get("verdict") == "supported" and survives is not None and not bool(survives)


def verdict_words(claim: Mapping[str, Any]) -> str:
    """A verdict in words, saying so when it does not survive the correction."""
    words = verdict_text(str(claim["verdict"]), str(claim.get("kind", "")))
    words += ", not after correction" if is_hollow(claim) else ""
    return f"{words}; rests on several effects" if rests_on_several(claim) else words


def flow_display(results: Results, ledger: Ledger) -> Table:
    """From the file to the analysis."""
    rows = []
    for place, row in enumerate(flow_table(results).to_dict("records")):
        removed, left = number_cell(ledger, f"flow/{place}/removed"), number_cell(ledger, f"flow/{place}/left")
        rows.append((text_cell(row["reason"]), removed, left, text_cell(row["unit"])))
    main = results.main_model
    if main and ledger["flow/analysed"].value is not None:
        dropped = number_cell(ledger, f"fit/{main}/n_dropped")
        rows.append(
            (
                Cell(f"used by the model “{model_title(results, main)}”"),
                dropped,
                number_cell(ledger, "flow/analysed"),
                Cell("people"),
            )
        )
    caption = (Words("From the file to the main model: what each step took away and left."),)
    return Table(
        "flow",
        caption,
        ("Step", "Left out", "Left", "Unit"),
        (False, True, True, False),
        tuple(rows),
        "tables/flow.csv",
    )


def codebook_display(results: Results, ledger: Ledger) -> Table:
    """What each measure is and how many people have it."""
    rows = []
    for row in results.quality.get("codebook", ()):
        name = str(row["measure"])
        construct = str(row.get("construct") or "")
        orientation = float(row["orientation"]) if is_number(row.get("orientation")) else 0.0
        direction = "as it is" if orientation == 0 else "higher is more" if orientation > 0 else "higher is less"
        rows.append(
            (
                text_cell(row.get("label") or name),
                text_cell(results.label(construct) if construct else ""),
                Cell(direction),
                text_cell(row.get("unit")),
                text_cell(str(row.get("convention") or "").replace("_", " ")),
                number_cell(ledger, f"codebook/{name}/n"),
                number_cell(ledger, f"codebook/{name}/missing"),
                number_cell(ledger, f"codebook/{name}/mean"),
                number_cell(ledger, f"codebook/{name}/sd"),
                text_cell(_reliability(row)),
            )
        )
    heads = ("Measure", "Stands for", "Direction", "Unit", "Convention", "n", "Missing", "Mean", "SD", "Reliability")
    numeric = (False, False, False, False, False, True, True, True, True, False)
    caption = (
        Words(
            "Measures in their clinical direction and unit. Models use orientation times value, so "
            "that higher is always more of the problem."
        ),
    )
    return Table("codebook", caption, heads, numeric, tuple(rows), "tables/codebook.csv")


def _reliability(row: Mapping[str, Any]) -> str:
    """Reliability with its interval, error and source, as far as they are known."""
    if not is_number(row.get("reliability")):
        return ""
    told = decimal_text(row["reliability"], 2)
    if is_number(row.get("reliability_low")) and is_number(row.get("reliability_high")):
        told += f" ({decimal_text(row['reliability_low'], 2)} to {decimal_text(row['reliability_high'], 2)})"
    unit = str(row.get("unit") or "")
    if is_number(row.get("sem")):
        told += f", SEM {decimal_text(row['sem'], 1)} {unit}"
    if is_number(row.get("bias")):
        bias, low, high = (decimal_text(number, 1) for number in (row["bias"], *row["limits"]))
        told += f", second less first {bias} ({low} to {high})"
    return f"{told}; {row.get('source') or 'no source'}"


def who_display(results: Results, ledger: Ledger) -> Table:
    """In what people without a value of a variable differ from those who have it."""
    rows = tuple(
        (
            text_cell(results.label(str(row["missing"]))),
            text_cell(results.label(str(row["variable"]))),
            number_cell(ledger, f"missing/who/{row['missing']}/{row['variable']}"),
        )
        for row in (results.quality.get("missingness") or {}).get("who") or ()
    )
    caption = (
        Words(
            "Who is missing: mean of those without a value less that of those with one, in pooled standard deviations; "
            "only between groups large enough to be told."
        ),
    )
    return Table("who", caption, ("Missing", "Differ in", "By"), (False, False, True), rows)


def missing_display(results: Results, ledger: Ledger) -> Table:
    """Missing values by variable."""
    labels = {row["measure"]: row.get("label") for row in results.quality.get("codebook", ())}
    rows = []
    for row in missingness_table(results).to_dict("records"):
        if row["kind"] != "variable" or (is_number(row["count"]) and row["count"] == 0):
            continue
        name = str(row["missing"])
        rows.append(
            (text_cell(labels.get(name) or results.label(name)), number_cell(ledger, f"missing/variable/{name}"))
        )
    caption = (Words("People without a value, by variable; variables that nobody lacks are left out."),)
    return Table("missingness", caption, ("Variable", "Missing"), (False, True), tuple(rows), "tables/missingness.csv")


def findings_display(results: Results, ledger: Ledger, *, notes: bool) -> Table:
    """Doubts about the data; or, with `notes`, what was merely noted."""
    labels = {str(row["measure"]): row.get("label") for row in results.quality.get("codebook", ())}
    few = f"fewer than {results.quality.get('threshold', '')}"
    rows = []
    for row in results.quality.get("findings", ()):
        if (str(row["level"]) == "note") != notes:
            continue
        key = f"findings/{row['measure']}/{row['what']}"
        counted = few if row.get("masked") else str(row["count"])  # has a column of its own
        rows.append(
            (
                text_cell("" if notes else row["level"]),
                text_cell(labels.get(str(row["measure"])) or row["measure"]),
                text_cell(str(row["what"]).removeprefix(f"{counted} ")),
                text_cell(few) if row.get("masked") else number_cell(ledger, key),
                text_cell(row.get("remedy")),
            )
        )
    found = "What was noted on the way from the file to the values" if notes else "What the checks of the data doubt"
    caption = (Words(f"{found}. Nothing was repaired in silence."),)
    return filled(
        Table(
            "notes" if notes else "findings",
            caption,
            ("Level", "Measure", "What", "Count", "Remedy"),
            (False, False, False, True, False),
            tuple(rows),
        )
    )


def filled(table: Table) -> Table:
    """The table without the columns in which no row says anything."""
    kept = [place for place in range(len(table.heads)) if any(row[place].text != "–" for row in table.rows)]
    return replace(
        table,
        heads=tuple(table.heads[place] for place in kept),
        numeric=tuple(table.numeric[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in table.rows),
    )


SECTIONS = {"limits": "Limitations"}
"""Sections whose title is not their anchor."""
ITEM_MARKS = {"reported": "supported", "partly": "inconclusive", "not reported": "not_testable"}


def checklist_display(checklist: Checklist, answers: tuple[Answer, ...]) -> Table:
    """Every item of a guideline: status, where its evidence stands, and what would fill it."""
    rows = tuple(
        (
            Cell(answer.item.number, sort=answer.item.number),
            Cell(answer.item.topic),
            Cell(answer.status, mark=ITEM_MARKS[answer.status]),
            Cell(
                ", ".join(SECTIONS.get(it, it.capitalize()) for it in answer.anchors) or "–",
                target=f"#{answer.anchors[0]}" if answer.anchors else "",
            ),
            text_cell(answer.statement),
            text_cell(answer.missing),
        )
        for answer in answers
    )
    heads = ("Item", "Topic", "Status", "Evidence", "In the authors' words", "To fill it")
    caption = (Quoted(checklist.title), Words(": what is reported, where, and what is asked for."))
    name = f"checklist_{checklist.name.lower().replace('-', '_')}"
    return filled(Table(name, caption, heads, (True, *(False,) * 5), rows))


def ledger_display(ledger: Ledger, keys: tuple[str, ...]) -> Table:
    """The numbers that the text prints, each with its key, rule, inputs and seed."""
    rows = []
    for key in keys:
        entry = ledger[key]
        rows.append(
            (
                Cell(key),
                Cell(entry.text, key),
                text_cell(entry.value),
                text_cell(entry.error),
                Cell(entry.rule),
                text_cell(", ".join(entry.inputs)),
                text_cell(entry.seed),
            )
        )
    heads = ("Key", "Printed", "Value", "Error", "Rule", "Inputs", "Seed")
    return Table(
        "ledger",
        (Words("Every number in the sentences above, and where it comes from."),),
        heads,
        (False, True, True, True, False, False, True),
        tuple(rows),
        "ledger.json",
    )
