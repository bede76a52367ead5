"""Streams of random numbers: one seed for the study, one stream for each cohort, scheme and chunk of draws."""

from __future__ import annotations

import zlib
from enum import Enum

import numpy as np

CHUNK = 512
"""Draws in a chunk. Fixed by index, never by the number of cores: the bits do not depend on the machine's size."""


class Scheme(Enum):
    """How draws are made; the number goes into the stream and must never be given to another scheme.

    MULTINOMIAL    people with replacement, exactly n of them: the bootstrap
    STRATIFIED     the same within each group, site or arm
    CLUSTER        whole clusters with replacement
    POISSON        independent Poisson(1) weights: n itself varies from draw to draw
    TWO_POINT      independent weights 0 or 2, each with probability one half
    MOMENT_NORMAL  moments drawn from their normal limit: nobody is resampled
    PARAMETRIC     moments drawn from the Wishart and normal laws at the sample's moments: nobody is resampled
    MONTE_CARLO    parameters drawn from the normal law at the estimate: nobody is resampled
    BOLLEN_STINE   people with replacement from data turned until the model holds: a test of fit
    IMPUTATION     missing values drawn, then analysed
    """

    MULTINOMIAL = 1
    STRATIFIED = 2
    CLUSTER = 3
    POISSON = 4
    TWO_POINT = 5
    MOMENT_NORMAL = 6
    PARAMETRIC = 7
    MONTE_CARLO = 8
    BOLLEN_STINE = 9
    IMPUTATION = 10


def stream(seed: int, cohort: str, scheme: Scheme, chunk: int) -> np.random.Generator:
    """Generator of one chunk: the same wherever and in whatever order chunks are made.

    SFC64 because making weights is bound by the generator. Models of one cohort share their streams, so that two
    models can be compared draw by draw.
    """
    key = (zlib.crc32(cohort.encode()), scheme.value, chunk)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def chunk_sizes(draws: int) -> list[int]:
    """Draws wanted from each chunk, in order; only the last may be short (its first draws are used)."""
    full, rest = divmod(draws, CHUNK)
    return [CHUNK] * full + ([rest] if rest else [])
