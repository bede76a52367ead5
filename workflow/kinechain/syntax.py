"""Model text in lavaan's language, read into flat rows that remember where they stand.

The language: Rosseel (2012), Journal of Statistical Software 48(2), sections 3 and 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from kinechain.errors import Problem, UserError, closest
from kinechain.expressions import Expression, ReadingError, Token, evaluate, parse_expression, tokenise

Operator = Literal["=~", "~", "~~", "~1", "|", "~*~", ":=", "==", "<", ">"]
ModifierKind = Literal["fixed", "start", "label", "equal", "lower", "upper"]

RELATIONS: Final = ("=~", "~", "~~", "|", "~*~")
STATEMENTS: Final = (":=", "==", "<", ">")
_UNSUPPORTED: Final = {
    "<~": "Formative (composite) variables are not estimated here; write the sum score as a column of the data",
    "<=": "Write `<`: a bound may be reached",
    ">=": "Write `>`: a bound may be reached",
    "=": "Write `~` for a regression, `==` for a constraint or `:=` for a definition",
}
_INCOMPLETE: Final = "Write what is missing there, or take it out"
_FUNCTION_MODIFIERS: Final = ("start", "equal", "label", "lower", "upper")


@dataclass(frozen=True, slots=True)
class Modifier:
    """What stands before `*`: one value for every group, or one a group.

    kind    fixed (NaN: left free), start, label, equal (name of the row it equals), lower, upper
    """

    kind: ModifierKind
    values: tuple[float | str, ...]


@dataclass(frozen=True, slots=True)
class FlatRow:
    """One relation, constraint or definition, and where it stands in the text.

    lhs, op, rhs  as written; an intercept has op `~1` and an empty rhs
    modifiers     in the order written
    line, column  of its right side, from 1; two relations are the same wherever they stand
    left, right   the formulas on the two sides of a constraint; a definition has only the right one
    """

    lhs: str
    op: Operator
    rhs: str
    modifiers: tuple[Modifier, ...] = ()
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)
    left: Expression | None = None
    right: Expression | None = None


def place_of(rows: Sequence[FlatRow], outcome: str, cause: str, where: str) -> str:
    """`file:line:column` of a regression, or the file when no row holds it."""
    row = next((row for row in rows if row.op == "~" and (row.lhs, row.rhs) == (outcome, cause) and row.line), None)
    return f"{where}:{row.line}:{row.column}" if row else where


class ModelSyntaxError(UserError):
    """Model text that cannot be read; `excerpts` hold each bad line with a caret under the place."""

    def __init__(self, found: Sequence[tuple[Problem, str]]) -> None:
        self.excerpts = tuple(excerpt for _, excerpt in found)
        super().__init__(*(problem for problem, _ in found))


def parse_model(text: str, where: str = "model") -> tuple[FlatRow, ...]:
    """Rows of the model text, in the order written; a relation written twice is one row with both modifiers.

    Raises ModelSyntaxError with every bad statement, each with line, column and a caret.
    """
    lines = text.split("\n")
    rows: list[FlatRow] = []
    found: list[tuple[Problem, str]] = []

    def blame(error: ReadingError) -> None:
        token = error.token
        line = lines[token.line - 1].rstrip("\r") if token.line <= len(lines) else ""
        place = f"{where}:{token.line}:{token.column}"
        found.append((Problem(place, error.what, error.remedy), f"  {line}\n  {_under(line, token.column)}^"))

    statements: list[list[Token]] = []
    try:
        statements = _join_statements(tokenise(text.replace("\r\n", "\n").replace("\r", "\n")))
    except ReadingError as error:
        blame(error)
    for statement in statements:
        try:
            rows.extend(_read_statement(statement))
        except ReadingError as error:
            blame(error)
    if found:
        raise ModelSyntaxError(found)
    return _merge(rows)


def _under(line: str, column: int) -> str:
    """White space as wide as the line before the column, tabs kept."""
    return "".join("\t" if character == "\t" else " " for character in line[: column - 1])


def _join_statements(lines: list[list[Token]]) -> list[list[Token]]:
    """Lines put together into statements: a line without an operator of its own continues the one before."""
    statements: list[list[Token]] = []
    for line in lines:
        if not line:
            continue
        has_operator = any(_is_operator(token) for token in line)
        begins_with_operator = _is_operator(line[0]) or line[0].text in ("+", "*", ")", ",", "/", "^")
        goes_on = bool(statements) and (
            not has_operator
            or begins_with_operator
            or not any(_is_operator(token) for token in statements[-1])
            or statements[-1][-1].text in ("+", "*", "-", "/", "^", "(", ",")
            or _is_operator(statements[-1][-1])
        )
        if goes_on:
            statements[-1].extend(line)
        else:
            statements.append(list(line))
    return statements


def _is_operator(token: Token) -> bool:
    return token.kind == "operator" and token.text in (*RELATIONS, *STATEMENTS, *_UNSUPPORTED)


def _read_statement(tokens: list[Token]) -> list[FlatRow]:
    places = [index for index, token in enumerate(tokens) if _is_operator(token)]
    if not places:
        raise ReadingError(tokens[0], f"`{tokens[0].text}` begins a line without an operator", "Write `y ~ x`")
    at = places[0]
    operator = tokens[at]
    if operator.text in _UNSUPPORTED:
        raise ReadingError(operator, f"`{operator.text}` is not an operator here", _UNSUPPORTED[operator.text])
    if len(places) > 1:
        second = tokens[places[1]]
        raise ReadingError(second, f"`{second.text}` is a second operator in one statement", "Put it on its own line")
    last = tokens[-1]
    end = Token("end", "", last.line, last.column + len(last.text))
    left, right = tokens[:at], tokens[at + 1 :]
    if not left:
        raise ReadingError(operator, f"nothing stands before `{operator.text}`", _INCOMPLETE)
    if not right:
        raise ReadingError(end, f"nothing stands after `{operator.text}`", _INCOMPLETE)
    if operator.text in STATEMENTS:
        return [_read_formula_row(left, operator, right, end)]
    names = _read_left(left, operator)
    rows = []
    for lhs in names:
        for term in _split(right, "+"):
            rows.append(_read_term(lhs, operator, term, end))
    return rows


def _read_formula_row(left: list[Token], operator: Token, right: list[Token], end: Token) -> FlatRow:
    formula = parse_expression(right, end)
    op: Operator = operator.text  # type: ignore[assignment]  # one of STATEMENTS
    if op == ":=":
        if len(left) != 1 or left[0].kind != "name":
            raise ReadingError(left[0], "a definition needs one name before `:=`")
        return FlatRow(left[0].text, op, formula.text, (), right[0].line, right[0].column, None, formula)
    before = parse_expression(left, operator)
    return FlatRow(before.text, op, formula.text, (), right[0].line, right[0].column, before, formula)


def _split(tokens: list[Token], separator: str) -> list[list[Token]]:
    """Pieces between separators that stand outside brackets."""
    pieces: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == separator and depth == 0 and token.kind == "operator":
            if not pieces[-1]:
                raise ReadingError(token, f"nothing stands before `{separator}`", _INCOMPLETE)
            pieces.append([])
        else:
            pieces[-1].append(token)
    if not pieces[-1]:
        raise ReadingError(tokens[-1], f"nothing stands after the last `{separator}`", _INCOMPLETE)
    return pieces


def _read_left(tokens: list[Token], operator: Token) -> list[str]:
    names = []
    for piece in _split(tokens, "+"):
        if len(piece) == 3 and piece[1].text == ":" and piece[0].kind == piece[2].kind == "name":
            names.append(f"{piece[0].text}:{piece[2].text}")
        elif len(piece) == 1 and piece[0].kind == "name":
            names.append(piece[0].text)
        else:
            odd = piece[1] if len(piece) > 1 and piece[0].kind == "name" else piece[0]
            raise ReadingError(
                odd, f"`{odd.text}` cannot stand before `{operator.text}`", "Put names there, joined by `+`"
            )
    return names


def _read_term(lhs: str, operator: Token, tokens: list[Token], end: Token) -> FlatRow:
    pieces = _split(tokens, "*")
    modifiers = [modifier for piece in pieces[:-1] for modifier in _read_modifier(piece, end)]
    target = pieces[-1]
    question = [index for index, token in enumerate(target) if token.text == "?"]
    if question:
        modifiers += [Modifier("start", _read_numbers(target[: question[0]], end))]
        target = target[question[0] + 1 :]
    first = tokens[0]
    op: Operator = operator.text  # type: ignore[assignment]  # one of RELATIONS
    if op == "~" and len(target) == 1 and target[0].text in ("0", "1"):
        if target[0].text == "0":
            modifiers.append(Modifier("fixed", (0.0,)))
        return FlatRow(lhs, "~1", "", tuple(modifiers), first.line, first.column)
    if not target or target[0].kind != "name":
        odd = target[0] if target else end
        shown = f"`{odd.text}`" if odd.text else "the end of the line"
        raise ReadingError(odd, f"{shown} stands where a variable is needed", "A number before a variable needs `*`")
    if len(target) == 1:
        rhs = target[0].text
    elif len(target) == 3 and target[1].text == ":" and target[2].kind == "name":
        rhs = f"{target[0].text}:{target[2].text}"
    elif len(target) > 3 and target[1].text == ":" and target[3].text == ":":
        raise ReadingError(target[3], "a product of more than two variables is not built here", "Add it as a column")
    else:
        odd = target[1]
        raise ReadingError(odd, f"`{odd.text}` does not continue the term `{target[0].text}`", "Join terms with `+`")
    if (op == "=~" and lhs == rhs) or (op == "~" and lhs == rhs):
        raise ReadingError(target[0], f"`{lhs}` stands on both sides of `{op}`")
    return FlatRow(lhs, op, rhs, tuple(modifiers), first.line, first.column)


def _read_modifier(tokens: list[Token], end: Token) -> list[Modifier]:
    first = tokens[0]
    if len(tokens) == 1:
        if first.kind == "string":
            return [Modifier("label", (first.text[1:-1],))]
        if first.text == "NA":
            return [Modifier("fixed", (math.nan,))]
        if first.kind == "name":
            return [Modifier("label", (first.text,))]
    if first.kind == "name" and len(tokens) > 2 and tokens[1].text == "(" and tokens[-1].text == ")":
        inside = tokens[2:-1]
        if first.text == "c":
            return [_read_vector(inside, end)]
        if first.text in _FUNCTION_MODIFIERS:
            return [_read_function(first, inside, end)]
        if first.text in ("prior", "efa", "rv", "wishart", "dgamma", "dnorm"):
            raise ReadingError(first, f"`{first.text}()` is not offered here", "Leave it out")
    return [Modifier("fixed", _read_numbers(tokens, end))]


def _inner(tokens: list[Token]) -> list[Token]:
    """What stands inside `c( )`, or the tokens as they are."""
    if len(tokens) > 2 and tokens[0].text == "c" and tokens[1].text == "(" and tokens[-1].text == ")":
        return tokens[2:-1]
    return tokens


def _read_function(name: Token, inside: list[Token], end: Token) -> Modifier:
    kind: ModifierKind = name.text  # type: ignore[assignment]  # one of _FUNCTION_MODIFIERS
    if not inside:
        raise ReadingError(name, f"`{name.text}()` is empty")
    if kind in ("start", "lower", "upper"):
        return Modifier(kind, _read_numbers(inside, end))
    words = []
    for piece in _split(_inner(inside), ","):
        if len(piece) != 1 or piece[0].kind not in ("string", "name"):
            raise ReadingError(piece[0], f"`{name.text}()` takes names in quotes")
        words.append(piece[0].text.strip("\"'"))
    return Modifier(kind, tuple("".join(word.split()) for word in words))


def _read_numbers(tokens: list[Token], end: Token) -> tuple[float, ...]:
    """Numbers, or formulas of numbers only, separated by commas; NA is NaN."""
    numbers = []
    for piece in _split(_inner(tokens), ",") if tokens else []:
        if len(piece) == 1 and piece[0].text == "NA":
            numbers.append(math.nan)
            continue
        formula = parse_expression(piece, end)
        if formula.names:
            raise ReadingError(
                piece[0],
                f"`{formula.text}` stands before `*` and is neither a number nor a label",
                closest(piece[0].text, ("c", "NA", *_FUNCTION_MODIFIERS)) if piece[0].kind == "name" else "",
            )
        value = float(evaluate(formula, {}))
        if not math.isfinite(value):
            raise ReadingError(piece[0], f"`{formula.text}` is not a finite number")
        numbers.append(value)
    if not numbers:
        raise ReadingError(end, "a number is missing")
    return tuple(numbers)


def _read_vector(tokens: list[Token], end: Token) -> Modifier:
    """`c( )`: labels, or numbers with NA for a free one."""
    if not tokens:
        raise ReadingError(end, "`c()` is empty")
    pieces = _split(tokens, ",")
    words = [len(piece) == 1 and piece[0].kind in ("name", "string") and piece[0].text != "NA" for piece in pieces]
    if not any(words):
        return Modifier("fixed", _read_numbers(tokens, end))
    labels = []
    for piece, is_word in zip(pieces, words, strict=True):
        if not is_word and piece[0].text != "NA":
            raise ReadingError(piece[0], "`c()` mixes labels with numbers", "Repeat the term: `c(a,b)*x + c(1,NA)*x`")
        labels.append(piece[0].text.strip("\"'") if is_word else "")
    return Modifier("label", tuple(labels))


def _merge(rows: list[FlatRow]) -> tuple[FlatRow, ...]:
    """Rows with repeats of one relation put together, at its first place."""
    merged: dict[tuple[str, str, str], FlatRow] = {}
    for position, row in enumerate(rows):
        key = (row.lhs, row.op, row.rhs)
        if row.op == "~~" and (row.rhs, "~~", row.lhs) in merged:
            key = (row.rhs, "~~", row.lhs)
        if row.op in ("==", "<", ">", ":="):
            key = (str(position), row.op, "")
        before = merged.get(key)
        if before is None:
            merged[key] = row
        else:
            modifiers = before.modifiers + row.modifiers
            merged[key] = FlatRow(before.lhs, before.op, before.rhs, modifiers, before.line, before.column)
    return tuple(merged.values())
