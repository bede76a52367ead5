"""Corrections for testing many claims: adjusted p-values that can be read against one level."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array

Places: TypeAlias = NDArray[np.intp]


def adjust_holm(p: Array) -> Array:
    """Holm's step-down adjusted p-values: family-wise error, any dependence.

    p        (m,)  p-values; NaN (nothing tested) stays NaN and does not count
    returns  (m,)

    Holm (1979), Scandinavian Journal of Statistics 6, 65-70. Reference: R `p.adjust(p, "holm")`.
    """
    known, order, ordered = _ordered(p)
    m = len(ordered)
    return _restored(p, known, order, np.maximum.accumulate((m - np.arange(m)) * ordered))


def adjust_benjamini_hochberg(p: Array) -> Array:
    """Benjamini and Hochberg's step-up adjusted p-values: false discovery rate, positive dependence.

    p        (m,)  p-values; NaN (nothing tested) stays NaN and does not count
    returns  (m,)

    Benjamini & Hochberg (1995), doi 10.1111/j.2517-6161.1995.tb02031.x. Reference: R `p.adjust(p, "BH")`.
    """
    known, order, ordered = _ordered(p)
    m = len(ordered)
    scaled = ordered * m / np.arange(1, m + 1)
    return _restored(p, known, order, np.minimum.accumulate(scaled[::-1])[::-1])


def _ordered(p: Array) -> tuple[Places, Places, Array]:
    known = np.flatnonzero(~np.isnan(p))
    order = np.argsort(p[known], kind="stable")
    return known, order, p[known][order]


def _restored(p: Array, known: Places, order: Places, adjusted: Array) -> Array:
    result = np.full(len(p), np.nan)
    result[known[order]] = np.minimum(adjusted, 1.0)
    return result
