"""Shape of the config files: JSON schemas that refuse unknown keys, answered in one line a mistake.

Schemas live in workflow/schemas/<name>.schema.yaml. They say what a file may look like; what it means is checked by the
types it becomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from kinechain.errors import Problem, closest
from kinechain.io import read_yaml, yaml_positions

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"

_TYPES = {
    "object": "a mapping of keys",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "empty",
}


@cache
def load_schema(name: str) -> dict[str, Any]:
    """The schema `workflow/schemas/<name>.schema.yaml`."""
    schema: dict[str, Any] = read_yaml(SCHEMAS / f"{name}.schema.yaml")
    return schema


def check_shape(value: Any, name: str, file: Path, *, shown: str | None = None) -> list[Problem]:
    """Mistakes in the shape of a config file, all of them, each with its line and column.

    value  what the file holds, as `io.read_yaml` gave it
    name   of the schema
    file   the file itself, for lines and columns
    shown  how the file is named to the reader; its path by default
    """
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(load_schema(name))
    errors = sorted(validator.iter_errors(value), key=lambda error: [str(part) for part in error.absolute_path])
    if not errors:
        return []
    places = yaml_positions(file)
    return [problem for error in errors for problem in _explain(error, places, shown or str(file))]


def where(path: tuple[str | int, ...], places: dict[tuple[str | int, ...], tuple[int, int]], shown: str) -> str:
    """`file:line:column` of a key, or of the nearest key above it."""
    for end in range(len(path), 0, -1):
        if path[:end] in places:
            line, column = places[path[:end]]
            return f"{shown}:{line}:{column}"
    return shown


def _explain(error: Any, places: dict[tuple[str | int, ...], tuple[int, int]], shown: str) -> Iterator[Problem]:
    path = tuple(error.absolute_path)
    at = where(path, places, shown)
    key = ".".join(str(part) for part in path) or "the file"
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        known = list(error.schema.get("properties", {}))
        patterns = error.schema.get("patternProperties", {})
        for name in error.instance:
            if name not in known and not patterns:
                spot = where((*path, name), places, shown)
                yield Problem(spot, f"unknown key `{name}` in {key}", closest(str(name), known))
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                about = error.schema.get("properties", {}).get(name, {}).get("description", "")
                yield Problem(
                    at, f"{key} lacks the key `{name}`", f"Add `{name}:` ({about})" if about else f"Add `{name}:`"
                )
    elif error.validator == "type":
        wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        right = " or ".join(_TYPES[kind] for kind in wanted)
        yield Problem(at, f"{key} = {_short(error.instance)} has the wrong type", f"Write {right}")
    elif error.validator == "enum":
        options = [str(option) for option in error.validator_value]
        yield Problem(at, f"{key} = {_short(error.instance)} is not known", closest(str(error.instance), options))
    elif error.validator in ("anyOf", "oneOf"):
        about = error.schema.get("description", "one of its forms")
        yield Problem(at, f"{key} = {_short(error.instance)} has none of the forms it may have", f"It is: {about}")
    elif error.validator == "pattern" and error.schema.get("description"):
        yield Problem(
            at, f"{key} = {_short(error.instance)} is not written as it should be", error.schema["description"]
        )
    else:
        yield Problem(at, f"{key}: {error.message[:160]}", str(error.schema.get("description", "")))


def _short(value: Any) -> str:
    text = str(value)
    return f"`{text}`" if len(text) <= 40 else f"`{text[:37]}…`"
