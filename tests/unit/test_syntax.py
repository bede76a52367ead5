"""lavaan's language: every operator and modifier, line breaks, and errors with line, column and caret."""

from __future__ import annotations

import math

import pytest

from kinechain.syntax import FlatRow, ModelSyntaxError, parse_model


def relations(text: str) -> list[str]:
    return [f"{row.lhs}{row.op}{row.rhs}" for row in parse_model(text)]


def test_every_operator() -> None:
    text = "f =~ x1 + x2\ny ~ f\ny ~~ z\ny ~ 1\ny | t1 + t2\ny ~*~ y\nind := a*b\na == b\na < 1\nb > 0"
    assert [row.op for row in parse_model(text)] == ["=~", "=~", "~", "~~", "~1", "|", "|", "~*~", ":=", "==", "<", ">"]


def test_line_breaks_comments_and_semicolons() -> None:
    text = "y ~ a +\n   b  # comment\n  + c ! another\nm ~\n d; z ~~\r\n z\n\n"
    assert relations(text) == ["y~a", "y~b", "y~c", "m~d", "z~~z"]


def test_several_left_sides() -> None:
    assert relations("y1 + y2 ~ x + z") == ["y1~x", "y1~z", "y2~x", "y2~z"]


def test_modifiers_of_every_kind() -> None:
    row: FlatRow = parse_model('y ~ a*x + start(.5)*x + lower(0)*x + upper(2)*x + equal("m~x")*x')[0]
    assert [(m.kind, m.values) for m in row.modifiers] == [
        ("label", ("a",)),
        ("start", (0.5,)),
        ("lower", (0.0,)),
        ("upper", (2.0,)),
        ("equal", ("m~x",)),
    ]


def test_several_modifiers_before_one_variable() -> None:
    assert [m.kind for m in parse_model("y ~ a*start(.5)*x")[0].modifiers] == ["label", "start"]


def test_numbers_and_vectors_before_a_variable() -> None:
    fixed = parse_model("y ~ (1/4)*x + -2*z + c(1, NA)*w + 0.5?v")
    assert [row.modifiers[0].values for row in fixed[:2]] == [(0.25,), (-2.0,)]
    assert fixed[2].modifiers[0].values[0] == 1.0
    assert math.isnan(float(fixed[2].modifiers[0].values[1]))
    assert fixed[3].modifiers[0].kind == "start"


def test_products_of_observed_variables_and_zero_intercepts() -> None:
    rows = parse_model("y ~ x:z + 0")
    assert rows[0].rhs == "x:z"
    assert (rows[1].op, rows[1].modifiers[0].values) == ("~1", (0.0,))


def test_a_relation_written_twice_is_one_row() -> None:
    rows = parse_model("x ~~ y\ny ~~ a*x")
    assert len(rows) == 1
    assert rows[0].modifiers[0].values == ("a",)


def test_names_may_be_any_letters() -> None:
    assert relations("schmerz.ä ~ größe_1 + c + NA") == ["schmerz.ä~größe_1", "schmerz.ä~c", "schmerz.ä~NA"]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("y ~ x\nm ~ x z", 2, 7, "`z` does not continue the term `x`. Join terms with `+`."),
        ("y x", 1, 1, "`y` begins a line without an operator. Write `y ~ x`."),
        ("y ~ ", 1, 4, "nothing stands after `~`. Write what is missing there, or take it out."),
        ("~ x", 1, 1, "nothing stands before `~`. Write what is missing there, or take it out."),
        ("y ~ x ~ z", 1, 7, "`~` is a second operator in one statement. Put it on its own line."),
        ("y ~ 3x", 1, 5, "`3` stands where a variable is needed. A number before a variable needs `*`."),
        ("y ~ x + + z", 1, 9, "nothing stands before `+`. Write what is missing there, or take it out."),
        ("y ~ y", 1, 5, "`y` stands on both sides of `~`."),
        ("y ~ @x", 1, 5, "`@` has no meaning here. Names hold letters, digits, `_` and `.`."),
        (
            "y <~ x",
            1,
            3,
            "`<~` is not an operator here. Formative (composite) variables are not estimated here; write the sum "
            "score as a column of the data.",
        ),
        ("y ~ x:z:w", 1, 8, "a product of more than two variables is not built here. Add it as a column."),
    ],
)
def test_every_error_has_its_place(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(ModelSyntaxError) as caught:
        parse_model(text, "m.lav")
    assert str(caught.value.problems[0]) == f"m.lav:{line}:{column}: {says}"


def test_the_caret_stands_under_the_place_and_all_errors_are_told() -> None:
    with pytest.raises(ModelSyntaxError) as caught:
        parse_model("y ~ x z\n\tm ~ 2 w\n")
    assert caught.value.excerpts == ("  y ~ x z\n        ^", "  \tm ~ 2 w\n  \t    ^")
