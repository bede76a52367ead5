"""Sentences from the ledger: what a cohort shows, in words its design allows.

`say` fills a sentence with numbers from the ledger and with quoted names; a digit of its own is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

from kinechain.document import Link, Number, Part, Prose, Quoted, Words
from kinechain.entries import claim_of_edge, effect_key
from kinechain.evidence.tier import TIERS, tier_of
from kinechain.figures.style import is_clear, records, unit_text
from kinechain.ledger import Ledger
from kinechain.results import DESIGN_WORDS, Results, lowered, model_title, path_name
from kinechain.rounding import is_number
from kinechain.tables import correlations_table


def say(ledger: Ledger, sentence: str, **parts: str | Part | Prose) -> Prose:
    """A sentence with its holes filled.

    sentence  the project's own words, with holes in braces; no digit may stand in it
    parts     a string is a ledger key; a part or a whole sentence stands as it is

    Raises NumberWithoutKeyError for a digit in the sentence and UnknownKeyError for a key the ledger does not hold.
    """
    out: list[Part] = []
    for text, hole, _, _ in Formatter().parse(sentence):
        if text:
            out.append(Words(text))
        if hole is None:
            continue
        filling = parts[hole]
        if isinstance(filling, str):
            out.append(Number(filling, ledger[filling].text))
        elif isinstance(filling, tuple):
            out.extend(filling)
        else:
            out.append(filling)
    return tuple(out)


def join(sentences: Iterable[Prose]) -> Prose:
    """Sentences one after the other."""
    out: list[Part] = []
    for sentence in sentences:
        if out and sentence:
            out.append(Words(" "))
        out.extend(sentence)
    return tuple(out)


def listing(items: Iterable[Part]) -> Prose:
    """Parts as a list in a sentence: a, b and c."""
    found = list(items)
    out: list[Part] = []
    for place, item in enumerate(found):
        if place:
            out.append(Words(" and " if place == len(found) - 1 else ", "))
        out.append(item)
    return tuple(out)


def tier_words(results: Results) -> str:
    """What each tier among the verdicts of a cohort lets a sentence say."""
    tiers = {str(claim.get("tier")) for claim in results.claims}
    return "; ".join(f"{name} {tier.phrase}" for name, tier in TIERS.items() if name in tiers)


def estimate_words(ledger: Ledger, model: str, effect: str, *, standardised: bool = True) -> Prose:
    """An estimate with its interval: value, level and both ends."""
    what = "standardised" if standardised else "estimate"
    low, high = ("standardised_low", "standardised_high") if standardised else ("low", "high")
    keys = {name: effect_key(model, effect, name) for name in (what, low, high)}
    if keys[low] not in ledger:
        return say(ledger, "{value}, without an interval", value=keys[what])
    return say(
        ledger,
        "{value} ({level} interval {low} to {high})",
        value=keys[what],
        level="study/level",
        low=keys[low],
        high=keys[high],
    )


def answer(results: Results, ledger: Ledger) -> tuple[Prose, Prose, Prose]:
    """What was asked, what this cohort shows, how far it may be trusted: three sentences."""
    return asked(results, ledger), shown(results, ledger), trusted(results, ledger)


def aim(results: Results, ledger: Ledger) -> Prose | None:
    """What the study set out to do, in its authors' words; None where config does not say it."""
    objective = str((results.study.get("study") or {}).get("objective") or "").strip()
    if not objective:
        return None
    return say(ledger, "The study's aim, in its authors' words: {aim}", aim=Quoted(objective))


