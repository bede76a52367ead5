"""The parameter table: lavaan's automatic rows, groups, macros, and the way back to text."""

from __future__ import annotations

import math
from typing import Any

import pytest

from kinechain.errors import UserError
from kinechain.parameter_rows import ModelOptions, build_table
from kinechain.parameter_table import ParameterTable, row_name, write_table
from kinechain.spec import build_spec, spec_from_text
from kinechain.syntax import parse_model


def table_of(text: str, n_groups: int = 1, **options: Any) -> ParameterTable:
    return build_table(parse_model(text), ModelOptions(**options), n_groups)


def automatic(table: ParameterTable) -> list[str]:
    return [row_name(row) + (" exo" if row.exo else "") for row in table.rows if not row.user]


def test_automatic_rows_of_a_path_model_as_lavaan_makes_them() -> None:
    """What `lavaanify()` gives with the settings of sem(): only y2 and y3 are pure outcomes."""
    table = table_of("y1 ~ x1 + x2\ny2 ~ x1\ny3 ~ y1", meanstructure=True)
    assert automatic(table) == [
        *("y1~~y1", "y2~~y2", "y3~~y3", "y2~~y3"),
        *("x1~~x1 exo", "x1~~x2 exo", "x2~~x2 exo"),
        *("y1~1", "y2~1", "y3~1", "x1~1 exo", "x2~1 exo"),
    ]
    assert table.n_free == 11


def test_automatic_rows_of_latent_variables() -> None:
    table = table_of("f =~ y1+y2+y3\n g=~ z1+z2\n h=~w1\n y9 ~ f + x\n f ~ x\n y1 ~~ y9")
    assert [row.fixed for row in table.rows if row.op == "=~"] == pytest.approx(
        [1.0, math.nan, math.nan, 1.0, math.nan, 1.0], nan_ok=True
    )
    assert next(row for row in table.rows if row_name(row) == "w1~~w1").fixed == 0.0
    assert "g~~h" in automatic(table)
    assert "f~~g" not in automatic(table)


def test_a_covariate_whose_moments_are_written_is_no_longer_fixed() -> None:
    table = table_of("y ~ x1 + x2 + x3\n x1 ~~ x2")
    assert [row_name(row) for row in table.rows if row.exo] == ["x3~~x3"]
    assert table.n_free == 7


def test_growth_frees_latent_means_and_fixes_intercepts_at_zero() -> None:
    table = table_of("i =~ 1*a + 1*b + 1*c\ns =~ 0*a + 1*b + 2*c", growth=True)
    assert {row.lhs: row.free > 0 for row in table.rows if row.op == "~1"} == {
        "a": False, "b": False, "c": False, "i": True, "s": True,
    }  # fmt: skip


def test_one_label_in_several_groups_is_one_parameter_and_a_vector_is_several() -> None:
    table = table_of("y ~ a*x + c(b1,b2)*z", n_groups=2)
    free = {(row.rhs, row.group): row.free for row in table.rows if row.op == "~"}
    assert free[("x", 1)] == free[("x", 2)]
    assert free[("z", 1)] != free[("z", 2)]


def test_equal_loadings_and_intercepts_free_the_latent_means_of_later_groups() -> None:
    table = table_of("f =~ a + b + c", n_groups=2, group_equal=("loadings", "intercepts"))
    means = {row.group: row.free > 0 for row in table.rows if row.lhs == "f" and row.op == "~1"}
    assert means == {1: False, 2: True}
    loadings = {(row.rhs, row.group): row.free for row in table.rows if row.op == "=~"}
    assert loadings[("b", 1)] == loadings[("b", 2)] > 0


TEXTS = (
    "y ~ a*x + start(.3)*z\nm ~ 2*x\ny ~~ equal('m~~m')*y\nind := a*2\na > 0",
    "f =~ NA*y1 + a*y2 + y3\nf ~~ 1*f\ng =~ y4 + b*y5\ng ~ f\nb == 2*a",
    "y1 ~ c(a, b)*x\ny1 ~ 1 + x:z\ny2 ~~ y1\ny1 ~~ c(1, NA)*y1\ny2 ~ c(0, 0)*1",
)


