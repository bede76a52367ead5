"""Workflow scripts are thin: `snakemake` stands in the last block only, and `main` has no branch."""

import ast
import re
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"


@pytest.mark.parametrize("path", sorted((WORKFLOW / "scripts").glob("*.py")), ids=lambda path: path.name)
def test_script_is_thin(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    last = tree.body[-1]
    assert isinstance(last, ast.If) and "__main__" in ast.unparse(last.test), "the last block is `if __name__ == ...`"
    before = "\n".join(text.splitlines()[: last.lineno - 1])
    assert not re.search(r"\bsnakemake\.", before), "snakemake is unpacked in the last block only"
    branches = [node for node in ast.walk(tree) if isinstance(node, ast.If | ast.While | ast.Try)]
    assert branches == [last], "a branch belongs in the package"


@pytest.mark.parametrize("path", sorted((WORKFLOW / "rules").glob("*.smk")), ids=lambda path: path.name)
def test_rules_use_scripts_and_explain_themselves(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s+run:\s*$", text, flags=re.M), "run: blocks start snakemake again for each job"
    assert not re.search(r"^\s+message:", text, flags=re.M)
    for name, body in re.findall(r"^rule (\w+):\n((?:[ \t]+.*\n|\n)+)", text, flags=re.M):
        assert '"""' in body or name == "all", f"rule {name} has no docstring"
        if "script:" in body:
            assert "log:" in body, f"rule {name} has no log"


def test_root_snakefile_has_two_statements() -> None:
    text = (WORKFLOW.parent / "Snakefile").read_text(encoding="utf-8")
    code = re.sub(r'""".*?"""|#.*', "", text, flags=re.S if '"""' in text else 0)
    starts = [line for line in code.splitlines() if line and not line[0].isspace()]
    assert [start.split(":")[0].split()[0] for start in starts] == ["include", "rule"]