def asked(results: Results, ledger: Ledger) -> Prose:
    """First sentence: the question, put to whom."""
    design = Quoted(DESIGN_WORDS[results.cohort.design])
    start = "Whether a chain runs from {first} to {last} was asked of {design}"
    if len(results.chain) < 2:
        return say(ledger, "The study asked its question of {design}.", design=design)
    chain = {
        "first": Quoted(lowered(results.label(results.chain[0]))),
        "last": Quoted(lowered(results.label(results.chain[-1]))),
    }
    if results.cohort.design == "summary":
        return say(ledger, f"{start} of {{n}} people.", design=design, n="cohort/n", **chain)
    if ledger["flow/analysed"].value is None:
        return say(
            ledger, f"{start}: a cohort of {{n}} people.", design=Quoted(f"a {design.text}"), n="cohort/n", **chain
        )
    is_whole = ledger["flow/analysed"].value == ledger["cohort/n"].value
    used = "all of whom the main model used" if is_whole else "of whom the main model used {used}"
    return say(
        ledger,
        f"{start} of {{n}} people, {used}.",
        design=Quoted(f"a {design.text}"),
        n="cohort/n",
        used="flow/analysed",
        **chain,
    )


def shown(results: Results, ledger: Ledger) -> Prose:
    """Second sentence: links held and the weakest of them, then the effect from end to end."""
    if not results.claims or not results.chain:
        return say(ledger, "No claim was judged in this cohort.")
    links = links_words(ledger)
    if results.cohort.design == "trial" and ledger["links/judged"].value:
        links = (*links, Words(", as associations at the first visit"))
    weakest = weakest_edge(results)
    if weakest is None:
        return say(ledger, "{links}.", links=links)
    x, y = weakest
    if len(results.edges) == 1:
        value = estimate_words(ledger, results.main_model, path_name(x, y))
        turned = turned_by_adjustment(results, ledger, x, y)
        return say(ledger, "{links}: {value} SD per SD{turned}.", links=links, value=value, turned=turned)
    link = say(
        ledger,
        "{links}; the weakest, {x} to {y}, was {value} SD per SD",
        links=links,
        x=Quoted(lowered(results.short(x))),
        y=Quoted(lowered(results.short(y))),
        value=estimate_words(ledger, results.main_model, path_name(x, y)),
    )
    model, total = results.total_place
    key = effect_key(model, total, "standardised")
    if len(results.chain) > 2 and key in ledger and ledger[key].value is not None:
        return say(
            ledger,
            "{link}, and from end to end the total was {value}.",
            link=link,
            value=estimate_words(ledger, model, total),
        )
    return say(ledger, "{link}.", link=link)


def turned_by_adjustment(results: Results, ledger: Ledger, x: str, y: str) -> Prose:
    """That the plain correlation of a link's ends has the other sign, where it stands clear of zero; else nothing."""
    rows = correlations_table(results)
    mine = next((row for row in records(rows) if {row["x"], row["y"]} == {x, y}), None)
    link = ledger[effect_key(results.main_model, path_name(x, y), "standardised")].value
    if mine is None or not is_number(link) or not is_clear(mine) or float(mine["r"]) * float(link or 0) > 0:
        return ()
    sentence = " given what the model adjusts for, while the plain correlation of the two is {r}, the other way"
    return say(ledger, sentence, r=f"correlations/{mine['x']}/{mine['y']}")


def links_words(ledger: Ledger) -> Prose:
    """How many links held as claimed, and how many of those survive the correction for many claims."""
    held, kept, judged = (ledger[f"links/{what}"].value for what in ("supported", "kept", "judged"))
    if not judged:
        return say(ledger, "No link of the chain could be judged here")
    if ledger["links/all"].value == 1:
        start = f"The one link this cohort measures {'held' if held else 'did not hold'} as claimed"
        return say(ledger, start if held == kept else f"{start}, but not after correction for many claims")
    if not held:
        return say(ledger, "Of {all} links of the chain that could be judged none held as claimed", all="links/judged")
    which = "links of the chain" if judged == ledger["links/all"].value else "links of the chain that could be judged"
    start = f"Of {{all}} {which} {{held}} held as claimed"
    if held == judged:
        start = f"{'Both' if judged == 2 else 'All {all}'} {which} held as claimed"
    if held == kept:
        return say(ledger, start, all="links/judged", held="links/supported")
    if not kept:
        return say(
            ledger, f"{start}, none after correction for many claims", all="links/judged", held="links/supported"
        )
    return say(
        ledger,
        f"{start}, {{kept}} after correction for many claims",
        all="links/judged",
        held="links/supported",
        kept="links/kept",
    )


