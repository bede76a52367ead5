"""requirements.in, requirements.lock and environment.yml stay in step, and every dependency is used or explained."""

import ast
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
IMPORTED_AS = {
    "python-docx": "docx",
    "python-calamine": "python_calamine",
    "pyyaml": "yaml",
    "jinja2": "jinja2",
    "pytest-xdist": None,
    "ruff": None,
    "mypy": None,
    "snakefmt": None,
    "setuptools": None,
    "pygments": None,
    "pandas-stubs": None,
    "scipy-stubs": None,
    "types-pyyaml": None,
    "types-jsonschema": None,
}


def names_in(text: str) -> list[str]:
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [re.split(r"[<>=!~\[; ]", line)[0].lower() for line in lines if line]


def locked() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {name.lower(): version for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", text, flags=re.M)}


def test_every_requirement_is_locked_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    versions = locked()
    for name in names_in((ROOT / "requirements.in").read_text(encoding="utf-8")):
        assert name in versions, f"{name} is in requirements.in and not in requirements.lock: run `make lock`"
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock.split("\n", 1)[1] if lock.startswith("#") else lock):
        if "==" in block.splitlines()[0]:
            assert "--hash=sha256:" in block, f"no hash: {block.splitlines()[0]}"


def test_the_lock_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock


def test_environment_yml_has_the_locked_versions() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next((entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)), [])
    stated = dict(
        re.split(r"=+", entry, maxsplit=1) for entry in conda + pip if "=" in entry and "python=" not in entry[:7]
    )
    versions = locked()
    conda_names = {"matplotlib-base": "matplotlib", "typst-py": "typst"}
    wanted = set(names_in((ROOT / "requirements.in").read_text(encoding="utf-8")))
    here = {conda_names.get(name, name) for name in stated}
    assert wanted <= here, f"environment.yml lacks {sorted(wanted - here)}"
    for name, version in stated.items():
        assert versions[conda_names.get(name, name)] == version, name


def test_every_requirement_is_imported_somewhere_or_is_a_tool() -> None:
    files = [path for folder in ("workflow", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    imported: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    for name in names_in((ROOT / "requirements.in").read_text(encoding="utf-8")):
        module = IMPORTED_AS.get(name, name.replace("-", "_"))
        assert module is None or module in imported or name == "snakemake", f"{name} is required and never imported"


def test_every_requirement_has_its_reason() -> None:
    page = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8").lower()
    for name in names_in((ROOT / "requirements.in").read_text(encoding="utf-8")):
        assert f"`{name}`" in page, f"{name} has no reason in docs/decisions/0002-dependencies.md"
