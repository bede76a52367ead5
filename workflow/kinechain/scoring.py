"""Scoring: from columns to a column, by generic kinds. Which kind, from what, is said in config/measures.yaml.

Each kind is one function of arrays. Inputs are other measures (`name`), items of a questionnaire (`measure.item`) or
coordinates of landmarks (`landmark.a` forward and `landmark.u` upward, in mm or pixels). A missing input makes the
result missing, except where a kind says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinechain.numerics import Array, landmarks

Columns = Mapping[str, Array]
Way = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of scoring.

    inputs  names a way of this kind needs, given the way and the measure it belongs to
    score   the way and the columns by name -> the measure, (n,)
    needs_all  False when some inputs may be absent as columns (unasked items)
    scaled  True when the result is a length: landmark coordinates must then be in mm
    """

    inputs: Callable[[Way, str], tuple[str, ...]]
    score: Callable[[Way, str, Columns], Array]
    needs_all: bool = True
    scaled: bool = False


def inputs_of(way: Way, measure: str) -> tuple[str, ...]:
    """Names of the columns a derivation needs."""
    return KINDS[way["kind"]].inputs(way, measure)


def score(way: Way, measure: str, columns: Columns) -> Array:
    """The measure by one of its derivations."""
    return KINDS[way["kind"]].score(way, measure, columns)


def answered_items(way: Way, items: Mapping[str, Array]) -> dict[str, Array]:
    """Items with codes that say "does not apply" and codes outside the item's range as missing."""
    low, high = way["item_range"]
    kept = {}
    for name, codes in items.items():
        unusable = np.isin(codes, way.get("not_applicable", {}).get(name, ())) | (codes < low) | (codes > high)
        kept[name] = np.where(unusable, np.nan, codes)
    return kept


def sum_score(items: Array, *, low: float, high: float, min_answered: int, out_of: float) -> Array:
    """Sum of the answered items as a share of the greatest sum they allow.

    items    (n, k)  codes; not answered or not applicable is NaN
    low, high        codes of an item at its ends
    min_answered     fewer answered items give NaN
    out_of           score when every answered item is highest
    returns  (n,)    out_of × (sum - a·low) / (a·(high - low)) with a answered items: the same as giving each missing
                     item the mean of the person's others
    """
    answered = np.isfinite(items)
    count = answered.sum(axis=1)
    total = np.where(answered, items - low, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = total / (count * (high - low))
    return np.where(count >= min_answered, out_of * share, np.nan)


def _sum_score(way: Way, measure: str, columns: Columns) -> Array:
    owner = way.get("items_of", measure)
    present = {item: columns[f"{owner}.{item}"] for item in way["items"] if f"{owner}.{item}" in columns}
    items = np.column_stack(list(answered_items(way, present).values()))
    low, high = way["item_range"]
    return sum_score(items, low=low, high=high, min_answered=way["min_answered"], out_of=way["out_of"])


def _power_product(way: Way, _measure: str, columns: Columns) -> Array:
    result = np.full(len(next(iter(columns.values()))), float(way.get("factor", 1.0)))
    for name, power in way["powers"].items():
        with np.errstate(divide="ignore", invalid="ignore"):
            result = result * columns[name] ** float(power)
    return np.where(np.isfinite(result), result, np.nan)


def _at_least(way: Way, _measure: str, columns: Columns) -> Array:
    value = columns[way["of"]]
    return np.where(np.isnan(value), np.nan, (value >= way["threshold"]).astype(float))


def _point(columns: Columns, name: str) -> landmarks.Point:
    return landmarks.Point(columns[f"{name}.a"], columns[f"{name}.u"])


def _elevation(way: Way, _measure: str, columns: Columns) -> Array:
    start, end = _point(columns, way["from"]), _point(columns, way["to"])
    if way.get("horizontal", "forward") == "backward":
        start, end = (landmarks.Point(-point.a, point.u) for point in (start, end))
    return landmarks.elevation(start, end)


def _plate_slope(columns: Columns, plate: str) -> Array:
    return landmarks.plate_slope(_point(columns, f"{plate}_post"), _point(columns, f"{plate}_ant"))


def _plate_angle(way: Way, _measure: str, columns: Columns) -> Array:
    upper, lower = (_plate_slope(columns, way[end]) for end in ("upper", "lower"))
    return float(way.get("factor", 1.0)) * (upper - lower)


def _arch(way: Way, columns: Columns) -> landmarks.Arch:
    top, apex, bottom = (_point(columns, f"{way['curve']}_{end}") for end in ("top", "apex", "bottom"))
    return landmarks.arch(top, apex, bottom)


def _points(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}.{axis}" for name in names for axis in ("a", "u"))


def _ends(way: Way, _measure: str) -> tuple[str, ...]:
    return _points(way["from"], way["to"])


def _corners(*plates: str) -> tuple[str, ...]:
    return _points(*(f"{plate}_{corner}" for plate in plates for corner in ("post", "ant")))


def _curve(way: Way, _measure: str) -> tuple[str, ...]:
    return _points(*(f"{way['curve']}_{end}" for end in ("top", "apex", "bottom")))


KINDS: Mapping[str, Kind] = {
    "sum_score": Kind(
        lambda way, measure: tuple(f"{way.get('items_of', measure)}.{item}" for item in way["items"]),
        _sum_score,
        needs_all=False,
    ),
    "linear": Kind(
        lambda way, _: (way["of"],),
        lambda way, _, columns: way["factor"] * columns[way["of"]] + way.get("offset", 0.0),
    ),
    "difference": Kind(
        lambda way, _: (way["of"], way["less"]), lambda way, _, columns: columns[way["of"]] - columns[way["less"]]
    ),
    "total": Kind(
        lambda way, _: tuple(way["of"]), lambda way, _, columns: np.sum([columns[name] for name in way["of"]], axis=0)
    ),
    "power_product": Kind(lambda way, _: tuple(way["powers"]), _power_product),
    "at_least": Kind(lambda way, _: (way["of"],), _at_least),
    "elevation": Kind(_ends, _elevation),
    "plate_slope": Kind(
        lambda way, _: _corners(way["plate"]),
        lambda way, _, columns: float(way.get("factor", 1.0)) * _plate_slope(columns, way["plate"]),
    ),
    "plate_angle": Kind(lambda way, _: _corners(way["upper"], way["lower"]), _plate_angle),
    "plumb_lean": Kind(
        _ends,
        lambda way, _, columns: landmarks.plumb_lean(_point(columns, way["from"]), _point(columns, way["to"])),
    ),
    "forward_distance": Kind(
        _ends, lambda way, _, columns: columns[f"{way['to']}.a"] - columns[f"{way['from']}.a"], scaled=True
    ),
    "arch_index": Kind(_curve, lambda way, _, columns: _arch(way, columns).index),
    "arch_angle": Kind(_curve, lambda way, _, columns: _arch(way, columns).triangle_deg),
}
