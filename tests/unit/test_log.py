import os
import sys
from pathlib import Path

import pytest

from kinechain.errors import Problem, UserError
from kinechain.log import logged


def test_what_is_printed_goes_to_the_log_also_from_below_python(tmp_path: Path) -> None:
    with logged(str(tmp_path / "a.log")):
        print("said")
        sys.stdout.flush()
        os.write(2, b"written\n")
    assert sorted((tmp_path / "a.log").read_text().split()) == ["said", "written"]


def test_a_mistake_of_the_user_is_one_line_and_code_2(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop, logged(str(tmp_path / "a.log")):
        raise UserError(Problem("a.yaml", "wrong", "Mend it"))
    assert stop.value.code == 2
    assert (tmp_path / "a.log").read_text() == "a.yaml: wrong. Mend it.\n"


def test_a_bug_keeps_its_traceback_and_is_code_1(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop, logged(str(tmp_path / "a.log")):
        raise ZeroDivisionError
    assert stop.value.code == 1
    assert "ZeroDivisionError" in (tmp_path / "a.log").read_text()