def correction_sentence(results: Results, ledger: Ledger) -> Prose | None:
    """What the arms of a trial say about treatment, in one sentence; None for other designs."""
    if results.cohort.design != "trial" or not ledger["counts/corrective/judged"].value:
        return None
    return say(
        ledger,
        "Of {judged} claims about treatment that this trial can judge, {held} held as claimed, {open} stayed open and "
        "{against}; the arms stand under Trial.",
        judged="counts/corrective/judged",
        held="counts/corrective/supported",
        open="counts/corrective/inconclusive",
        against=_sum_words(ledger, "counts/corrective"),
    )


def _sum_words(ledger: Ledger, group: str) -> Prose:
    """How many of a group were contradicted: as practically zero, and as opposite."""
    null, opposite = f"{group}/contradicted_null", f"{group}/contradicted_opposite"
    if not ledger[null].value and not ledger[opposite].value:
        return say(ledger, "none was contradicted")
    if not ledger[opposite].value:
        return say(ledger, "{null} turned out practically zero", null=null)
    if not ledger[null].value:
        return say(ledger, "{opposite} turned out opposite", opposite=opposite)
    return say(ledger, "{null} turned out practically zero and {opposite} opposite", null=null, opposite=opposite)


def results_paragraph(results: Results, ledger: Ledger) -> Prose | None:
    """The main model's fit, its links and its end-to-end effects, written out as a results section writes them."""
    model = results.main_model
    parts: list[Prose] = []
    for x, y in results.edges:
        found = _apa(ledger, model, path_name(x, y))
        if found:
            names = {"x": Quoted(lowered(results.short(x))), "y": Quoted(lowered(results.short(y)))}
            parts.append(say(ledger, "{x} to {y}, {numbers}", numbers=found, **names))
    if not parts:
        return None
    sentences = [say(ledger, "Standardised paths of the links were: {parts}.", parts=_semicolons(parts))]
    fit = fit_words(ledger, model)
    if fit:
        sentences.insert(0, fit)
    ends = results.total_place
    total = _apa(ledger, *ends) if len(results.chain) > 2 else None
    if total:
        names = {
            "x": Quoted(lowered(results.short(results.chain[0]))),
            "y": Quoted(lowered(results.short(results.chain[-1]))),
        }
        told = say(ledger, "From {x} to {y} the total was {numbers}", numbers=total, **names)
        where = say(ledger, ", in the model “{model}”", model=Quoted(model_title(results, ends[0])))
        sentences.append((*told, *(where if ends[0] != model else ()), Words(".")))
    return join(sentences)


def _semicolons(parts: list[Prose]) -> Prose:
    out: list[Part] = []
    for place, part in enumerate(parts):
        out += [*((Words("; "),) if place else ()), *part]
    return tuple(out)


def _apa(ledger: Ledger, model: str, effect: str) -> Prose | None:
    """β, interval and p of one effect; None without an interval."""
    key = {
        what: effect_key(model, effect, what)
        for what in ("standardised", "standardised_low", "standardised_high", "p_value")
    }
    if key["standardised_low"] not in ledger or ledger[key["standardised"]].value is None:
        return None
    base = say(
        ledger,
        "β = {value}, {level} CI [{low}, {high}]",
        value=key["standardised"],
        level="study/level",
        low=key["standardised_low"],
        high=key["standardised_high"],
    )
    if key["p_value"] not in ledger or ledger[key["p_value"]].value is None:
        return base
    return (*base, *_p_words(ledger, key["p_value"]))


def _p_words(ledger: Ledger, key: str) -> Prose:
    """A p value after a comma: with its sign of equality unless it carries its own sign."""
    return say(ledger, ", p {p}" if ledger[key].text.startswith("<") else ", p = {p}", p=key)


