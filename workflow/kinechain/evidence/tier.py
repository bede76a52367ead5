"""Tiers of evidence: what the design lets a sentence say, and the strongest sentence for a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinechain.evidence.verdict import INCONCLUSIVE, NOT_TESTABLE, NULL, OPPOSITE, SUPPORTED, VerdictName

TierName = Literal["T0", "T1", "T2", "T3"]


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier.

    name    T0 to T3
    basis   the design it needs
    phrase  strongest allowed phrase, as a label
    verb    strongest allowed verb between exposure and outcome
    """

    name: TierName
    basis: str
    phrase: str
    verb: str


TIERS: dict[TierName, Tier] = {
    "T0": Tier("T0", "summary statistics from papers", "published correlations are compatible with it", "goes with"),
    "T1": Tier("T1", "cross-sectional cohort", "associated as the claim predicts", "went with"),
    "T2": Tier("T2", "two or more visits, lagged", "precedes", "preceded"),
    "T3": Tier("T3", "randomised arms", "causes", "caused"),
}

_OF_DESIGN: dict[str, TierName] = {
    "summary": "T0",
    "cross_sectional": "T1",
    "longitudinal": "T2",
    "trial": "T3",
}
_OF_EVIDENCE: dict[str, TierName] = {"cross_sectional": "T1", "lagged": "T2", "assignment": "T3"}


def tier_asked(evidence: str) -> TierName:
    """The tier of a comparison in a design that allows it."""
    return _OF_EVIDENCE[evidence]


def tier_of(design: str, evidence: str = "cross_sectional") -> TierName:
    """The tier of one comparison: the lower of what the design allows and what the comparison rests on.

    design    summary, cross_sectional, longitudinal or trial
    evidence  cross_sectional, lagged or assignment: a path between two measures of one visit stays T1 inside a trial
    """
    return min(_OF_DESIGN[design], _OF_EVIDENCE[evidence])


STARTS: dict[TierName, str] = {
    "T0": "Published correlations",
    "T1": "In this cross-section",
    "T2": "Over the visits of this cohort",
    "T3": "In this trial",
}


def strongest_wording(
    verdict: VerdictName, tier: TierName, exposure: str, outcome: str, *, survives: bool, asked: TierName = "T1"
) -> str:
    """The strongest sentence that verdict and tier allow; a report may weaken it, never strengthen it.

    survives  whether the claim survives the correction for multiplicity; the sentence says so when it does not
    asked     tier the claim's own test would have: what cannot be tested is said in its verb
    """
    start = STARTS[tier]
    verb = TIERS[tier].verb
    if verdict == NOT_TESTABLE:
        return f"Whether {exposure} {TIERS[asked].verb} {outcome} cannot be tested here."
    if verdict == SUPPORTED:
        claim = (
            f"{start} are compatible with the claim that {exposure} {verb} {outcome}"
            if tier == "T0"
            else f"{start}, {exposure} {verb} {outcome}, as claimed"
        )
    elif verdict == NULL:
        claim = f"{_against(tier, start)} any link between {exposure} and {outcome} is too small to matter"
    elif verdict == OPPOSITE:
        claim = f"{_against(tier, start)} {exposure} and {outcome} are linked in the opposite direction to the claim"
    else:
        assert verdict == INCONCLUSIVE
        return f"{_against(tier, start)} the link between {exposure} and {outcome} stays open."
    doubt = "" if survives else "; this does not survive the correction for the number of claims tested"
    return f"{claim}{doubt}."


def pattern_wording(verdict: VerdictName, tier: TierName, gist: str, *, survives: bool) -> str:
    """The strongest sentence about a claim that is a pattern and not one effect; the claim itself is quoted.

    gist  the claim in the words of config/claims.yaml
    """
    if verdict == NOT_TESTABLE:
        return f"Whether “{gist}” holds cannot be tested here."
    start = "Published correlations" if tier == "T0" else f"{STARTS[tier]}, what was seen"
    does = {SUPPORTED: "fit", NULL: "speak against", OPPOSITE: "speak against", INCONCLUSIVE: "leave open"}[verdict]
    if tier != "T0":
        does = {"fit": "fits", "speak against": "speaks against", "leave open": "leaves open"}[does]
    doubt = "" if survives else "; this does not survive the correction for the number of claims tested"
    return f"{start} {does} the claim “{gist}”{doubt}."


def _against(tier: TierName, start: str) -> str:
    return f"{start} suggest that" if tier == "T0" else f"{start},"
