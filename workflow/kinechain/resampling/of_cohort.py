"""Draws of a model from a cohort, by what the cohort holds and declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kinechain.numerics.streams import Scheme, chunk_sizes
from kinechain.resampling.drawing import draw_effects, join_draws, labels_of
from kinechain.resampling.draws import Draws, restore_draws
from kinechain.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd

    from kinechain.cohort import Cohort


def draw_cohort(
    spec: ModelSpec,
    cohort: Cohort,
    *,
    seed: int,
    draws: int,
    interval: str = "percentile",
    part: tuple[int, int] | None = None,
    made: Sequence[tuple[pd.DataFrame, Mapping[str, Any]]] = (),
    people: Mapping[str, Any] | None = None,
) -> Draws:
    """Every effect of the model in every draw: people are resampled, a published table is drawn from.

    part  (k, of): only the draws of job k of so many that share them, from 0
    people  columns by name, where they are not those of the cohort itself: on disk
    made  the tables and the metadata of all such jobs in order: they are joined and nothing is drawn

    Under `monte_carlo` parameters are drawn at their estimate and nobody is resampled. Otherwise whole clusters are
    resampled where the cohort declares a cluster column. Gaps are handled as the model says.
    Raises ValueError when what was made is not what was asked for.
    """
    chunks = range(len(chunk_sizes(draws)))
    if part is not None:
        number, of = part
        chunks = range(*np.linspace(0, len(chunks), of + 1).astype(int)[number : number + 2].tolist())
    if not made:
        return _draw(spec, cohort, people, seed, draws, interval if part is None else _unaccelerated(interval), chunks)
    sample = _draw(spec, cohort, people, seed, draws, interval, range(0))
    joined = join_draws([sample, *(restore_draws(sample, frame, metadata) for frame, metadata in made)])
    if joined.attempted != draws:
        raise ValueError(f"the parts hold {joined.attempted} draws, not {draws}")
    return joined


def _unaccelerated(interval: str) -> str:
    """A part leaves nobody out in turn: that is done once, where parts are joined."""
    return "bc" if interval == "bca" else interval


def _draw(
    spec: ModelSpec,
    cohort: Cohort,
    people: Mapping[str, Any] | None,
    seed: int,
    draws: int,
    interval: str,
    chunks: Sequence[int],
) -> Draws:
    if cohort.moments is not None:
        return draw_effects(spec, cohort.moments, seed=seed, draws=draws, cohort=cohort.name, chunks=chunks)
    if people is None:
        assert cohort.people is not None
        people = {str(name): cohort.people[name] for name in cohort.people.columns}
    column = cohort.roles.get("cluster")
    scheme = Scheme.CLUSTER if column else Scheme.MULTINOMIAL
    if interval == "monte_carlo":
        scheme = Scheme.MONTE_CARLO
    return draw_effects(
        spec,
        people,
        seed=seed,
        draws=draws,
        cohort=cohort.name,
        scheme=scheme,
        cluster=labels_of(people, column) if column else None,
        accelerate=interval == "bca",
        chunks=chunks,
    )