def fit_words(ledger: Ledger, model: str) -> Prose | None:
    """Global fit of a model in one sentence; None for a model that fits perfectly by construction."""
    key = {what: f"fit/{model}/{what}" for what in ("chisq", "df", "pvalue", "cfi", "rmsea", "srmr", "n")}
    if any(name not in ledger or ledger[name].value is None for name in key.values()) or not ledger[key["df"]].value:
        return None
    return say(
        ledger,
        "Its fit was {square}({df}, N = {n}) = {chisq}{p}, CFI = {cfi}, RMSEA = {rmsea}, SRMR = {srmr}.",
        square=Quoted("χ²"),
        p=_p_words(ledger, key["pvalue"]),
        **{name: key[name] for name in ("df", "n", "chisq", "cfi", "rmsea", "srmr")},
    )


def weakest_edge(results: Results) -> tuple[str, str] | None:
    """The link with the smallest standardised path in the main model; None when none was estimated."""
    found = results.effects_of(results.main_model).set_index("effect")["standardised"]
    sizes = {
        (x, y): abs(float(found[path_name(x, y)]))
        for x, y in results.edges
        if path_name(x, y) in found.index and is_number(found[path_name(x, y)])
    }
    return min(sizes, key=lambda edge: sizes[edge]) if sizes else None


def trusted(results: Results, ledger: Ledger) -> Prose:
    """Third sentence: what the design lets the result mean."""
    means = {
        "cross_sectional": "Measured at one visit, these are associations: they cannot say what came first, and an "
        "unmeasured common cause could make any of them",
        "longitudinal": "Measured over visits, these say what came before what; an unmeasured common cause could "
        "still make any of them",
        "trial": "Only what was randomised may be called a cause here; how the effect came about still "
        "rests on assumptions",
        "summary": "Published means and correlations show only whether their pattern fits the claims, with "
        "no adjustment for anything that was not published",
    }[results.cohort.design]
    if results.cohort.synthetic:
        return say(ledger, f"{means}; the people are simulated, so that nothing here is evidence about real ones.")
    return say(ledger, f"{means}.")


def translation(results: Results, ledger: Ledger) -> Prose | None:
    """The total effect in the measures' own units, for a contrast a clinician can picture; None without one."""
    if "translation/low" not in ledger or len(results.chain) < 3:
        return None
    x, y = results.chain[0], results.chain[-1]
    units = results.cohort.units
    return say(
        ledger,
        "In the measures' own units: {contrast} {unit} more {exposure} {verb} a difference of {value} {points} "
        "in {outcome} ({level} interval {low} to {high}).",
        contrast="study/contrast",
        unit=Quoted(units.get(x, "units")),
        exposure=Quoted(lowered(results.label(x))),
        verb=Quoted(TIERS[tier_of(results.cohort.design)].verb),
        value="translation/estimate",
        points=Quoted(units.get(y, "units")),
        outcome=Quoted(lowered(results.label(y))),
        level="study/level",
        low="translation/low",
        high="translation/high",
    )


def verdict_sentence(claim: Mapping[str, Any], ledger: Ledger, effect: str = "") -> Prose:
    """What may be said about one claim: the wording its tier allows, then the estimate that stands for it.

    effect  what was estimated, in words; named where the wording does not say it by itself
    """
    name = str(claim["claim"])
    wording = Quoted(str(claim.get("wording") or claim.get("gist") or ""))
    if f"claims/{name}/low" not in ledger:
        return (wording,)
    what = "Largest change" if str(claim.get("unit", "")).startswith("change") else "Estimate"
    of = f", {effect}" if effect and claim.get("rule") not in ("effect", "chain") else ""
    return say(
        ledger,
        "{wording} {what}: {value}{unit} ({level} interval {low} to {high}), n = {n}.",
        wording=wording,
        unit=Quoted(unit_text(claim.get("unit")) if claim.get("scale") in ("raw", "share") else ""),
        what=Quoted(f"{what}{of}"),
        value=f"claims/{name}/estimate",
        level="study/level",
        low=f"claims/{name}/low",
        high=f"claims/{name}/high",
        n=f"claims/{name}/n",
    )


