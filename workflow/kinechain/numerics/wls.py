"""Weighted least squares on statistics of known covariance matrix: estimates, robust errors, corrected statistics.

Muthén, du Toit & Spisic (1997), robust inference with diagonal weights; Asparouhov & Muthén (2010), Simple second order
chi-square correction (the scaled and shifted statistic); Satorra & Bentler (1994) for its first moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinechain.numerics import Array
from kinechain.numerics.optimise import Slope
from kinechain.numerics.ordinal_model import OrdinalRam, differentiate_statistics, imply_statistics
from kinechain.numerics.polychoric import pairs


@dataclass(frozen=True, slots=True)
class WlsGroup:
    """One group: its model and what was observed.

    model       where the parameters stand
    statistics  (s,)    observed
    gamma       (s, s)  covariance matrix of sqrt(n) times the statistics
    n           people; as lavaan does, n - 1 of them count
    """

    model: OrdinalRam
    statistics: Array
    gamma: Array
    n: int

    @property
    def counted(self) -> int:
        """People who count: n - 1."""
        return self.n - 1

    @property
    def weight(self) -> Array:
        """(s,) one over each statistic's variance: the diagonal weights."""
        return 1.0 / np.diag(self.gamma)


@dataclass(frozen=True, slots=True)
class WlsModel:
    """All groups; as an `Objective` it is half the weighted squared distance of a person."""

    groups: tuple[WlsGroup, ...]

    @property
    def counted(self) -> int:
        """People who count in all groups: n - 1 of each."""
        return sum(group.counted for group in self.groups)

    def value(self, theta: Array) -> float:
        """Half the weighted squared distance between observed and implied statistics, averaged over people."""
        total = 0.0
        for group in self.groups:
            distance = group.statistics - imply_statistics(group.model, theta.astype(np.complex128)).real
            total += 0.5 * group.counted / self.counted * float(distance @ (group.weight * distance))
        if not np.isfinite(total):
            raise np.linalg.LinAlgError("the implied statistics are not finite")
        return total

    def slope(self, theta: Array, *, exact: bool) -> Slope:  # noqa: ARG002 - one curvature serves far and near
        """The distance with its derivatives; the curvature is Gauss's and Newton's, exact where the model fits."""
        value, gradient, curvature = 0.0, np.zeros_like(theta), np.zeros((len(theta), len(theta)))
        for group in self.groups:
            implied, delta = differentiate_statistics(group.model, theta)
            distance, share = group.statistics - implied, group.counted / self.counted
            value += 0.5 * share * float(distance @ (group.weight * distance))
            gradient -= share * delta.T @ (group.weight * distance)
            curvature += share * delta.T @ (group.weight[:, None] * delta)
        return Slope(value, gradient, curvature)


@dataclass(frozen=True, slots=True)
class WlsInference:
    """What is known at the minimum.

    naive       (k, k)  covariance of the estimates were the diagonal weights the whole truth
    robust      (k, k)  sandwich covariance of the estimates
    chisq       n times the weighted squared distance
    df          statistics less free parameters plus active constraints
    scale       chisq is divided by it ...
    shift       ... and moved by it, for mean and variance of a chi-square with df degrees of freedom
    """

    naive: Array
    robust: Array
    chisq: float
    df: int
    scale: float
    shift: float

    @property
    def scaled_chisq(self) -> float:
        """The scaled and shifted statistic."""
        return self.chisq / self.scale + self.shift


def infer(model: WlsModel, theta: Array, active: Array) -> WlsInference:
    """Robust covariance and corrected statistic at the minimum theta (k,).

    active  (a, k) derivatives of the constraints that hold with equality there
    """
    share = np.array([group.counted / model.counted for group in model.groups])
    derivatives = [differentiate_statistics(group.model, theta)[1] for group in model.groups]
    weights = [part * group.weight for part, group in zip(share, model.groups, strict=True)]
    k = len(theta)
    open_directions = _null_space(active, k)
    bread = np.zeros((k, k))
    meat = np.zeros((k, k))
    for group, part, delta, weight in zip(model.groups, share, derivatives, weights, strict=True):
        weighted = weight[:, None] * delta
        bread += delta.T @ weighted
        meat += weighted.T @ (group.gamma / part) @ weighted
    inverse = open_directions @ np.linalg.inv(open_directions.T @ bread @ open_directions) @ open_directions.T
    whole = np.concatenate(derivatives)
    weight = np.concatenate(weights)
    U = np.diag(weight) - (weight[:, None] * whole) @ inverse @ (whole.T * weight)
    df = len(weight) - open_directions.shape[1]
    scale, shift = scale_and_shift(
        U @ _stack([group.gamma / part for group, part in zip(model.groups, share, strict=True)]), df
    )
    chisq = 2.0 * model.counted * model.value(theta)
    return WlsInference(inverse / model.counted, inverse @ meat @ inverse / model.counted, chisq, df, scale, shift)


