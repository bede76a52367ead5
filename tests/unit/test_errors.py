from kinechain.errors import Problem, UserError, closest, raise_if_any


def test_a_problem_is_one_line_with_place_fault_and_remedy() -> None:
    problem = Problem("models/a.yaml:3:5", "`pelvic_tlt` is not a variable", "Did you mean `pelvic_tilt`?")
    assert str(problem) == "models/a.yaml:3:5: `pelvic_tlt` is not a variable. Did you mean `pelvic_tilt`?"


def test_line_breaks_in_a_problem_are_folded() -> None:
    assert str(Problem("a", "one\n two", "three")) == "a: one two. three."


def test_all_problems_are_told_at_once() -> None:
    error = UserError(Problem("a", "x"), Problem("b", "y"))
    assert str(error) == "a: x.\nb: y."


def test_no_problem_raises_nothing() -> None:
    raise_if_any([])


def test_the_closest_name_is_offered_else_where_names_are_listed() -> None:
    assert closest("kinesiofobia", ["kinesiophobia", "pain"]) == "Did you mean `kinesiophobia`?"
    assert closest("qqq", ["b", "a"]) == "Choose one of `a`, `b`."
    assert closest("qqq", ["b", "a"], "measures.yaml") == "Known names are listed in measures.yaml."
    names = [f"a_{number}" for number in range(40)]
    assert closest("other", names) == "The nearest names are `a_9`, `a_8`, `a_7`."
