"""Sentences of the methods: what was done about gaps in the data, and which kind of interval stands where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kinechain.check_table import CHECKS
from kinechain.document import Part, Prose, Quoted
from kinechain.entries import INTERVALS
from kinechain.ledger import Ledger
from kinechain.results import Results, model_title
from kinechain.words import listing, say

if TYPE_CHECKING:
    import pandas as pd

MISSING = {
    "listwise": "people with a missing value in any variable of a model were left out of that model, and counted",
    "fiml": "people with missing values stayed in: the likelihood used whatever each of them had",
}
FROM_COMPLETE_PEOPLE = (
    "robustness",
    "residual_correlation",
    "reliability",
    "influence",
    "negative_controls",
    "splines",
    "threshold",
    "moderation",
    "natural_effects",
    "mediators",
)
"""Checks that take only people with a value of everything they ask for."""
FROM_THE_MODELS = ("clinical_units", "equivalence")
"""Checks whose limits are those of the models' effects."""
WITHOUT_INTERVALS = ("adjustment", "atlas", "influence")
THRESHOLD = "threshold"
OF_ARMS = {
    "t": "contrasts and changes of arms and what a later loss depends on have t intervals",
    "score": "shares of people and their differences have score intervals with unseen visits imputed",
    "monte_carlo": "ways from an arm to an outcome have Monte Carlo intervals from draws of the estimates",
    "delta": "lags from visit to visit have normal intervals by the delta method",
}
"""Interval of an analysis of arms -> what has it."""


def gap_sentences(results: Results, ledger: Ledger) -> Iterator[Prose]:
    """What was done about missing values: in the models, then where only complete people count."""
    if results.cohort.people is None:
        return
    otherwise = str(results.inference.get("missing", "listwise"))
    by_method: dict[str, list[str]] = {}
    for name in _models(results):
        by_method.setdefault(str(results.fits[name].get("missing") or otherwise), []).append(name)
    for method, names in by_method.items():
        told = MISSING.get(method, "how missing values were treated is not on record")
        if method == "fiml" and any(results.fits[name].get("n_dropped") for name in names):
            told += "; left out, and counted, were those who lack a variable that a model takes as given"
        where: Prose = say(ledger, "the models") if len(by_method) == 1 else _titles(results, names)
        yield say(ledger, f"In {{where}} {told}.", where=where)
    complete = _found(results, FROM_COMPLETE_PEOPLE)
    if complete:
        sentence = "These checks use only people with a value of everything the check asks for: {titles}."
        yield say(ledger, sentence, titles=_checks(complete))
    if (_of_arms(results)["kind"] == "moderation").any():
        yield say(ledger, "What a later loss depends on is asked of people with every value too.")


def interval_sentences(results: Results, ledger: Ledger, works: Prose) -> Iterator[Prose]:
    """Which kind of interval the models, the arms, the change of slope and the checks have.

    works  that the intervals of products are cited from
    """
    if "study/draws" in ledger and "study/seed" in ledger:
        yield from _of_models(results, ledger, works)
    arms = _of_arms(results)
    kinds = set(arms["interval"]) if "interval" in arms else set()
    if kinds & set(OF_ARMS):
        parts = Quoted("; ".join(told for kind, told in OF_ARMS.items() if kind in kinds))
        yield say(ledger, "In the analysis of arms {parts}. None of these is a bootstrap interval.", parts=parts)
    if _found(results, (THRESHOLD,)):
        judged = [it for it in results.claims if it.get("model") == THRESHOLD and it["verdict"] != "not_testable"]
        used = "; the verdicts on {claims} rest on it" if judged else ""
        yield say(
            ledger,
            "The change of slope is estimated by least squares, with normal intervals from robust ({kind}) standard "
            f"errors{used}.",
            kind=Quoted("HC3"),
            claims=listing(Quoted(str(claim["claim"])) for claim in judged),
        )
    others = tuple(name for name in CHECKS if name not in (*FROM_THE_MODELS, *WITHOUT_INTERVALS, THRESHOLD))
    if _found(results, others):
        told = "Intervals of other checks come from standard errors (normal or t limits) or from draws of coefficients"
        same = _found(results, FROM_THE_MODELS)
        but = "; those under {titles} are the models' own" if same else ""
        yield say(ledger, f"{told}{but}.", titles=_checks(same))


def _of_models(results: Results, ledger: Ledger, works: Prose) -> Iterator[Prose]:
    """The interval most models have, then the models that have another."""
    by_kind: dict[str, list[str]] = {}
    for name in _models(results):
        found = results.effects_of(name)
        if len(found) and "interval" in found:
            by_kind.setdefault(str(found["interval"].iloc[0]), []).append(name)
    main = next((kind for kind, names in by_kind.items() if results.main_model in names), "")
    if main in INTERVALS:
        is_resampled = main != "monte_carlo"
        shared = "; all models with such intervals share their resamples" if is_resampled else ""
        yield say(
            ledger,
            "Intervals of the models are {interval} intervals{works} from {draws} draws with seed {seed}"
            f"{shared}.",
            interval=Quoted(INTERVALS[main]),
            works=works,
            draws="study/draws",
            seed="study/seed",
        )
    for kind, names in by_kind.items():
        if kind == main or kind not in INTERVALS:
            continue
        how = ", from parameters drawn at their estimates with nothing fitted again" if kind == "monte_carlo" else ""
        interval = Quoted(INTERVALS[kind])
        titles = _titles(results, names)
        yield say(ledger, f"Those of {{titles}} are {{interval}} intervals{how}.", titles=titles, interval=interval)


def _models(results: Results) -> list[str]:
    """Fitted models that have a file; an analysis of arms has none."""
    return [name for name in results.fits if results.models.get(name)]


def _of_arms(results: Results) -> pd.DataFrame:
    """Effects of analyses without a model file: those of arms."""
    return results.effects[~results.effects["model"].isin(_models(results))]


def _found(results: Results, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in results.checks and not results.checks[name].empty]


def _checks(names: list[str]) -> Prose:
    return listing(Quoted(f"“{CHECKS[name].title}”") for name in names)


def _titles(results: Results, names: list[str]) -> Prose:
    parts: list[Part] = [Quoted(f"“{model_title(results, name)}”") for name in names]
    return listing(parts)
