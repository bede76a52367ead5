"""What a trial found, in sentences: contrasts, margin, ways, relapse, unseen visits, lags, and what is absent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kinechain.document import Part, Prose, Quoted, Words
from kinechain.figures.style import Row
from kinechain.ledger import Ledger
from kinechain.results import Results
from kinechain.rounding import is_number
from kinechain.trial_cells import (
    Placed,
    interval_words,
    ledger_key,
    rows_of,
    shown_contrast,
)
from kinechain.trial_words import arms_in_words, capital, days_of_visits, trial_facts, when_name, word
from kinechain.words import listing, say


def _clear(row: Row) -> bool:
    return bool(row["low"] > 0 or row["high"] < 0)


def sentences(results: Results, ledger: Ledger) -> Iterator[Prose]:
    """What the trial shows, in words: visits, margins, ways, relapse, unseen visits, what came first."""
    yield from visit_sentences(results, ledger)
    yield from _of_noninferiority(results, ledger)
    yield from _of_ways(results, ledger)
    yield from _of_relapse(results, ledger)
    yield from _of_unseen(ledger)
    yield from _of_lags(results, ledger)
    yield from _of_absences(results, ledger)


def visit_sentences(results: Results, ledger: Ledger) -> Iterator[Prose]:
    """When people were seen, on which day; nothing where there is one visit."""
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
    rows = rows_of(results, "contrasts", contrast=found["contrast"], outcome=response["outcome"], method="constrained")
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
        contrast=Quoted(capital(shown_contrast(last[1], results))),
        outcome=Quoted(results.short(str(last[1]["outcome"]))),
        when=Quoted(when_name(results, str(last[1]["when"]))),
        value=interval_words(ledger, "contrasts", last),
        unit=Quoted(str(last[1]["unit"])),
        margin="trial/margin",
        shown=Words(shown),
    )


def _ways_of(results: Results) -> list[dict[str, Placed]]:
    """Total, mediated and direct way of each arm to the last outcome."""
    rows = rows_of(results, "mediation")
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


def _declared(results: Results, contrast: str, outcome: str) -> Placed | None:
    """The contrast that judges at the last visit, as the constrained model has it; None where it is not declared."""
    rows = rows_of(results, "contrasts", contrast=contrast, outcome=outcome, method="constrained")
    return next((placed for placed in reversed(rows) if placed[1]["when"] != "maintenance"), None)


def _mechanism(results: Results, mediated: Row) -> str:
    """What an effect that stands is called when the ways do not carry it; nothing when they do."""
    if _clear(mediated):
        return ""
    if _is_practically_zero(results, mediated):
        return "an effect without the mechanism; "
    return "an effect whose mechanism was not found; "


def _of_ways(results: Results, ledger: Ledger) -> Iterator[Prose]:
    """What each arm did by the contrast that judges, then what the model of the ways makes of it, each named."""
    for ways in _ways_of(results):
        total, mediated, direct = (ways[name] for name in ("total", "mediated", "direct"))
        row = total[1]
        declared = _declared(results, str(row["contrast"]), str(row["outcome"]))
        arm = Quoted(capital(word(results, str(row["arm"]))))
        outcome, unit = Quoted(results.short(str(row["outcome"]))), Quoted(str(row["unit"]))
        first: Prose = say(ledger, "{arm}, {outcome}:", arm=arm, outcome=outcome)
        if declared is not None:
            differs = _clear(declared[1])
            first = say(
                ledger,
                "{arm}: {how}at {when}, {outcome} {verb} {against}{by} {value} {unit}, by the declared contrast.",
                arm=arm,
                against=Quoted(arms_in_words(results, str(declared[1]["against"]))),
                how=Words(_mechanism(results, mediated[1]) if differs else ""),
                when=Quoted(when_name(results, str(declared[1]["when"]))),
                outcome=outcome,
                verb=Words("differed from" if differs else "did not clearly differ from"),
                by=Words(" by" if differs else ":"),
                value=interval_words(ledger, "contrasts", declared),
                unit=unit,
            )
        yield first + say(
            ledger,
            " The model of the ways, which adjusts for the first values of the mediators too, and for no other "
            "covariates, puts the total at {total} {unit}: {mediated} can be followed through the mediators{given}, "
            "and {direct} cannot.",
            total=interval_words(ledger, "mediation", total),
            unit=unit,
            mediated=interval_words(ledger, "mediation", mediated),
            given=Words(", if no hidden cause joins mediator and outcome" if _clear(mediated[1]) else ""),
            direct=interval_words(ledger, "mediation", direct),
        )
    links = rows_of(results, "mediation", way="edge")
    if links and not _clear(links[-1][1]):
        yield say(
            ledger,
            "The last link, from the last mediator to {outcome}, is not clear of zero: {value} {unit}.",
            outcome=Quoted(results.short(str(links[-1][1]["outcome"]))),
            value=interval_words(ledger, "mediation", links[-1]),
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
    rows = {str(row["quantity"]): (place, row) for place, row in rows_of(results, "relapse", arm=arm)}
    changes = [placed for name, placed in rows.items() if name.startswith("change_") and not name.endswith("_days")]
    share, luck = rows.get("relapse_share"), rows.get("luck_share")
    if len(changes) < 2 or share is None or not is_number(share[1]["estimate"]):
        return
    yield say(
        ledger,
        "{arm}, everybody: {outcome} changed by {first} {unit} during treatment and by {second} after it.",
        arm=Quoted(capital(word(results, arm))),
        outcome=Quoted(results.short(str(facts["relapse"]["outcome"]))),
        first=interval_words(ledger, "relapse", changes[0]),
        second=interval_words(ledger, "relapse", changes[1]),
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
        share=interval_words(ledger, "relapse", share),
        low="trial/often/low",
        high="trial/often/high",
    )
    if luck is not None and is_number(luck[1]["estimate"]):
        prose += say(
            ledger,
            " They were chosen after randomisation: by luck alone {luck} would seem to relapse.",
            luck=ledger_key("relapse", luck, "estimate"),
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
        "Visits nobody saw: of {all} contrasts, every outcome at each visit after the first and its change after "
        "treatment, {found} stand clear of zero. Of these, lost when the unseen values of the treated arms are made "
        "worse within the declared range: {delta}; when those who left are assumed to follow the control arm from "
        "then on: {reference}. No last value is carried forward: it would hide every relapse.",
        all="trial/contrasts",
        found="trial/found",
        delta="trial/overturned",
        reference="trial/lost_under_reference",
    )


def _of_lags(results: Results, ledger: Ledger) -> Iterator[Prose]:
    found = [
        placed for placed in rows_of(results, "lags", effect="dir") if is_number(placed[1].get("standardised_low"))
    ]
    if found:
        last = found[-1]
        leads = last[1]["standardised_low"] > 0
        trails = last[1]["standardised_high"] < 0
        x, y = (results.short(str(last[1][name])) for name in ("x", "y"))
        order = f"{x} led" if leads else f"{y} led" if trails else "neither can be said to have led"
        yield say(
            ledger,
            "What came first, {x} or {y}: the lag from {x} less the lag from {y} is {value} ({level} interval {low} to "
            "{high}), visits {days} days apart on average{fit}: {order}.",
            x=Quoted(x),
            y=Quoted(y),
            value=ledger_key("lags", last, "standardised"),
            level="study/level",
            low=ledger_key("lags", last, "standardised_low"),
            high=ledger_key("lags", last, "standardised_high"),
            days=ledger_key("lags", last, "lag_days"),
            fit=_misfit(results, ledger, last),
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


def _misfit(results: Results, ledger: Ledger, placed: Placed) -> Prose:
    """That the model of a lag fits badly, inside a sentence; nothing when it does not."""
    rmsea: Any = placed[1].get("rmsea")
    cut: Any = trial_facts(results).get("poor_rmsea")
    if not (is_number(rmsea) and is_number(cut) and float(rmsea) > float(cut)):
        return ()
    return say(ledger, ", in a model that fits badly (RMSEA {rmsea})", rmsea=ledger_key("lags", placed, "rmsea"))


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
