"""What every estimator tells in the same way: what became of the rows, and a fit without numbers."""

from __future__ import annotations

import math

import numpy as np

from kinechain.fit import Accounting, Fit, Search, Status
from kinechain.numerics import Array
from kinechain.numerics.model import GroupModel
from kinechain.parameter_table import ParameterTable
from kinechain.sample import Sample
from kinechain.spec import ModelSpec


def account_for(spec: ModelSpec, table: ParameterTable, sample: Sample) -> Accounting:
    """What became of the rows of the data."""
    return Accounting(
        sample.n_rows,
        dict(sample.n_dropped),
        tuple(group.patterns.n_people for group in sample.groups),
        tuple(group.label for group in sample.groups),
        tuple(len(group.patterns.n) for group in sample.groups),
        dict(sample.n_missing),
        table.exogenous if spec.options.fixed_x else (),
        sum(len(np.unique(group.clusters)) for group in sample.groups if group.clusters is not None),
    )


def failed_fit(
    spec: ModelSpec,
    table: ParameterTable,
    sample: Sample,
    status: Status,
    detail: str,
    search: Search,
    groups: tuple[GroupModel, ...],
    saturated: tuple[tuple[Array, Array], ...],
) -> Fit:
    """A fit without numbers: everything estimated is NaN, what was counted stays."""
    k = table.n_free
    return Fit(
        spec,
        table,
        np.full(k, math.nan),
        np.full((k, k), math.nan),
        {"npar": float(k), "ntotal": float(sample.n)},
        status,
        spec.estimator,
        account_for(spec, table, sample),
        search,
        groups,
        saturated,
        detail=detail,
    )


def flat_parameters(table: ParameterTable, direction: Array) -> str:
    """The parameters that a flat direction (k,) of the information moves most, as a clause."""
    names = table.parameter_names()
    worst = [i for i in np.argsort(-direction)[:4] if direction[i] > 0.1 * direction.max()]
    return f"involved: {', '.join(f'`{names[i]}`' for i in worst)}"
