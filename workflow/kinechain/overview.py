"""Across cohorts: what one cohort tells the index, and every claim and model cohort by cohort."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinechain.display import is_hollow, verdict_words
from kinechain.document import Document, Number, Prose, Quoted
from kinechain.evidence.tier import TIERS
from kinechain.figures.style import VERDICTS
from kinechain.ledger import Ledger
from kinechain.results import DESIGN_WORDS, Results, model_title
from kinechain.words import answer

FIT = ("cfi", "rmsea")
"""Two measures of fit of different kinds, as the index shows them of each model."""


@dataclass(frozen=True, slots=True)
class Spot:
    """What one cohort says of one claim or model.

    words   what stands there, or is said to whoever cannot see the mark
    mark    the sign before it; empty for none
    note    what else must be said of it; an asterisk on the page
    tier    what the cohort's design lets a sentence about the claim say
    target  the place in the cohort's report
    fit     measures of fit of a model: name, text, ledger key
    """

    words: str
    mark: str = ""
    note: str = ""
    tier: str = ""
    target: str = ""
    fit: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One claim or one model: its code, what it says, and a spot for each cohort in the order given."""

    code: str
    gist: str
    spots: tuple[Spot, ...]


def summarise(results: Results, document: Document, ledger: Ledger) -> dict[str, Any]:
    """What the index shows of one cohort: the answer with the keys of its numbers, verdicts, and how models fitted."""
    sentences: list[Prose] = list(answer(results, ledger))
    parts = []
    for place, sentence in enumerate(sentences):
        if place:
            parts.append({"text": " ", "key": "", "quoted": False})
        for part in sentence:
            parts.append(
                {
                    "text": part.text,
                    "key": part.key if isinstance(part, Number) else "",
                    "quoted": isinstance(part, Quoted),
                }
            )
    return {
        "name": results.cohort.name,
        "title": results.cohort.title,
        "synthetic": results.cohort.synthetic,
        "design": DESIGN_WORDS[results.cohort.design],
        "people": {"text": ledger["cohort/n"].text, "key": "cohort/n"},
        "answer": parts,
        "counts": list(_counts(ledger)),
        "claims": [
            {
                "claim": claim["claim"],
                "kind": claim.get("kind", ""),
                "verdict": claim["verdict"],
                "words": verdict_words(claim),
                "is_hollow": is_hollow(claim),
                "gist": claim.get("gist", ""),
                "tier": claim.get("tier", ""),
            }
            for claim in results.claims
        ],
        "models": [
            {
                "model": model,
                "title": model_title(results, model),
                "status": str(fit.get("status", "")).lower().replace("_", " "),
                "df": ledger[f"fit/{model}/df"].value,
                "fit": [[name.upper(), ledger[f"fit/{model}/{name}"].text, f"fit/{model}/{name}"] for name in FIT],
            }
            for model, fit in results.fits.items()
            if results.models.get(model)  # the contrasts of a trial are an analysis without equations of its own
        ],
        "files": [{"text": link.text, "target": link.target} for link in document.files],
    }


def _counts(ledger: Ledger) -> Iterator[dict[str, str]]:
    """How many claims have each verdict, those that none has left out."""
    for verdict, (_, _, words) in VERDICTS.items():
        key = f"counts/claims/{verdict}"
        if key in ledger and ledger[key].value:
            yield {"verdict": verdict, "words": words, "key": key, "text": ledger[key].text}


def claim_rows(summaries: Sequence[Mapping[str, Any]], *, rivals: bool) -> tuple[Row, ...]:
    """Every claim, or every rival, that any cohort was asked, in the order first met."""
    asked = [{row["claim"]: row for row in it["claims"] if (row["kind"] == "rival") == rivals} for it in summaries]
    gists = {code: row["gist"] for rows in asked for code, row in rows.items()}
    return tuple(
        Row(code, gist, tuple(_verdict(it["name"], rows.get(code)) for it, rows in zip(summaries, asked, strict=True)))
        for code, gist in gists.items()
    )


def _verdict(cohort: str, claim: Mapping[str, Any] | None) -> Spot:
    if claim is None:
        return Spot("not asked")
    words, _, note = claim["words"].partition("; ")
    return Spot(
        words,
        f"{claim['verdict']}{' hollow' if claim['is_hollow'] else ''}",
        note,
        "" if claim["verdict"] == "not_testable" else claim["tier"],
        f"{cohort}/report.html#claim-{claim['claim']}",
    )


def tiers_of(summaries: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Tiers of the verdicts that were given, lowest first, each with the strongest phrase it allows."""
    given = {row["tier"] for it in summaries for row in it["claims"] if row["verdict"] != "not_testable"}
    return tuple((name, tier.phrase) for name, tier in TIERS.items() if name in given)


def model_rows(summaries: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """Every model that any cohort was fitted with, in the order first met."""
    fitted = [{row["model"]: row for row in it["models"]} for it in summaries]
    titles = {name: row["title"] for rows in fitted for name, row in rows.items()}
    return tuple(
        Row(name, title, tuple(_fit(it["name"], rows.get(name)) for it, rows in zip(summaries, fitted, strict=True)))
        for name, title in titles.items()
    )


def _fit(cohort: str, model: Mapping[str, Any] | None) -> Spot:
    if model is None:
        return Spot("not fitted here")
    target = f"{cohort}/report.html#model-{model['model']}"
    if model["status"] != "converged":
        return Spot(model["status"], "contradicted_opposite", target=target)
    if not model["df"]:
        return Spot("fits by construction", target=target)
    return Spot("converged", target=target, fit=tuple((name, text, key) for name, text, key in model["fit"]))
