"""Results: all that a report reads about one cohort, as the steps before left it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kinechain.cohort import Cohort

if TYPE_CHECKING:
    import pandas as pd

DESIGN_WORDS = {
    "cross_sectional": "cross-sectional cohort",
    "longitudinal": "longitudinal cohort",
    "trial": "randomised trial",
    "summary": "a table of means and correlations",
}


@dataclass(frozen=True, slots=True)
class Construct:
    """What one variable is called for people.

    name   as models write it
    label  in full: words rather than a code
    short  a word or two, for figures
    role   chain, helper or covariate
    """

    name: str
    label: str
    short: str
    role: str = "covariate"


@dataclass(frozen=True, slots=True)
class Results:
    """What the study found in one cohort.

    cohort      people or published moments, with design, sampling frame and flow
    quality     findings, flow, codebook and missingness, as quality.json holds them
    fits        model -> the json of `kinechain fit`
    effects     tidy effect table of all models
    claims      one mapping a claim or rival, as claims.json holds them, in the ledger's order
    models      model -> its yaml
    constructs  name -> words, in body order from bottom to top
    chain       constructs of the chain, from bottom to top
    study       the study's config
    digests     name of an input -> sha256 (or its first digits)
    checks      tidy tables of the checks that were run, by name
    schematic   where angles are drawn on the body, as config has it; empty when config has none
    notes       what each check says in words, by name
    typical     measure -> mean, sd and source of what others found, where the dictionary of measures has it
    measures    measure -> label, of every measure in the dictionary, had here or not
    left_out    models of the study not fitted to this cohort -> the constructs it did not measure
    registration  what the study froze before it was analysed and every deviation since; empty when it froze nothing
    about       what the cohort's file says of how people came to be in it: recruitment, sample_size, eligibility
    directions  whether these data can tell the chain from its reverse, as claims.json says it; empty when not asked
    """

    cohort: Cohort
    quality: Mapping[str, Any]
    fits: Mapping[str, Mapping[str, Any]]
    effects: pd.DataFrame
    claims: tuple[Mapping[str, Any], ...]
    models: Mapping[str, Mapping[str, Any]]
    constructs: Mapping[str, Construct]
    chain: tuple[str, ...]
    study: Mapping[str, Any]
    digests: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    directions: Mapping[str, Any] = field(default_factory=dict)
    schematic: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    typical: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    measures: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    registration: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def label(self, name: str) -> str:
        """The full name of a variable; its code with spaces when config gives none."""
        return self.constructs[name].label if name in self.constructs else plain_name(name)

    def short(self, name: str) -> str:
        """The name of a variable in a word or two, for figures."""
        return self.constructs[name].short if name in self.constructs else plain_name(name)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Neighbours in the chain, from bottom to top, as (from, to)."""
        return tuple(zip(self.chain[:-1], self.chain[1:], strict=True))

    def hue(self, name: str) -> int | None:
        """Place of a construct in the study's whole chain, which decides its colour everywhere; None outside it."""
        whole = [str(it) for it in self.report_options.get("chain") or self.chain]
        return whole.index(name) if name in whole else None

    @property
    def was_frozen_first(self) -> bool:
        """Whether the config was frozen before this cohort was analysed, and the frozen content is untouched."""
        frozen = self.registration
        return (
            bool(frozen) and bool(frozen.get("is_whole", True)) and self.cohort.name not in frozen.get("analysed", ())
        )

    @property
    def inference(self) -> Mapping[str, Any]:
        """Seed, draws, interval, level and missing as the study declares them."""
        found = self.study.get("inference", {})
        return found if isinstance(found, Mapping) else {}

    def check_of_links(self, check: str) -> pd.DataFrame:
        """A check's rows about the links of the chain, each with the link's name and its place; empty without them."""
        import pandas as pd

        found = self.checks.get(check)
        if found is None or found.empty:
            return pd.DataFrame()
        names = {path_name(x, y): arrows(self.short(x), self.short(y)) for x, y in self.edges}
        table = found[[effect in names for effect in found["effect"]]].copy()
        table["name"] = [names[str(effect)] for effect in table["effect"]]
        order = list(names.values())
        table["place"] = [order.index(name) for name in table["name"]]
        return table

    @property
    def total_place(self) -> tuple[str, str]:
        """Model and effect that decide the end-to-end effect: the claim's own, else the main model's total."""
        ends = path_name(self.chain[0], self.chain[-1])
        decided = [claim for claim in self.claims if claim.get("effect") == ends and claim.get("kind") != "rival"]
        if decided and len(self.chain) > 2:
            return str(decided[0]["model"]), ends
        return self.main_model, f"total:{self.chain[0]}->{self.chain[-1]}"

    @property
    def main_model(self) -> str:
        """The model whose edges decide: the one config names, else the fitted one that decides most claims on edges."""
        named = str(self.report_options.get("main_model", ""))
        if named in self.fits:
            return named
        edges = {path_name(x, y) for x, y in self.edges}

        def decided(model: str) -> tuple[int, int]:
            judged = sum(1 for claim in self.claims if claim.get("model") == model and claim.get("effect") in edges)
            return judged, len(edges & set(self.effects_of(model)["effect"]))

        return max(self.fits, key=decided, default="")

    @property
    def report_options(self) -> Mapping[str, Any]:
        """The `report` part of the study's config."""
        found = self.study.get("report", {})
        return found if isinstance(found, Mapping) else {}

    def effects_of(self, model: str) -> pd.DataFrame:
        """Rows of the effect table that one model gave."""
        return self.effects[self.effects["model"] == model]


def rests_on_several(claim: Mapping[str, Any]) -> bool:
    """Whether a verdict rests on several effects so that the one interval shown beside it tells otherwise."""
    low, high = claim.get("low"), claim.get("high")
    if not claim.get("parts") or not isinstance(low, int | float) or not isinstance(high, int | float):
        return False
    is_clear = low > 0 or high < 0
    return is_clear == (claim.get("verdict") == "inconclusive")


def model_title(results: Results, model: str) -> str:
    """A model's title from config, else its name."""
    return str(results.models.get(model, {}).get("title") or model)


def lowered(label: object) -> str:
    """A label inside a sentence: its first letter small unless it starts an abbreviation or a name of several words."""
    text = str(label)
    second = text.partition(" ")[2]
    return text if text[1:2].isupper() or second[:1].isupper() else text[:1].lower() + text[1:]


RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
"""Letters of scripts that run from right to left."""
MARK = "\N{LEFT-TO-RIGHT MARK}"


def arrows(*names: str) -> str:
    """Names joined by arrows, from cause to outcome; between names that run from right to left none turns round."""
    between = f" {MARK}→{MARK} " if any(RIGHT_TO_LEFT.search(name) for name in names) else " → "
    return between.join(names)


def plain_name(name: str) -> str:
    """A code as words: underscores become spaces."""
    return name.replace("_", " ")


def path_name(x: str, y: str) -> str:
    """Name of the effect of the path from x to y, in lavaan's writing."""
    return f"{y}~{x}"


def chain_order(effects: pd.DataFrame, model: str) -> tuple[str, ...]:
    """Variables of a model's labelled paths from first cause to last outcome, when config gives no order.

    Follows the rows' own order: equations are written along the chain. Empty when the model has no labelled path.
    """
    mine = effects[(effects["model"] == model) & (effects["kind"] == "path")]
    labelled = mine[mine["label"].fillna("") != ""] if "label" in mine else mine
    order: list[str] = []
    for row in labelled.itertuples():
        for name in (str(row.rhs), str(row.lhs)):
            if name not in order:
                order.append(name)
    return tuple(order)
