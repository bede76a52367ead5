"""Published tables: what a report prints and a reader downloads, one function a table, rounded and safe to open.

Every function takes `Results` and returns a data frame. Numbers are to six significant digits, text cells can never
be taken for a formula by a spreadsheet, and counts that were masked stay masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from kinechain.disclosure import THRESHOLD
from kinechain.results import Results, path_name
from kinechain.rounding import PUBLISHED_DIGITS, is_number

EFFECT_COLUMNS = [
    "model",
    "effect",
    "kind",
    "estimate",
    "std_error",
    "low",
    "high",
    "level",
    "interval",
    "p_value",
    "mc_error_low",
    "mc_error_high",
    "draws",
    "failed_draws",
    "n",
    "unit",
    "standardised",
    "estimator",
]
"""Columns every reader may rely on; those that only some engines give follow after them."""

MORE_EFFECT_COLUMNS = [
    "low_90",
    "high_90",
    "standardised_std_error",
    "standardised_low",
    "standardised_high",
    "standardised_low_90",
    "standardised_high_90",
    "label",
    "lhs",
    "rhs",
    "path",
]

FIT_COLUMNS = [
    "model",
    "status",
    "n",
    "npar",
    "chisq",
    "df",
    "pvalue",
    "cfi",
    "tli",
    "rmsea",
    "rmsea_ci_lower",
    "rmsea_ci_upper",
    "srmr",
    "logl",
    "aic",
    "bic",
]

CLAIM_COLUMNS = [
    "claim",
    "family",
    "kind",
    "gist",
    "verdict",
    "tier",
    "wording",
    "survives_multiplicity",
    "model",
    "effect",
    "sign",
    "scale",
    "unit",
    "estimate",
    "low",
    "high",
    "level",
    "low_90",
    "high_90",
    "sesoi",
    "n",
    "weakest",
    "smallest_supported",
    "n_for_null",
    "reasons",
    "would_overturn",
]

CODEBOOK_COLUMNS = [
    "measure",
    "label",
    "unit",
    "convention",
    "orientation",
    "construct",
    "n",
    "missing",
    "mean",
    "sd",
    "reliability",
    "source",
]

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a text cell as a formula."""