@pytest.mark.parametrize(("n_groups", "text"), [*((1, text) for text in TEXTS[:2]), *((2, text) for text in TEXTS)])
def test_table_to_text_to_the_same_table(text: str, n_groups: int) -> None:
    options = {"group_equal": ("regressions",)} if n_groups == 2 else {}
    table = table_of(text, n_groups, **options)
    again = table_of(write_table(table), n_groups, **options)
    assert repr(again.rows) == repr(table.rows)
    assert (again.observed, again.latent, again.exogenous) == (table.observed, table.latent, table.exogenous)
    assert [row_name(r) for r in again.constraints + again.definitions] == [
        row_name(r) for r in table.constraints + table.definitions
    ]


def test_a_macro_keeps_what_the_data_have_and_records_the_rest() -> None:
    spec = build_spec(
        {"equations": "m ~ a*x + B_more\ny ~ b*m + B + z", "effects": "ind := a*b", "claims": "C1, C2"},
        {"B": "age + sex", "B_more": "B + pi"},
        ["m", "x", "y", "z", "age"],
    )
    assert spec.covariates == ("age",)
    assert spec.unmeasured == {"m": ("sex", "pi"), "y": ("sex",)}
    assert spec.claims == ("C1", "C2")
    assert [row.rhs for row in spec.flat if row.lhs == "y" and row.op == "~"] == ["m", "age", "z"]


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"equations": "y ~ x", "mediatrs": 1}, "m.yaml: unknown key `mediatrs`."),
        ({"equations": ""}, "m.yaml: `equations` is empty. Write at least one equation, such as `y ~ x`."),
        ({"equations": "y ~ xx1"}, "m.yaml:1:5: `xx1` is not a column of the data. Did you mean `x1`?"),
        ({"equations": "y ~ 2*B"}, "m.yaml:1: the macro `B` can only be a plain term of a regression."),
        ({"equations": "y ~ x", "missing": "fimll"}, "m.yaml: `missing: fimll` is unknown. Did you mean `fiml`?"),
        (
            {"equations": "y ~ a*x", "effects": "i := a*bb"},
            "m.yaml:1:6: `bb` in the definition of `i` is neither a label nor defined above. Choose one of `a`.",
        ),
    ],
)
def test_mistakes_in_a_model_file(mapping: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as caught:
        build_spec(mapping, {"B": "age"}, ["y", "x", "x1", "age"], "m.yaml")
    assert str(caught.value.problems[0]).startswith(says)


def test_a_vector_of_the_wrong_length_is_told() -> None:
    with pytest.raises(UserError, match=r"`y~x` has 3 label values for 2 groups"):
        table_of("y ~ c(a,b,d)*x", n_groups=2)


def test_an_unknown_group_equality_is_told() -> None:
    with pytest.raises(UserError, match=r"`loading` cannot be held equal across groups. Did you mean `loadings`\?"):
        table_of("f =~ a + b + c", n_groups=2, group_equal=("loading",))


def test_a_macro_that_contains_itself_is_told() -> None:
    with pytest.raises(UserError, match="`A` contains itself"):
        build_spec({"equations": "y ~ A"}, {"A": "B", "B": "A"}, None)


def test_plain_text_gives_a_spec() -> None:
    spec = spec_from_text("y ~ x", estimator="mlr", missing="fiml", fixed_x=False)
    assert (spec.estimator, spec.missing, spec.options.fixed_x) == ("mlr", "fiml", False)
    assert spec.table_for(1).has_means


def test_definitions_and_constraints_survive_being_written_and_read() -> None:
    table = table_of("# a comment\n\n\n\ny ~ a*start(2)*m + 0.5*x; m ~ b*x\na == b\nb < 3\nind := a*b\n")
    again = table_of(write_table(table))
    assert (again.definitions, again.constraints) == (table.definitions, table.constraints)
    assert [row.line for row in again.definitions] != [row.line for row in table.definitions]