def resolution_sentence(claim: Mapping[str, Any], ledger: Ledger) -> Prose | None:
    """The smallest effect (or link) this cohort could be counted on to support, and the n that would call a null."""
    name = str(claim["claim"])
    smallest, needed = f"claims/{name}/smallest_supported", f"claims/{name}/n_for_null"
    link = str(claim.get("sesoi_unit", "")).endswith("each link")
    zero = "a zero of its most precise link" if link else "a true zero"
    could = "could be counted on to show as practically zero from about {needed} people on."
    if smallest not in ledger:
        return say(ledger, f"{zero.capitalize()} {could}", needed=needed) if needed in ledger else None
    sentence = f"The smallest {'link' if link else 'effect'} this cohort could be counted on to support is {{smallest}}"
    if needed not in ledger:
        return say(ledger, f"{sentence}.", smallest=smallest)
    return say(ledger, f"{sentence}; {zero} {could}", smallest=smallest, needed=needed)


def overturning_sentence(claim: Mapping[str, Any], told: str, ledger: Ledger) -> Prose:
    """What would overturn a verdict, settle an open one, or let a claim be tested at all; `told` in words."""
    if claim.get("verdict") == "not_testable":
        return (Quoted(f"{told.rstrip('.')}."),)
    could = "change that" if claim.get("verdict") == "inconclusive" else "overturn it"
    return say(ledger, f"What could {could}: {{what}}.", what=Quoted(told.rstrip(".")))


def directions_sentence(results: Results, ledger: Ledger) -> Prose | None:
    """Whether these data can tell the chain from its reverse; None when it was not asked."""
    found = results.directions
    if not found:
        return None
    sentence = (Quoted(str(found["sentence"])),) if found.get("sentence") else ()
    forward, reverse = "directions/logl_forward", "directions/logl_reverse"
    if found.get("indistinguishable") is None or forward not in ledger or reverse not in ledger:
        return sentence or None
    if found["indistinguishable"]:
        return say(
            ledger,
            "The chain and its reverse fit equally well (log-likelihoods {forward} and {reverse}): data of one visit "
            "cannot tell them apart.",
            forward=forward,
            reverse=reverse,
        )
    return say(
        ledger,
        "The chain and its reverse fit differently (log-likelihoods {forward} and {reverse}). {meaning}",
        forward=forward,
        reverse=reverse,
        meaning=sentence,
    )


def whole_chain_sentence(results: Results, ledger: Ledger) -> Prose | None:
    """Why links that hold may add up to very little; None unless that is what was found."""
    if not results.chain:
        return None
    first, last = results.chain[0], results.chain[-1]
    ends = (path_name(first, last), f"total:{first}->{last}")
    whole = next((claim for claim in results.claims if claim.get("family") == "chain"), {})
    total = next(
        (claim for claim in results.claims if claim.get("effect") in ends and claim.get("kind") != "rival"), {}
    )
    if whole.get("verdict") != "supported":
        return None
    if total.get("verdict") == "contradicted_null":
        return say(
            ledger,
            "Each link holds as claimed, and together they move the last one too little to matter: a "
            "chain of modest links multiplies to almost nothing.",
        )
    if total.get("verdict") == "inconclusive" and _is_lost_in(whole, total):
        return say(
            ledger,
            "Each link holds as claimed, and yet the effect from end to end stays open: what the links carry together "
            "is far smaller than the uncertainty of the whole.",
        )
    return None


def _is_lost_in(product: Mapping[str, Any], total: Mapping[str, Any]) -> bool:
    """Whether all that a product may be is under a tenth of what the total may be either way."""
    ends = [claim.get(end) for claim in (product, total) for end in ("low", "high")]
    if not all(is_number(end) for end in ends):
        return False
    low, high, bottom, top = (float(end) for end in ends if end is not None)
    return max(abs(low), abs(high)) < (top - bottom) / 2 / 10


def file_link(text: str, target: str) -> Link:
    """A link to a file beside the report."""
    return Link(text, target)


def edge_claims(results: Results) -> list[Mapping[str, Any]]:
    """Claims of the links, bottom to top."""
    return [claim for x, y in results.edges if (claim := claim_of_edge(results, x, y)) is not None]