def inert(text: str) -> str:
    """The text as a spreadsheet must show it: an apostrophe goes before whatever it would run as a formula."""
    if len(text) < 2 or not text.startswith(FORMULA_STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def publishable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with numbers to six significant digits and text that no spreadsheet runs."""
    out = frame.copy()
    for column in out.columns:
        if pd.api.types.is_float_dtype(out[column]):
            out[column] = [
                float(f"{value:.{PUBLISHED_DIGITS}g}") if np.isfinite(value) else np.nan for value in out[column]
            ]
        elif not pd.api.types.is_numeric_dtype(out[column]):
            out[column] = [inert(value) if isinstance(value, str) else value for value in out[column]]
    out.columns = pd.Index([inert(str(column)) for column in out.columns])
    return out


def _frame(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> pd.DataFrame:
    names = list(columns)
    return pd.DataFrame([{name: row.get(name) for name in names} for row in rows], columns=names)


def _joined(value: Any) -> str:
    """Reasons and other lists as one cell."""
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    return "" if value is None else str(value)


def effects_table(results: Results) -> pd.DataFrame:
    """Effects of every model, one row a model and effect, in the order the models were fitted."""
    columns = [*EFFECT_COLUMNS, *(name for name in MORE_EFFECT_COLUMNS if name in results.effects)]
    return publishable(results.effects.reindex(columns=columns))


def fit_row(model: str, fit: Mapping[str, Any]) -> dict[str, Any]:
    """Fit measures of one model under the names of the fit table; a failed fit has its status and no number."""
    measures = fit.get("fit_measures") or {}
    row: dict[str, Any] = {name: measures.get(name) for name in FIT_COLUMNS}
    return row | {"model": model, "status": fit.get("status"), "n": fit.get("n_obs")}


def fit_table(results: Results) -> pd.DataFrame:
    """Global fit of every model."""
    return publishable(_frame((fit_row(model, fit) for model, fit in results.fits.items()), FIT_COLUMNS))


def claims_table(results: Results) -> pd.DataFrame:
    """Verdict on every claim and rival, in the order of the ledger of claims."""
    rows = [dict(claim) | {"reasons": _joined(claim.get("reasons"))} for claim in results.claims]
    return publishable(_frame(rows, CLAIM_COLUMNS))


def codebook_table(results: Results) -> pd.DataFrame:
    """What each measure is, in which unit and convention, and how many people have it."""
    return publishable(_frame(results.quality.get("codebook", ()), CODEBOOK_COLUMNS))


def flow_table(results: Results) -> pd.DataFrame:
    """How many rows or people each step took away and left, from the file to the analysis."""
    steps = results.quality.get("flow") or [
        {"reason": step.reason, "removed": step.removed, "left": step.left, "unit": step.unit}
        for step in results.cohort.flow
    ]
    return publishable(_frame(steps, ("reason", "removed", "left", "unit")))


def findings_table(results: Results) -> pd.DataFrame:
    """Doubts about the data: level, measure, what was seen, how often, and the remedy."""
    return publishable(_frame(results.quality.get("findings", ()), ("level", "measure", "what", "count", "remedy")))


def missingness_table(results: Results) -> pd.DataFrame:
    """Missing values by variable and by pattern (kind); masked counts are empty and say so."""
    missing = results.quality.get("missingness") or {}
    rows: list[dict[str, Any]] = []
    for name, found in (missing.get("variables") or {}).items():
        count, masked = _count(found)
        rows.append({"kind": "variable", "missing": str(name), "count": count, "masked": masked})
    for pattern in missing.get("patterns") or ():
        count, masked = _count(pattern)
        names = " ".join(str(name) for name in pattern.get("missing", ()))
        rows.append({"kind": "pattern", "missing": names, "count": count, "masked": masked})
    return publishable(_frame(rows, ("kind", "missing", "count", "masked")))


def _count(found: Any) -> tuple[Any, bool]:
    """A count and whether it was masked, from a bare number or from a mapping with `count` and `masked`."""
    if isinstance(found, Mapping):
        return found.get("count"), bool(found.get("masked", False)) or found.get("count") is None
    return found, found is None


def edge_signs(results: Results) -> dict[tuple[str, str], int]:
    """Sign (+1 or -1) that the claims expect of each edge of the chain; an edge without a claim is left out."""
    signs: dict[tuple[str, str], int] = {}
    for x, y in results.edges:
        for claim in results.claims:
            sign = sign_of(claim.get("sign"))
            if claim.get("effect") == path_name(x, y) and sign:
                signs.setdefault((x, y), sign)
    return signs


def sign_of(value: object) -> int:
    """A claimed sign as +1 or -1; 0 when the claim has none."""
    if isinstance(value, str):
        return {"+": 1, "-": -1, "\N{MINUS SIGN}": -1, "positive": 1, "negative": -1, "1": 1, "-1": -1}.get(value, 0)
    return int(np.sign(float(value))) if is_number(value) else 0  # type: ignore[arg-type]  # is_number saw it


def told_n(results: Results, n: int, *variables: str) -> tuple[int, bool]:
    """People to tell beside a statistic of these variables, and whether there are at least so many or just so many.

    A count of missing values that the quality page masks, or a small one, would follow from n and the cohort's size.
    Rounded down to a multiple of the smallest count that may be shown, n leaves it open; an interval from it is wider.
    """
    limit = int(results.quality.get("threshold") or THRESHOLD)
    missing = results.quality.get("missingness") or {}
    hidden = {name for name, count in (missing.get("variables") or {}).items() if _count(count)[1]}
    hidden |= {str(row["measure"]) for row in results.quality.get("codebook", ()) if row.get("masked")}
    gives_away = 0 < results.cohort.n - n < limit or bool(hidden.intersection(variables))
    return (n // limit * limit, True) if gives_away and n >= limit else (n, False)


def correlations_table(results: Results) -> pd.DataFrame:
    """Correlations between the constructs, pair by pair, beside the sign the chain implies.

    x, y      constructs, in body order
    r         Pearson correlation of the people who have both (pairwise); n and at_least say how many, as `told_n` tells
    low, high 95 % interval by Fisher's z
    expected  +1 or -1: product of the claimed signs of the edges between them; empty where the chain says nothing
    """
    names = measured_constructs(results)
    r, n = _correlations(results, names)
    signs = edge_signs(results)
    rows = []
    for i, x in enumerate(names):
        for j in range(i + 1, len(names)):
            y = names[j]
            told, at_least = told_n(results, int(n[i, j]), x, y)
            low, high = fisher_interval(float(r[i, j]), told)
            numbers = {"r": r[i, j], "low": low, "high": high, "n": told, "at_least": at_least}
            rows.append({"x": x, "y": y, **numbers, "expected": _expected(results, signs, x, y)})
    return publishable(_frame(rows, ("x", "y", "r", "low", "high", "n", "at_least", "expected")))


def fisher_interval(r: float, n: int) -> tuple[float, float]:
    """95 % interval of a correlation by Fisher's z; not-a-number below four people or for a perfect correlation."""
    if n < 4 or not abs(r) < 1:
        return float("nan"), float("nan")
    half = 1.959963984540054 / np.sqrt(n - 3)
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))


def measured_constructs(results: Results) -> tuple[str, ...]:
    """Constructs of the chain, then its helpers, that this cohort measured; bottom to top."""
    have = set(results.cohort.variables)
    helpers = tuple(
        name for name, it in results.constructs.items() if it.role == "helper" and name not in results.chain
    )
    return tuple(name for name in (*results.chain, *helpers) if name in have)


def _expected(results: Results, signs: Mapping[tuple[str, str], int], x: str, y: str) -> int | None:
    if x not in results.chain or y not in results.chain:
        return None
    first, last = sorted((results.chain.index(x), results.chain.index(y)))
    between = [signs.get(edge) for edge in results.edges[first:last]]
    if not between or any(sign is None for sign in between):
        return None
    return int(np.prod([sign for sign in between if sign is not None]))


def _correlations(results: Results, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    if results.cohort.moments is not None:
        chosen = results.cohort.moments.select(names)
        spread = np.sqrt(np.diag(chosen.covariance))
        return chosen.covariance / np.outer(spread, spread), np.full((len(names), len(names)), chosen.n)
    assert results.cohort.people is not None
    people = results.cohort.people[list(names)].astype(float)
    known = people.notna().to_numpy().astype(int)
    return people.corr().to_numpy(), known.T @ known


TABLES: dict[str, Callable[[Results], pd.DataFrame]] = {
    "effects": effects_table,
    "fit": fit_table,
    "claims": claims_table,
    "codebook": codebook_table,
    "flow": flow_table,
    "missingness": missingness_table,
    "correlations": correlations_table,
}
"""Every table of a cohort's report: file name -> the function that makes it."""
