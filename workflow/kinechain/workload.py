"""What draws cost and what too few are worth: known before anything is read, when the work is planned.

Seconds are those of one core of the machine the numbers were measured on (`make bench-draws`). They decide how many
jobs share the draws of a model and nothing else: the draws are the same to the bit however they are shared out.
"""

from __future__ import annotations

import math
import re

SECONDS_A_JOB = 60.0
"""Predicted seconds of draws above which they are shared out, when config.yaml says nothing."""

FEWEST_DRAWS = 1000
"""Draws under which a limit is printed with a warning: its Monte Carlo error passes a tenth of a standard error."""

_USUAL_PATTERNS = 30
"""Patterns of missing values, where nobody has counted them."""


def few_draws(draws: int) -> str:
    """What is wrong with so few draws, in words; "" where they are enough.

    The standard error of a normal 2.5 % quantile is sqrt(p (1 - p) / B) over the density there, in standard errors of
    the estimate.
    """
    if draws >= FEWEST_DRAWS:
        return ""
    error = math.sqrt(0.025 * 0.975 / max(draws, 1)) / 0.05844507
    return f"{draws} draws leave each 95 % limit uncertain by about {error:.2f} standard errors of its effect"


def closed_form(n: int) -> float:
    """Seconds a draw of a recursive model of complete data: solving, and a product that grows with the people."""
    return 5e-6 + 5e-9 * n


def with_gaps(n: int, patterns: int = _USUAL_PATTERNS) -> float:
    """Seconds a draw of a recursive model by full-information maximum likelihood."""
    return 2e-5 + 6e-6 * patterns + 6e-9 * n


def searched(n: int, groups: int = 1) -> float:
    """Seconds a draw of a model whose likelihood is searched: latent variables, loops, equality, several groups."""
    return 1.5e-3 * groups + 6e-9 * n


def refitted(n: int) -> float:
    """Seconds a draw of a model that is fitted anew from the people in each draw (ordered outcomes)."""
    return 0.05 + 1e-5 * n


def from_law() -> float:
    """Seconds a draw of published moments or of parameters, from a law: no people are touched."""
    return 2e-5


def predict(equations: str, *, n: int, estimator: str, missing: str, is_published: bool = False) -> float:
    """Seconds a draw, from what config says of a model and from roughly how many people there are."""
    equations = re.sub(r"[#!].*", "", equations)
    if is_published:
        return from_law()
    if estimator not in ("ml", "mlr") or re.search(r"==|[<>]", equations):
        return refitted(n)
    if re.search(r"=~|~~", equations):
        return searched(n)
    return with_gaps(n) if missing == "fiml" else closed_form(n)


def jobs(seconds: float, seconds_a_job: float, chunks: int) -> int:
    """How many jobs share draws that take this long: one for small ones, never more than there are chunks."""
    return max(1, min(chunks, math.ceil(seconds / seconds_a_job)))
