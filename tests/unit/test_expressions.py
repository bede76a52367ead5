"""Formulas: R's precedence, arrays as values, exact derivatives, and no way to run code."""

from __future__ import annotations

import numpy as np
import pytest

from kinechain.expressions import ReadingError, evaluate, linearise, parse_formula
from tests.tolerances import FINITE_DIFFERENCE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-2^2", -4.0),
        ("2^3^2", 512.0),
        ("1 - 2 - 3", -4.0),
        ("2*3 + 4/8 - 1", 5.5),
        ("2^-1", 0.5),
        ("a*-b", -3.0),
        ("sqrt(4) + abs(-b) + log(exp(1))", 5.0),
        ("1.5e1 + .5", 15.5),
    ],
)
def test_precedence_is_that_of_r(text: str, expected: float) -> None:
    assert evaluate(parse_formula(text), {"a": 1.5, "b": 2.0}) == pytest.approx(expected)


def test_draws_are_evaluated_at_once() -> None:
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert evaluate(parse_formula("a*b/2"), {"a": a, "b": b}).tolist() == [1.5, 4.0]


def test_division_by_zero_is_infinite_not_an_error() -> None:
    assert np.isinf(evaluate(parse_formula("1/a"), {"a": 0.0}))


def test_derivatives_equal_finite_differences() -> None:
    formula = parse_formula("exp(a)^b/(1 + a*b) - tanh(a)*sqrt(b) + sin(a)/cos(b)")
    point, step = np.array([0.5, 2.0]), 1e-6

    def value(at: np.ndarray) -> float:
        return float(evaluate(formula, {"a": at[0], "b": at[1]}))

    _, slope = linearise(formula, {"a": 0.5, "b": 2.0}, {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 1.0])}, 2)
    numeric = [(value(point + step * e) - value(point - step * e)) / (2 * step) for e in np.eye(2)]
    assert slope == pytest.approx(numeric, rel=FINITE_DIFFERENCE)


def test_a_sum_of_thousands_of_terms_does_not_exhaust_the_stack() -> None:
    assert evaluate(parse_formula("+".join(["a"] * 5000)), {"a": 1.0}) == 5000.0


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("a +* b", 4, "`*` stands where a name or a number is needed"),
        ("(a", 3, "a bracket is not closed"),
        ("a b", 3, "`b` does not continue the formula"),
        ("system(a)", 1, "`system` is not a known function"),
        ("__import__('os')", 1, "`__import__` is not a known function"),
        ("a +", 4, "the line ends where a name or a number is needed"),
        ("(" * 200, 102, "more than 100 brackets stand within one another"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, column: int, says: str) -> None:
    with pytest.raises(ReadingError) as caught:
        parse_formula(text)
    assert caught.value.what == says
    assert caught.value.token.column == column
