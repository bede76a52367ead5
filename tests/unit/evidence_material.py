"""Effect tables, fits and cohorts drawn small, for tests of the evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kinechain.decisions import Decisions, parse_decisions
from kinechain.evidence.claim import Claim, parse_claims
from kinechain.evidence.material import Material
from kinechain.io import read_yaml

CONFIG = Path(__file__).resolve().parents[2] / "config"
CLAIMS: tuple[Claim, ...] = parse_claims(read_yaml(CONFIG / "claims.yaml"))
DECISIONS: Decisions = parse_decisions(read_yaml(CONFIG / "decisions.yaml"))
EDGES = {
    "C04": "pelvis_post~ham_tight",
    "C05": "lumbar_flat~pelvis_post",
    "C08": "thor_kyph~lumbar_flat",
    "C10": "head_fwd~thor_kyph",
    "C14": "neck_pain~head_fwd",
}
VARIABLES = [
    "ham_tight",
    "pelvis_post",
    "lumbar_flat",
    "thor_kyph",
    "head_fwd",
    "neck_pain",
    "upper_ext",
    "gaze",
    "sva",
    "neck_strain",
    "cerv_rom_loss",
    "age",
    "sex",
    "bmi",
    "sit_h_day",
    "pa",
    "pi",
    "lbp",
    "psych",
]


def claim(name: str) -> Claim:
    return next(one for one in CLAIMS if one.id == name)


def row(model: str, effect: str, estimate: float, error: float, n: int = 400, **more: Any) -> dict[str, Any]:
    """One row of an effect table with normal limits; the standardised estimate equals the raw one."""
    ends = {"low": -1.96, "high": 1.96, "low_90": -1.645, "high_90": 1.645}
    limits = {name: estimate + z * error for name, z in ends.items()}
    return {
        "model": model,
        "effect": effect,
        "kind": "path",
        "estimate": estimate,
        "std_error": error,
        "level": 0.95,
        "n": n,
        "unit": "point/deg",
        "draws": 1000,
        "failed_draws": 0,
        "standardised": estimate,
        "standardised_std_error": error,
        **limits,
        **{f"standardised_{name}": value for name, value in limits.items()},
        **more,
    }


def fit(n: int = 400, **measures: float) -> dict[str, Any]:
    """A fit file that converged."""
    return {
        "status": "CONVERGED",
        "n_obs": n,
        "unmeasured": {"neck_pain": ["occupation"]},
        "fit_measures": {"npar": 50, "chisq": 0.0, "df": 0, "pvalue": 1.0, "logl": -1000.0, "bic": 2000.0, **measures},
    }


def chain_rows(estimate: float = 0.3, error: float = 0.05, n: int = 400) -> list[dict[str, Any]]:
    """The five edges of the open chain, their product and the total effect."""
    rows = [row("M2_chain_open", effect, estimate, error, n) for effect in EDGES.values()]
    product = estimate**5
    rows.append(row("M2_chain_open", "ind_chain", product, product / 3, n))
    rows.append(row("MT_total_effect", "neck_pain~ham_tight", product, error, n))
    return rows


def material(rows: list[dict[str, Any]], fits: dict[str, Any] | None = None, **more: Any) -> Material:
    """Material of a cross-sectional cohort that measured everything."""
    models = {str(one["model"]) for one in rows}
    facts: dict[str, Any] = {
        "design": "cross_sectional",
        "sampling_frame": "general",
        "synthetic": True,
        "n": 400,
        "variables": tuple(VARIABLES),
        "decisions": DECISIONS,
        "effects": {(one["model"], one["effect"]): one for one in rows},
        "fits": {model: fit() for model in models} if fits is None else fits,
    }
    return Material(**{**facts, **more})


def draws(effect: str, centre: float, spread: float, count: int = 4000) -> pd.DataFrame:
    """Evenly placed normal draws, so that their quantiles are exact and nothing is random."""
    from scipy.stats import norm

    places = norm.ppf((np.arange(count) + 0.5) / count)
    return pd.DataFrame({f"std:{effect}": centre + spread * places})
