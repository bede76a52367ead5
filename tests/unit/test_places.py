"""Is what a model file says read whole, and does a file that cannot be read keep its own message?"""

from pathlib import Path

import pytest

from kinechain.errors import Problem
from kinechain.io import read_yaml
from kinechain.places import texts_in_place, with_place


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n# a remark\n", "\neffects: |\n  ab := a*b"])
def test_no_line_of_a_model_is_lost_however_its_file_ends(tmp_path: Path, end: str) -> None:
    file = tmp_path / "M.yaml"
    file.write_text(f"name: M\nequations: |\n  m ~ a*x\n  y ~ b*m{end}", encoding="utf-8")
    texts = texts_in_place(file)
    for key, text in texts.items():
        lines = [line.split("#")[0].split() for line in text.splitlines() if line.split("#")[0].strip()]
        assert lines == [line.split() for line in read_yaml(file)[key].splitlines()]
    assert texts["equations"].splitlines()[2] == "  m ~ a*x", "on the line it has in the file"


@pytest.mark.parametrize("content", [b"name: \xe9\nequations: y ~ x\n", b"name: \x01\nequations: y ~ x\n"])
def test_a_file_that_cannot_be_read_has_no_places(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "M.yaml").write_bytes(content)
    problem = Problem("M.yaml", "the file cannot be read", "Save it as UTF-8")
    assert with_place(problem, tmp_path) == problem
