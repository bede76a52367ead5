"""What must not stand in the package: names of measures, evaluated code, names of machines."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "workflow" / "kinechain"

BODY = re.compile(
    r"hamstring|ham_tight|pelvi|lumbar|lumbo|lordos|kyphos|thora[xc]|thor_kyph|cervic|\bneck|head_fwd|\bslr\b|\bcva\b|\bndi\b"
    r"|\bake\b|craniovert|sacral|\bpsis\b|\basis\b",
    re.IGNORECASE,
)


def measure_names() -> set[str]:
    measures = yaml.safe_load((ROOT / "config" / "measures.yaml").read_text(encoding="utf-8"))
    return set(measures.get("measures", measures))


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def code_tokens(path: Path) -> list[str]:
    """Names and strings of the code, docstrings and comments left out."""
    text = path.read_text(encoding="utf-8")
    docstrings = {
        node.body[0].value.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
        and isinstance(node.body[0].value.value, str)
    }
    kinds = (tokenize.NAME, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token.string for token in tokens if token.type in kinds and token.start[0] not in docstrings]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_package_names_no_measure(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = sorted({match.group(0) for match in BODY.finditer(text)})
    assert not found, f"{path.name} speaks of {found}: measures and body parts live in config/"
    named = measure_names() & {token.strip("\"'") for token in code_tokens(path)} - {
        "sex",
        "bmi",
        "trauma",
        "visit_day",
    }
    assert not named, f"{path.name} names the measures {sorted(named)}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_evaluated_as_code(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile", "__import__"), f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            banned = ("pickle.load", "pickle.loads", "yaml.unsafe_load", "os.system", "pd.eval", "joblib.load")
            assert dotted not in banned, f"{path.name}:{node.lineno} calls {dotted}"


def tracked_text_files() -> list[Path]:
    import subprocess

    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: the list of files is not known")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    binary = {".png", ".parquet", ".sav", ".dta", ".xlsx", ".ods", ".pdf", ".gz", ".ttf", ".woff2", ".docx"}
    return [path for path in paths if path.is_file() and path.suffix not in binary]


def test_no_file_names_a_machine_or_a_registry() -> None:
    places = re.compile(
        r"/(?:root|home|Users)/\w|file:///\w|(?<!emit-)(?:extra-)?index-url|(?<!emit-)find-links|pypi\.org/simple|registry\.npmjs"
    )
    own = Path(__file__).resolve()
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked_text_files()
        if path != own
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1)
        if places.search(line)
    ]
    assert not found, found
