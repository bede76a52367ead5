"""Drawers: ways of getting draws of a model's parameters, one for each kind of model and data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.batched_moments import MomentDraws, Scale, moments_of_sums
from kinechain.numerics.batched_wishart import wishart_moments
from kinechain.numerics.moments import Moments
from kinechain.numerics.streams import CHUNK, Scheme, stream
from kinechain.parameter_table import ParameterTable
from kinechain.resampling.draws import ParameterDraws, join_parameters
from kinechain.resampling.sampling import (
    Design,
    Features,
    chunk_sums,
    left_out_sums,
    normal_law,
    normal_sums,
    sample_sums,
    unit_features,
)

CHUNKS_AT_ONCE = 4
"""Chunks fitted together: wide enough that numpy's calls cost little, narrow enough for the cache."""

CHUNKS_A_TILE = 20
"""Chunks that share a tile's features when there are too many people to hold all features."""

MomentFit = Callable[[MomentDraws, Scale], ParameterDraws]


class Drawer(Protocol):
    """Draws a model's parameters: whole chunks, the sample itself, and the sample with each person left out."""

    @property
    def table(self) -> ParameterTable:
        """The parameter table whose rows are drawn, all groups."""
        ...

    @property
    def n(self) -> int:
        """People behind the estimates."""
        ...

    @property
    def scheme(self) -> Scheme:
        """How draws are made."""
        ...

    @property
    def method(self) -> str:
        """The same in words."""
        ...

    def draw(self, seed: int, cohort: str, chunks: Sequence[int]) -> Iterator[ParameterDraws]:
        """CHUNK draws for each chunk, in order: one or several chunks at a time."""
        ...

    def sample(self) -> ParameterDraws:
        """The sample itself, as one draw."""
        ...

    def leave_out(self) -> tuple[ParameterDraws, NDArray[np.intp] | None]:
        """Each person (or cluster) left out in turn, and the stratum of each if there are several."""
        ...


@dataclass(frozen=True, slots=True)
class MomentDrawer:
    """People resampled, for any model that needs their moments only."""

    table: ParameterTable
    source: Features
    design: Design
    fit: MomentFit

    @property
    def n(self) -> int:
        return self.source.n

    @property
    def scheme(self) -> Scheme:
        return self.design.scheme

    @property
    def method(self) -> str:
        return self.design.in_words

    def draw(self, seed: int, cohort: str, chunks: Sequence[int]) -> Iterator[ParameterDraws]:
        if self.scheme is Scheme.MOMENT_NORMAL:
            law = normal_law(self.source)
            yield from (self._fitted(normal_sums(law, self.n, seed, cohort, chunk)) for chunk in chunks)
            return
        held = unit_features(self.source, self.design)
        at_once = CHUNKS_A_TILE if held is None else CHUNKS_AT_ONCE
        for start in range(0, len(chunks), at_once):
            some = chunks[start : start + at_once]
            yield self._fitted(chunk_sums(self.source, self.design, held, seed, cohort, some))

    def sample(self) -> ParameterDraws:
        return self._fitted(sample_sums(self.source))

    def leave_out(self) -> tuple[ParameterDraws, NDArray[np.intp] | None]:
        left_out = join_parameters([self._fitted(sums) for sums in left_out_sums(self.source, self.design)])
        return left_out, self.design.stratum_of(self.source.complete)

    def _fitted(self, sums: Array) -> ParameterDraws:
        return self.fit(moments_of_sums(sums, self.source.X.shape[1]), self.source.scale)


@dataclass(frozen=True, slots=True)
class PublishedDrawer:
    """Moments drawn under normality, for published moments behind which nobody can be resampled.

    moments  of the model's variables, in its order
    """

    table: ParameterTable
    moments: Moments
    fit: MomentFit

    @property
    def n(self) -> int:
        return self.moments.n

    @property
    def scheme(self) -> Scheme:
        return Scheme.PARAMETRIC

    @property
    def method(self) -> str:
        return "moments drawn under normality (nobody resampled)"

    def draw(self, seed: int, cohort: str, chunks: Sequence[int]) -> Iterator[ParameterDraws]:
        sample, scale = published_sample(self.moments)
        correlation = sample.covariance[:, :, 0]
        for chunk in chunks:
            yield self.fit(wishart_moments(stream(seed, cohort, self.scheme, chunk), correlation, self.n, CHUNK), scale)

    def sample(self) -> ParameterDraws:
        return self.fit(*published_sample(self.moments))

    def leave_out(self) -> tuple[ParameterDraws, NDArray[np.intp] | None]:
        raise ValueError("nobody can be left out of published moments")


def published_sample(moments: Moments) -> tuple[MomentDraws, Scale]:
    """Published moments as one draw of standardised variables, and the scale they were standardised by."""
    scale = Scale(moments.mean, np.sqrt(np.diag(moments.covariance)))
    correlation = moments.covariance / np.outer(scale.spread, scale.spread)
    mean = np.zeros((correlation.shape[0], 1))
    return MomentDraws(mean, correlation[:, :, None], np.array([float(moments.n)])), scale
