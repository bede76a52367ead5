"""Draws of every effect of a model, and intervals from them.

`draw_effects` takes a spec and data and gives `Draws`; `interval_table` turns draws into limits.
"""

from __future__ import annotations

from kinechain.resampling.drawing import draw_effects, join_draws, make_drawer
from kinechain.resampling.draws import Draws, draws_frame, draws_metadata, findings
from kinechain.resampling.of_cohort import draw_cohort
from kinechain.resampling.table import interval_table, join_intervals

__all__ = [
    "Draws",
    "draw_cohort",
    "draw_effects",
    "draws_frame",
    "draws_metadata",
    "findings",
    "interval_table",
    "join_draws",
    "join_intervals",
    "make_drawer",
]
