"""The page of the verdict study: which claims are false in which world, what is required, and the tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from kinechain.truths import read_truth

TRUTHS = Path(__file__).resolve().parent / "truths"
VERDICTS = ("supported", "contradicted_null", "contradicted_opposite", "inconclusive", "not_testable")
READINGS = ("declared", "open", "true_scores")
EDGES = ("C04", "C05", "C08", "C10", "C14")
CLAIMS = (
    "C01", "C02", "C03", "C04", "C05", "C06", "C07", "C08", "C09", "C10", "C11", "C12", "C13", "C14", "C14s", "C15",
    "C16", "RV00", "RV01", "RV02", "RV03", "RV04", "RV05", "RV06", "RV07", "RV08", "RV09", "RV10", "RV11",
)  # fmt: skip
LINKS = ("C01", "C03", "C04", "C05", "C06", "C07", "C08", "C10", "C11", "C13", "C14", "C14s", "C15", "C16")
NO_THRESHOLD = ("C16", "RV11")
STAYS = ("RV08", "RV09", "RV10")
"""Rivals by which an edge goes when something is held: false where it stays, or where what is held drives none."""

FALSE: Mapping[str, tuple[str, ...]] = {
    "chain": (*NO_THRESHOLD, *STAYS, "RV00", "RV02", "RV03", "RV04", "RV05", "RV07"),
    "weak_chain": (*NO_THRESHOLD, *STAYS, "RV00", "RV02", "RV03", "RV04", "RV05", "RV07"),
    "common_cause": (*LINKS, "C02", "C12", "RV03", "RV09", "RV10", "RV11"),
    "common_cause_blurred": (*LINKS, "C02", "C12", "RV03", "RV09", "RV10", "RV11"),
    "unmeasured_common_cause": (*LINKS, *STAYS, "C02", "C12", "RV03", "RV11"),
    "anterior_tilt": (*NO_THRESHOLD, *STAYS, "C01", "C03", "C04", "C06", "C15", "RV00", "RV02", "RV04", "RV07"),
    "thorax_only": (
        *NO_THRESHOLD, *STAYS, "C01", "C03", "C04", "C05", "C06", "C07", "C08", "C15", "RV00", "RV02", "RV03", "RV05",
    ),
    "direct": (*LINKS[1:], *STAYS, "C12", "RV03", "RV04", "RV11"),
    "none": (*LINKS, *STAYS, "C02", "C12", "RV02", "RV03", "RV04", "RV05", "RV11"),
}  # fmt: skip
"""Claims false by construction. Under the reverse truth no error is counted: one wave cannot tell it from the chain.

