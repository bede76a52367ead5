"""Root finding in many draws at once: Newton's step with one slope for all, corrected by each draw's last secant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array

Residual = Callable[[Array, NDArray[np.intp]], Array]


def search_roots(
    residual: Residual,
    start: Array,
    first: Array,
    newton: Array,
    *,
    tolerance: Array,
    most_steps: int,
    careful: Array | None = None,
) -> tuple[Array, NDArray[np.bool_]]:
    """Points at which the residual of every draw is zero.

    residual    (point (k, d), which draws (d,)) -> (k, d)
    start       (k, D) and `first`, the residuals (k, D) there
    newton      (k, k)  turns a residual into a step; right for the sample, nearly right for draws from it
    tolerance   (k, 1) or (1, D), largest Newton step of a converged draw; that step is still taken
    careful     (k, k)  turns a residual into the step to take where Newton's did not come closer; None for the residual
                itself, which is right for EM, whose steps cannot lower the likelihood
    returns     (k, D) and which draws (D,) did not converge

    A draw takes the corrected step for as long as residuals shrink, and careful steps from its best point otherwise.
    """
    search = _Search(start, first, newton, np.broadcast_to(tolerance, start.shape), careful)
    active = np.arange(start.shape[1])
    for _ in range(most_steps):
        active = active[search.running[active]]
        if not active.size:
            break
        point = search.next_point(active)
        search.update(active, point, residual(point, active))
    return search.best + search.step(slice(None)), search.running


class _Search:
    """Where each draw stands: the one place here with a memory.

    best, residual  (k, D)  best point so far and the residual there
    """

    def __init__(self, best: Array, residual: Array, newton: Array, tolerance: Array, careful: Array | None) -> None:
        self.best, self.residual, self.newton, self.careful = best.copy(), residual.copy(), newton, careful
        self.tolerance = tolerance
        self.scaled = newton @ residual
        self.length = np.abs(residual).max(axis=0)
        self.point_change = np.zeros_like(best)
        self.step_change = np.zeros_like(best)
        self.is_careful = ~np.isfinite(self.length)
        self.running = np.ones(best.shape[1], bool)
        self._stop_where_short(np.arange(best.shape[1]))

    def step(self, which: NDArray[np.intp] | slice) -> Array:
        """The step each draw takes next: Newton's with the last secant (Anderson), or a careful one."""
        newton, secant = self.scaled[:, which], self.step_change[:, which]
        with np.errstate(all="ignore"):
            share = (newton * secant).sum(axis=0) / (secant * secant).sum(axis=0)
        share = np.clip(np.nan_to_num(share, nan=0.0), -2.0, 2.0)
        corrected = newton - share * (self.point_change[:, which] + secant)
        if not self.is_careful[which].any():
            return np.asarray(corrected)
        residual = self.residual[:, which]
        careful = residual if self.careful is None else self.careful @ residual
        return np.where(self.is_careful[which], careful, corrected)

    def next_point(self, which: NDArray[np.intp]) -> Array:
        """Where each draw goes next."""
        return np.asarray(self.best[:, which] + self.step(which))

    def update(self, which: NDArray[np.intp], point: Array, residual: Array) -> None:
        """Takes the points that came closer; a draw whose point did not turns careful."""
        with np.errstate(invalid="ignore"):
            length = np.abs(residual).max(axis=0)
        closer = np.isfinite(length) & ((length < self.length[which]) | self.is_careful[which])
        taken = which[closer]
        scaled = self.newton @ residual[:, closer]
        self.point_change[:, taken] = point[:, closer] - self.best[:, taken]
        self.step_change[:, taken] = scaled - self.scaled[:, taken]
        self.best[:, taken], self.residual[:, taken] = point[:, closer], residual[:, closer]
        self.scaled[:, taken], self.length[taken] = scaled, length[closer]
        lost = which[~closer & self.is_careful[which]]
        self.residual[:, lost] *= 0.5  # a careful step that leads nowhere: half of it next
        self.is_careful[which[~closer]] = True
        self._stop_where_short(taken)

    def _stop_where_short(self, which: NDArray[np.intp]) -> None:
        """Draws whose Newton step is within the tolerance have converged."""
        self.running[which] &= ~(np.abs(self.scaled[:, which]) < self.tolerance[:, which]).all(axis=0)
