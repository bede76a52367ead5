"""Write the pages that are made from other files: config/README.md from the schemas, environment.yml from the lock.

python docs/generate.py            write both
python docs/generate.py --check    end with 1 when one of them is out of step
"""

import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"matplotlib": "matplotlib-base"}
PIP_ONLY = ("typst", "scipy-stubs", "types-jsonschema", "pandas-stubs", "types-pyyaml")
ORDER = ("config", "cohort", "model", "measures", "claims", "decisions", "checks", "trial", "schematic", "registration")
FILES = {
    "config": "config/config.yaml",
    "cohort": "config/cohorts/<name>.yaml",
    "model": "config/models/<name>.yaml",
    "measures": "config/measures.yaml",
    "claims": "config/claims.yaml",
    "decisions": "config/decisions.yaml",
    "checks": "config/checks.yaml",
    "trial": "config/trial.yaml",
    "schematic": "config/schematic.yaml",
    "registration": "config/registration.yaml",
}


def environment() -> str:
    """environment.yml: the same versions for conda users."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    versions = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", lock, flags=re.M))
    wanted = [
        re.split(r"[<>=!~\[; ]", line)[0]
        for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    conda = [f"  - {CONDA_NAMES.get(name, name)}={versions[name]}" for name in wanted if name not in PIP_ONLY]
    pip = [f"      - {name}=={versions[name]}" for name in wanted if name in PIP_ONLY]
    return "\n".join(
        [
            "# Made by `make lock` from requirements.in and requirements.lock: the same versions for conda users.",
            "name: kinechain",
            "channels: [conda-forge, bioconda]",
            "dependencies:",
            "  - python=3.11",
            "  - pip",
            *conda,
            "  - pip:",
            *pip,
            "",
        ]
    )


def rows(schema: dict[str, Any], root: dict[str, Any], prefix: str = "") -> list[str]:
    """One line of a table for each key a schema knows, nested keys with their path."""
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            target = target[part]
        return rows(target, root, prefix)
    lines: list[str] = []
    for key, value in schema.get("properties", {}).items():
        name = f"{prefix}{key}"
        required = "yes" if key in schema.get("required", []) else ""
        inner = value
        while "$ref" in inner:
            target = root
            for part in inner["$ref"].lstrip("#/").split("/"):
                target = target[part]
            inner = {**target, **{k: v for k, v in inner.items() if k != "$ref"}}
        kind = inner.get("type", "")
        kind = " or ".join(kind) if isinstance(kind, list) else kind
        if "enum" in inner:
            kind = " · ".join(str(option) for option in inner["enum"])
        about = " ".join(str(inner.get("description", "")).split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {kind} | {required} | {about} |")
        lines += rows(inner, root, f"{name}.")
        for nested, mark in (("additionalProperties", "<name>"), ("items", "[]")):
            child = inner.get(nested)
            if isinstance(child, dict):
                lines += rows(child, root, f"{name}.{mark}." if mark != "[]" else f"{name}[].")
    for nested in ("additionalProperties", "items"):
        child = schema.get(nested)
        if isinstance(child, dict) and not schema.get("properties"):
            lines += rows(child, root, f"{prefix}<name>." if nested == "additionalProperties" else f"{prefix}[].")
    return lines


def config_reference() -> str:
    """config/README.md: every key of every config file, from the schemas."""
    page = [
        "# What can be set, key by key",
        "",
        "Made by `make lock` from `workflow/schemas/`; unknown keys are refused. Edit the yaml files beside this page,",
        "never the workflow.",
    ]
    for name in ORDER:
        path = ROOT / "workflow" / "schemas" / f"{name}.schema.yaml"
        schema = yaml.safe_load(path.read_text(encoding="utf-8"))
        about = " ".join(schema.get("description", "").split())
        page += ["", f"## `{FILES[name]}`", "", about, "", "| key | value | required | meaning |", "|---|---|---|---|"]
        page += rows(schema, schema)
    return "\n".join(page) + "\n"


def main() -> int:
    pages = {ROOT / "environment.yml": environment(), ROOT / "config" / "README.md": config_reference()}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of step: run `python docs/generate.py`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
