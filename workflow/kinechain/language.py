"""The language guard: verbs in an author's own text that say more than the design can carry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kinechain.errors import Problem
from kinechain.evidence.tier import TIERS, tier_of
from kinechain.results import DESIGN_WORDS

CAUSAL_VERBS = re.compile(
    r"\b("
    r"causes|caused|causing|reduces?|reduced|reducing|leads? to|led to|leading to|improves?|improved|"
    r"improving|results? in|resulted in|prevents?|prevented|cures?|cured|relieves?|relieved|eases|"
    r"eased|worsens?|worsened|increases|increased|decreases|decreased|lowers|lowered|raises|raised|"
    r"triggers?|triggered|produces|produced|drives|drove|due to|thanks to|impacts?|affects?|affected|"
    r"influences|influenced|contributes? to|contributed to|responsible for|effective against|"
    r"(?:may|might|can|could|will|would|must|should|do|does|did)(?: not)?(?: also)? "
    r"(?:cause|ease|increase|decrease|lower|raise|produce|drive|influence)|"
    r"(?!(?:this|thus|plus|less|does|unless|across|previous|various|serious|always|perhaps)\b)\w{2,}s "
    r"(?:cause|ease|increase|decrease|lower|raise|produce|drive|influence)"
    r")\b",
    flags=re.IGNORECASE,
)
"""Verbs that say one thing makes another happen: only what was randomised may wear them."""

NO_VERBS = re.compile(
    r"\b(?:the|these|those|our|all|main|no|of|as|a|an|with|more|most|less|least|and|than|for) "
    r"(?:reduced|improved|increased|decreased|lowered|raised|affected|relieved|results? in|increases|decreases|"
    r"impacts?)\b"
    r"|\b(?:increases?|decreases?) (?:in|of)\b"
    r"|\b(?:left out|excluded|dropped|missing|lost|unseen) due to\b",
    flags=re.IGNORECASE,
)
"""The same words as nouns and adjectives, or about people who were left out."""

HEDGES = re.compile(
    r"\bwhether\b|\b(?:cannot|can not|could not|do not|does not|did not|unable to|nothing here|no way to)\b[^;:]*?"
    r"\b(?:show|shows|say|says|tell|tells|know|establish|prove|decide|mean|imply|conclude)\b",
    flags=re.IGNORECASE,
)
"""Beginnings after which a sentence says that something is open."""

TEMPORAL_VERBS = re.compile(r"\b(precedes?|preceded|predicts later)\b", flags=re.IGNORECASE)
"""Verbs that need two visits."""

GUARDED = ("title", "objective", "abstract", "interpretation", "implications", "limitations", "generalisability")
"""The authors' own statements about what the study shows, keys of `study` in config: the guard reads them."""


def guard(texts: Mapping[str, str], design: str) -> list[Problem]:
    """Causal or temporal verbs in an author's own statements that the design cannot carry.

    texts   where it stands -> the text
    design  cross_sectional, longitudinal, trial or summary
    """
    return [
        says_too_much(where, found, design)
        for where, text in texts.items()
        for sentence in re.split(r"(?<=[.!?]) ", " ".join(text.split()))
        if (found := too_strong(sentence, design))
    ]


def too_strong(sentence: str, design: str) -> list[str]:
    """Verbs of one sentence that the design cannot carry; a sentence that asks, or says what is open, has none."""
    if sentence.rstrip().endswith("?"):
        return []
    hedge = HEDGES.search(sentence)
    said = NO_VERBS.sub(" ", sentence[: hedge.start()] if hedge else sentence)
    tier = tier_of(design, "assignment")
    found = [] if tier == "T3" else CAUSAL_VERBS.findall(said)
    return list(dict.fromkeys(found + (TEMPORAL_VERBS.findall(said) if tier in ("T0", "T1") else [])))


def says_too_much(where: str, names: Iterable[str], design: str) -> Problem:
    """The message about words that a design cannot carry, with those it can."""
    return Problem(
        where,
        f"{', '.join(f'`{name}`' for name in names)} says more than a {DESIGN_WORDS.get(design, design)} can",
        f"Write that one `{TIERS[tier_of(design, 'assignment')].verb}` the other",
    )
