"""Geometry of landmarks in the sagittal plane, after a picture has been turned into body axes.

Body axes: `a` grows forward (where the face looks), `u` grows upward. Angles are in degrees and need no scale;
distances come in the unit of the coordinates. Missing coordinates (NaN) give missing results.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinechain.numerics import Array


@dataclass(frozen=True, slots=True)
class Point:
    """A landmark of n people: forward and upward coordinates, (n,) each, in one unit."""

    a: Array
    u: Array


def body_axes(x: Array, y: Array, *, faces_right: Array, roll_deg: Array, scale: Array) -> Point:
    """A landmark of a picture in body axes.

    x, y         (n,)  pixels: x to the right, y downward
    faces_right  (n,)  1 where the person looks to the right, 0 to the left
    roll_deg     (n,)  clockwise turn of the scene in the picture: the plumb line's top leans right by this angle
    scale        (n,)  mm per pixel, or 1 where only angles are wanted
    """
    roll = np.deg2rad(roll_deg)
    right, up = x * scale, -y * scale
    level_right = right * np.cos(roll) - up * np.sin(roll)
    level_up = right * np.sin(roll) + up * np.cos(roll)
    return Point(np.where(faces_right == 1, level_right, -level_right), level_up)


def roll_from_plumb(top_x: Array, top_y: Array, bottom_x: Array, bottom_y: Array) -> Array:
    """Clockwise roll of the scene in degrees, from two points of a plumb line in pixels (y downward)."""
    return np.rad2deg(np.arctan2(top_x - bottom_x, bottom_y - top_y))


def elevation(start: Point, end: Point) -> Array:
    """Angle of the line from start to end above the forward horizontal, -180 to 180 degrees.

    returns  (n,)  one a person; NaN where a coordinate is missing
    """
    return np.rad2deg(np.arctan2(end.u - start.u, end.a - start.a))


def plate_slope(rear: Point, front: Point) -> Array:
    """Slope of an end-plate from its rear to its front corner, degrees; positive when the front is higher."""
    return elevation(rear, front)


def plumb_lean(lower: Point, upper: Point) -> Array:
    """Angle between the vertical and the line from lower to upper landmark, degrees; backward is positive.

    returns  (n,)  one a person; NaN where a coordinate is missing
    """
    return np.rad2deg(np.arctan2(lower.a - upper.a, upper.u - lower.u))


@dataclass(frozen=True, slots=True)
class Arch:
    """A curve between two ends, seen by its greatest height over the chord.

    index         (n,)  height over length of the chord; positive when the apex lies to the rear
    triangle_deg  (n,)  sum of the two base angles of the triangle end-apex-end
    arc_deg       (n,)  angle of the circular arc of that height: 4 atan(2 index)
    """

    index: Array
    triangle_deg: Array
    arc_deg: Array


def arch(top: Point, apex: Point, bottom: Point) -> Arch:
    """The arch with ends `top` and `bottom` and its farthest point `apex`; NaN where a coordinate is missing."""
    chord_a, chord_u = top.a - bottom.a, top.u - bottom.u
    length = np.hypot(chord_a, chord_u)
    rise_a, rise_u = apex.a - bottom.a, apex.u - bottom.u
    height = (chord_a * rise_u - chord_u * rise_a) / length
    below = (chord_a * rise_a + chord_u * rise_u) / length
    index = height / length
    triangle = np.rad2deg(np.arctan2(height, below) + np.arctan2(height, length - below))
    return Arch(index, triangle, np.rad2deg(4 * np.arctan(2 * index)))