def independence_statistic(model: WlsModel) -> tuple[float, int, float, float]:
    """chisq, df, scale and shift of the model without residual covariances, all else free.

    Diagonal weights leave each other statistic at its observed value, so that nothing has to be fitted.
    """
    chisq, df, blocks = 0.0, 0, []
    for group in model.groups:
        p = len(group.model.y)
        count = p * (p - 1) // 2
        covariances = slice(len(group.statistics) - count, None)
        weight = group.weight[covariances]
        chisq += group.counted * float(weight @ group.statistics[covariances] ** 2)
        df += count
        blocks.append(weight[:, None] * group.gamma[covariances, covariances])
    return chisq, df, *scale_and_shift(_stack(blocks), df)


def scale_and_shift(UG: Array, df: int) -> tuple[float, float]:
    """Scale and shift that give a statistic with weight matrix product UG the mean and variance of a chi-square.

    Asparouhov & Muthén (2010), Simple second order chi-square correction, equation 9; 1 and 0 where df is 0.
    """
    if df <= 0:
        return 1.0, 0.0
    mean, square = float(np.trace(UG)), float(np.sum(UG * UG.T))
    a = np.sqrt(df / square)
    return 1.0 / a, df - mean * a


def difference_correction(
    restricted: WlsModel,
    theta_restricted: Array,
    active_restricted: Array,
    general: WlsModel,
    theta: Array,
    active: Array,
    df: int,
) -> tuple[float, float]:
    """Scale and shift of the difference between the statistics of two nested models, each at its minimum.

    active  (a, k) derivatives of the constraints that hold with equality, of each model
    df      difference of their degrees of freedom

    The restriction is read off the two models' derivatives (the "delta" method of lavaan): what the general model's
    parameters can do and the restricted one's cannot.
    """
    share = np.array([group.counted / general.counted for group in general.groups])
    order = _match_statistics(restricted, general)
    lower = np.concatenate([differentiate_statistics(group.model, theta_restricted)[1] for group in restricted.groups])[
        order
    ] @ _null_space(active_restricted, len(theta_restricted))
    upper = np.concatenate([differentiate_statistics(group.model, theta)[1] for group in general.groups])
    upper = upper @ _null_space(active, len(theta))
    weight = np.concatenate([part * group.weight for part, group in zip(share, general.groups, strict=True)])
    inverse = np.linalg.inv(upper.T @ (weight[:, None] * upper))
    kept = np.linalg.lstsq(upper, lower, rcond=None)[0]
    left, singular, _ = np.linalg.svd(kept, full_matrices=True)
    rank = int((singular > 1e-8 * max(singular.max(initial=0.0), 1e-300)).sum())
    A = left[:, rank:].T
    middle = inverse @ A.T @ np.linalg.pinv(A @ inverse @ A.T, hermitian=True) @ A @ inverse
    weighted = weight[:, None] * upper
    gamma = _stack([group.gamma / part for group, part in zip(general.groups, share, strict=True)])
    return scale_and_shift(weighted @ middle @ weighted.T @ gamma, df)


def _match_statistics(restricted: WlsModel, general: WlsModel) -> list[int]:
    """Positions in the restricted model's statistics of those of the general one, by the names they concern."""
    known = {name: at for at, name in enumerate(_statistic_names(restricted))}
    return [known[name] for name in _statistic_names(general)]


def _statistic_names(model: WlsModel) -> list[tuple[int, frozenset[str], int]]:
    """For each statistic its group, the variables it concerns, and a number that tells cuts and kinds apart."""
    found: list[tuple[int, frozenset[str], int]] = []
    for number, group in enumerate(model.groups):
        y = [group.model.ram.names[at] for at in group.model.y]
        x = [group.model.ram.names[at] for at in group.model.x]
        for name, level in zip(y, group.model.levels, strict=True):
            found += [(number, frozenset((name,)), cut) for cut in range(max(level - 1, 1))]
        found += [(number, frozenset((name, source)), -1) for source in x for name in y]
        found += [
            (number, frozenset((name,)), -2) for name, level in zip(y, group.model.levels, strict=True) if not level
        ]
        first, second = pairs(len(y))
        found += [(number, frozenset((y[i], y[j])), -3) for i, j in zip(first, second, strict=True)]
    return found


def _stack(blocks: list[Array]) -> Array:
    size = sum(len(block) for block in blocks)
    out = np.zeros((size, size))
    start = 0
    for block in blocks:
        out[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    return out


def _null_space(active: Array, k: int) -> Array:
    """Orthonormal directions (k, k - rank) along which the active constraints do not change."""
    if not len(active):
        return np.eye(k)
    scaled = active / np.maximum(np.linalg.norm(active, axis=1, keepdims=True), 1e-300)
    _, singular, vt = np.linalg.svd(scaled)
    rank = int(np.sum(singular > 1e-10))
    return vt[rank:].T
