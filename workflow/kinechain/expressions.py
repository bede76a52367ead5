"""Arithmetic on named values: read safely, evaluated on numbers or whole arrays, with exact derivatives.

A definition such as `a*b + exp(c)` becomes a short program for a stack machine. Nothing is ever handed to Python's own
evaluator, so a model file cannot run code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from kinechain.numerics import Array

Kind = Literal["name", "number", "string", "operator", "end"]

DEEPEST_NESTING: Final = 100
"""Brackets within brackets: more than any model has, few enough that reading cannot exhaust the stack."""

_TOKEN: Final = re.compile(
    r"""(?P<space>[^\S\n]+)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>\.?[^\W\d][\w.]*)
      | (?P<string>"[^"\n]*"|'[^'\n]*')
      | (?P<operator>~\*~|=~|<~|~~|:=|==|<=|>=|[~|<>*+\-/^(),:?=%])""",
    re.VERBOSE,
)

FUNCTIONS: Final[Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "exp": (np.exp, np.exp),
    "log": (np.log, np.reciprocal),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "abs": (np.abs, np.sign),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "tanh": (np.tanh, lambda x: 1.0 / np.cosh(x) ** 2),
    "atanh": (np.arctanh, lambda x: 1.0 / (1.0 - x * x)),
}
"""Functions a definition may use, each with its derivative."""

BINDING: Final[Mapping[str, int]] = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
_UNARY_BINDING: Final = 3


@dataclass(frozen=True, slots=True)
class Token:
    """One word of model text and where it stands (line and column count from 1)."""

    kind: Kind
    text: str
    line: int
    column: int


class ReadingError(Exception):
    """Text that cannot be read, at a token."""

    def __init__(self, token: Token, what: str, remedy: str = "") -> None:
        self.token, self.what, self.remedy = token, what, remedy
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula of named values, as a program for a stack machine.

    text   the formula in one line
    code   instructions in order: ("number", x), ("name", label), ("negate", ""), ("call", function), ("+", "") ...
    """

    text: str
    code: tuple[tuple[str, str | float], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names the formula uses, each once, in order of first use."""
        return tuple(dict.fromkeys(str(argument) for kind, argument in self.code if kind == "name"))


def tokenise(text: str) -> list[list[Token]]:
    """Tokens of each line of model text; comments (`#` or `!` to the end of the line) are left out.

    `;` ends a line as a newline does. Raises ReadingError at a character that belongs to no word.
    """
    lines: list[list[Token]] = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        tokens: list[Token] = []
        position = 0
        while position < len(line) and line[position] not in "#!":
            if line[position] == ";":
                lines.append(tokens)
                tokens = []
                position += 1
                continue
            match = _TOKEN.match(line, position)
            if match is None:
                bad = Token("operator", line[position], number, position + 1)
                raise ReadingError(
                    bad, f"`{line[position]}` has no meaning here", "Names hold letters, digits, `_` and `.`"
                )
            if match.lastgroup != "space":
                tokens.append(Token(match.lastgroup, match.group(), number, position + 1))  # type: ignore[arg-type]  # groups are named after kinds
            position = match.end()
        lines.append(tokens)
    return lines


def write_tokens(tokens: Sequence[Token]) -> str:
    """The tokens as one line of text, without spaces."""
    return "".join(token.text for token in tokens)


def parse_expression(tokens: Sequence[Token], end: Token) -> Expression:
    """The formula that the tokens spell.

    Raises ReadingError where they spell none; `end` is the token to blame when they stop too early. Precedence is R's:
    `^` binds tightest and to the right, then a leading minus, then `*` and `/`, then `+` and `-`.
    """
    reader = _Reader(tokens, end)
    reader.formula(0, 0)
    if reader.here.kind != "end":
        raise ReadingError(reader.here, f"`{reader.here.text}` does not continue the formula")
    return Expression(write_tokens(tokens), tuple(reader.code))


def parse_formula(text: str) -> Expression:
    """The formula that one line of text spells. Raises ReadingError where it spells none."""
    tokens = [token for line in tokenise(text) for token in line]
    return parse_expression(tokens, Token("end", "", 1, len(text) + 1))


class _Reader:
    """Precedence climbing over tokens."""

    def __init__(self, tokens: Sequence[Token], end: Token) -> None:
        self.tokens, self.end, self.at = tokens, Token("end", "", end.line, end.column), 0
        self.code: list[tuple[str, str | float]] = []

    @property
    def here(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else self.end

    def formula(self, binding: int, depth: int) -> None:
        if depth > DEEPEST_NESTING:
            raise ReadingError(self.here, f"more than {DEEPEST_NESTING} brackets stand within one another")
        self.operand(depth)
        while self.here.kind == "operator" and BINDING.get(self.here.text, -1) > binding - (self.here.text == "^"):
            operator = self.here.text
            self.at += 1
            self.formula(_UNARY_BINDING if operator == "^" else BINDING[operator], depth + (operator == "^"))
            self.code.append((operator, ""))

    def operand(self, depth: int) -> None:
        token = self.here
        self.at += 1
        if token.kind == "number":
            value = float(token.text)
            if not np.isfinite(value):
                raise ReadingError(token, f"`{token.text}` is too large a number")
            self.code.append(("number", value))
        elif token.kind == "operator" and token.text in "+-":
            self.formula(_UNARY_BINDING, depth + 1)
            if token.text == "-":
                self.code.append(("negate", ""))
        elif token.kind == "operator" and token.text == "(":
            self.formula(0, depth + 1)
            self.close()
        elif token.kind == "name" and self.here.text == "(":
            if token.text not in FUNCTIONS:
                raise ReadingError(
                    token, f"`{token.text}` is not a known function", f"Known are {', '.join(sorted(FUNCTIONS))}"
                )
            self.at += 1
            self.formula(0, depth + 1)
            self.close()
            self.code.append(("call", token.text))
        elif token.kind == "name":
            self.code.append(("name", token.text))
        else:
            found = f"`{token.text}` stands" if token.text else "the line ends"
            raise ReadingError(token, f"{found} where a name or a number is needed")

    def close(self) -> None:
        if self.here.text != ")":
            raise ReadingError(self.here, "a bracket is not closed", "Add `)`")
        self.at += 1


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """Value of the formula for named numbers, or for named arrays of one shape (draws).

    Division by zero and functions outside their range give NaN or infinity, without a warning. Raises KeyError for a
    name without a value.
    """
    stack: list[Any] = []
    with np.errstate(all="ignore"):
        for kind, argument in expression.code:
            if kind == "number":
                stack.append(argument)
            elif kind == "name":
                stack.append(values[str(argument)])
            elif kind == "negate":
                stack.append(-stack.pop())
            elif kind == "call":
                stack.append(FUNCTIONS[str(argument)][0](stack.pop()))
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(_combine(kind, left, right))
    return stack.pop()


def _combine(operator: str, left: Any, right: Any) -> Any:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if operator == "/":
        return np.divide(left, right)
    return np.float_power(left, right)


def linearise(
    expression: Expression, values: Mapping[str, float], gradients: Mapping[str, Array], size: int
) -> tuple[float, Array]:
    """Value of the formula and its gradient, by the chain rule along the program.

    values     name -> number
    gradients  name -> (size,) derivative of that number by the free parameters
    returns    value, (size,)
    """
    zero = np.zeros(size)
    stack: list[tuple[float, Array]] = []
    with np.errstate(all="ignore"):
        for kind, argument in expression.code:
            if kind == "number":
                stack.append((float(argument), zero))
            elif kind == "name":
                stack.append((float(values[str(argument)]), gradients[str(argument)]))
            elif kind == "negate":
                value, gradient = stack.pop()
                stack.append((-value, -gradient))
            elif kind == "call":
                value, gradient = stack.pop()
                function, derivative = FUNCTIONS[str(argument)]
                stack.append((float(function(value)), float(derivative(value)) * gradient))
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(_combine_linear(kind, left, right))
    return stack.pop()


def _combine_linear(operator: str, left: tuple[float, Array], right: tuple[float, Array]) -> tuple[float, Array]:
    (x, dx), (y, dy) = left, right
    if operator == "+":
        return x + y, dx + dy
    if operator == "-":
        return x - y, dx - dy
    if operator == "*":
        return x * y, y * dx + x * dy
    if operator == "/":
        ratio = float(np.divide(x, y))
        return ratio, np.divide(dx - ratio * dy, y)
    power = float(np.float_power(x, y))
    gradient = y * float(np.float_power(x, y - 1.0)) * dx
    if dy.any():
        gradient = gradient + power * float(np.log(x)) * dy
    return power, gradient