RV02 is not among the false under `direct`: no segment acts on its neighbour there and the covariates act on all, so
that what neighbours share is what RV02 says they share.
"""
BLURRED = ("common_cause_blurred", "unmeasured_common_cause")
"""Truths whose confounders are not all measured without error: reported, not bounded."""


def check(table: pd.DataFrame) -> dict[str, tuple[float, float, bool]]:
    """What is required: requirement -> (figure, bound, whether it holds)."""
    rows = table[table["reading"] == "declared"]
    answers: dict[str, tuple[float, float, bool]] = {}

    def require(what: str, figure: float, bound: float, *, at_most: bool) -> None:
        answers[what] = (figure, bound, figure <= bound if at_most else figure >= bound)

    false = rows[rows["is_false"] & ~rows["truth"].isin(BLURRED)]
    if len(false):
        worst = false.iloc[int(false["supported"].to_numpy().argmax())]
        name = f"false claim supported, worst of {len(false)}"
        name += f": {worst['claim']} under {worst['truth']} at n={worst['n']}"
        require(name, float(worst["supported"]), 0.05, at_most=True)
    strong = rows[(rows["truth"] == "chain") & (rows["n"] == 400) & rows["claim"].isin(EDGES)]
    if len(strong):
        require("true edge of .3 supported at n=400, worst of five", strong["supported"].min(), 0.90, at_most=False)
    for reading, words in (("declared", ""), ("open", ", gate left open")):
        weak = table[(table["reading"] == reading) & (table["truth"] == "weak_chain") & (table["n"] == 30)]
        weak = weak[weak["claim"].isin(EDGES)]
        if len(weak):
            most = (weak["contradicted_null"] + weak["contradicted_opposite"]).max()
            require(f"true edge of .15 contradicted at n=30, worst of five{words}", most, 0.02, at_most=True)
    compared = rows[(rows["truth"] == "reverse") & (rows["compared"] > 0)]
    if len(compared):
        what = "cohorts under the reverse truth in which both directions are called indistinguishable, worst size"
        require(what, compared["indistinguishable"].min(), 1.0, at_most=False)
    if len(rows):
        require("cohorts with a sentence beyond what one wave allows", rows["beyond_tier"].max(), 0.0, at_most=True)
    return answers


NOTES = {
    "reverse": " No error is counted here: one wave cannot tell the chain from its reverse.",
    "unmeasured_common_cause": " A cause that nobody recorded: no rule can see it; shown, not bounded.",
    "common_cause_blurred": " Confounders with error: shown, not bounded.",
}


def summarise(table: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """The study as a page."""
    lines = ["# How often each verdict falls, where the truth is known", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += [
        "",
        "Everything here is synthetic. Each cell is a share of cohorts: supported / contradicted (null) / contradicted",
        "(opposite) / inconclusive / not testable, in per cent. A star marks a claim that is false by construction.",
        "RV01 and RV06 are about the order of events, which one wave cannot show: they are never testable here.",
        "",
        "![Share of each verdict, truth by truth](../../docs/verdicts.svg)",
        "",
        "## What is required",
        "",
        "| requirement | found | bound | holds |",
        "|---|---|---|---|",
    ]
    for name, (value, bound, holds) in check(table).items():
        lines.append(f"| {name} | {value:.3f} | {bound:.2f} | {'yes' if holds else 'NO'} |")
    lines += ["", *_with_error(table), *_true_scores(table)]
    for truth, part in table[table["reading"] == "declared"].groupby("truth", sort=False):
        title = read_truth(TRUTHS / f"{truth}.yaml").title
        lines += ["", f"## {truth}", "", f"{title}.{NOTES.get(str(truth), '')}", "", *_table(part)]
    return "\n".join([*lines, ""])


def _with_error(table: pd.DataFrame) -> list[str]:
    rows = table[(table["reading"] == "declared") & table["truth"].isin(BLURRED) & table["is_false"]]
    if rows.empty:
        return []
    lines = [
        "## Confounders with error, or not measured at all",
        "",
        "How often a false claim is called supported when its confounders are recorded with a reliability of .75, or",
        "when nobody recorded the common cause: the worst claim at each size. These are not bounded, for no rule",
        "can see what was not measured; they are why a supported claim of one wave is worded as an association.",
        "",
        "| truth | n | worst claim | supported |",
        "|---|---|---|---|",
    ]
    for (truth, n), part in rows.groupby(["truth", "n"], sort=False):
        worst = part.iloc[int(part["supported"].to_numpy().argmax())]
        lines.append(f"| {truth} | {n} | {worst['claim']} | {worst['supported']:.3f} |")
    return [*lines, ""]


def _true_scores(table: pd.DataFrame) -> list[str]:
    rows = table[table["reading"] == "true_scores"]
    if rows.empty:
        return []
    lines = [
        "## The five links with errors in variables",
        "",
        "Every segment a latent variable whose error variance is held at its declared reliability, as the sensitivity",
        "analysis does; worst false link and least supported true link of five, beside the same links as measured in",
        "all cohorts.",
        "",
        "| truth | n | false: as measured | false: true scores | true: as measured | true: true scores | cohorts |",
        "|---|---|---|---|---|---|---|",
    ]
    links = table[table["claim"].isin(EDGES)]
    for (truth, n), part in links.groupby(["truth", "n"], sort=False):
        readings = [part[part["reading"] == reading] for reading in ("declared", "true_scores")]
        wrong = [one.loc[one["is_false"], "supported"].max() for one in readings]
        right = [one.loc[~one["is_false"], "supported"].min() for one in readings]
        shares = " | ".join("" if math.isnan(share) else f"{share:.3f}" for share in (*wrong, *right))
        lines.append(f"| {truth} | {n} | {shares} | {readings[1]['cohorts'].max()} |")
    return [*lines, ""]


def _table(part: pd.DataFrame) -> list[str]:
    sizes = list(dict.fromkeys(part["n"]))
    lines = ["| claim | " + " | ".join(f"n={n}" for n in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for claim, cells in part.groupby("claim", sort=False):
        star = "*" if cells["is_false"].iloc[0] else ""
        shares = [" / ".join(f"{100 * row[verdict]:.0f}" for verdict in VERDICTS) for _, row in cells.iterrows()]
        lines.append(f"| {claim}{star} | " + " | ".join(shares) + " |")
    return lines
