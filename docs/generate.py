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
ORDER = (
    "config",
    "cohort",
    "model",
    "measures",
    "claims",
    "decisions",
    "checks",
    "trial",
    "schematic",
    "registration",
    "moments",
    "course",
)
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
    "moments": "data/published/<name>.yaml",
    "course": "data/published/<trial>.yaml",
}
KINDS = {
    "string": "text",
    "object": "block",
    "array": "list",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` · `false`",
    "null": "nothing",
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


def settled(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed; what stands beside the reference goes first."""
    while "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            target = target[part]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def rows(schema: dict[str, Any], root: dict[str, Any], prefix: str = "") -> list[str]:
    """One line of a table for each key a schema knows, nested keys with their path."""
    schema = settled(schema, root)
    lines: list[str] = []
    for key, value in schema.get("properties", {}).items():
        inner = settled(value, root)
        required = "yes" if key in schema.get("required", []) else ""
        about = _cell(inner["description"])
        lines.append(f"| `{prefix}{key}` | {kind_of(inner, root)} | {required} | {about} |")
        lines += rows(inner, root, f"{prefix}{key}.")
    for nested, mark in (("additionalProperties", "<name>."), ("items", "")):
        child = schema.get(nested)
        if isinstance(child, dict):
            lines += rows(child, root, f"{prefix.removesuffix('.')}[]." if nested == "items" else f"{prefix}{mark}")
    for choice in schema.get("oneOf", ()):
        lines += _choice(choice, root, prefix)
    return lines


def _choice(schema: dict[str, Any], root: dict[str, Any], prefix: str) -> list[str]:
    """Keys that belong to one kind of a block: the kind first, the others under its name."""
    kind = schema.get("properties", {}).get("kind")
    if kind is None:
        return []
    name = f"{prefix}kind: {kind['const']}"
    own = {key: value for key, value in schema["properties"].items() if key != "kind"}
    return [
        f"| `{name}` | | | {_cell(kind['description'])} |",
        *rows({**schema, "properties": own}, root, f"… {kind['const']}."),
    ]


def kind_of(schema: dict[str, Any], root: dict[str, Any]) -> str:
    """What may be written, in words: the options, or the kind of value with its bounds."""
    if "enum" in schema:
        return " · ".join(f"`{option}`" for option in schema["enum"])
    if "const" in schema:
        return f"`{str(schema['const']).lower()}`"
    if "anyOf" in schema:
        return " or ".join(kind_of(settled(one, root), root) for one in schema["anyOf"])
    named = schema.get("type", "")
    kinds = [KINDS[kind] for kind in (named if isinstance(named, list) else [named]) if kind]
    if kinds == ["list"] and "items" in schema:
        return f"list of {kind_of(settled(schema['items'], root), root)}".removesuffix(" of ")
    return " or ".join(kinds) + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    words = []
    if low is not None and high is not None:
        words.append(f"{low} to {high}")
    else:
        words += [f"{low} or more"] if low is not None else []
        words += [f"{high} or less"] if high is not None else []
    words += [f"above {above}"] if above is not None else []
    words += [f"below {below}"] if below is not None else []
    return f", {' and '.join(words)}" if words else ""


def config_reference() -> str:
    """config/README.md: every key of every config file, from the schemas."""
    page = [
        "# What can be set, key by key",
        "",
        "A study is set up in these files and nowhere else; unknown keys are refused, and `kinechain check` says",
        "where. In the tables a dot leads into a block, `<name>` stands for a name of your own, `[]` for each entry of",
        "a list, `…` for the block above it. Made by `make lock` from `workflow/schemas/`.",
        "",
        "| file | what it says |",
        "|---|---|",
    ]
    schemas = {
        name: yaml.safe_load((ROOT / "workflow" / "schemas" / f"{name}.schema.yaml").read_text(encoding="utf-8"))
        for name in ORDER
    }
    for name, schema in schemas.items():
        about = _about(schema, FILES[name])
        page.append(f"| [`{FILES[name]}`](#{_anchor(FILES[name])}) | {about[0].upper()}{about[1:]} |")
    for name, schema in schemas.items():
        about = _about(schema, FILES[name])
        page += ["", f"## `{FILES[name]}`", "", f"{about[0].upper()}{about[1:]}"]
        for example in schema.get("examples", ()):
            shown = yaml.dump(example, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100)
            page += ["", "The least that works:", "", "```yaml", shown.rstrip(), "```"]
        page += ["", "| key | value | required | meaning |", "|---|---|---|---|", *rows(schema, schema)]
    return "\n".join(page) + "\n"


def _cell(text: str) -> str:
    """Text for one cell of a table: outside of code marks `<name>` would be taken for a tag."""
    pieces = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(it if place % 2 else it.replace("<", "&lt;") for place, it in enumerate(pieces))


def _about(schema: dict[str, Any], file: str) -> str:
    return " ".join(schema["description"].split()).removeprefix(file).strip()


def _anchor(heading: str) -> str:
    """The anchor both GitHub and the site give a heading."""
    return re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")


class _Dumper(yaml.SafeDumper):
    """Yaml as people write it: text of several lines as a block."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


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
