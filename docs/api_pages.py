"""The API reference: one page a module or subpackage, from signatures and docstrings, listed by floor."""

import ast
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "workflow" / "kinechain"
FLOOR = re.compile(r"^\| ([0-9½]+) \| (.+?) \|$")
ENTRY = re.compile(r"^(\S+(?: \S+)*) {2,}(\S.*)$")
"""A line of a docstring that names something and says what it is, two spaces or more between."""


def api_pages() -> dict[str, str]:
    """One page a module or subpackage, and the page that lists them by floor."""
    units: dict[str, list[Path]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        unit = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        units.setdefault(unit, []).append(file)
    units.pop("__init__", None)
    pages, gists = {}, {}
    for unit, files in sorted(units.items()):
        first = ast.get_docstring(ast.parse(files[0].read_text(encoding="utf-8"))) or ""
        gists[unit] = " ".join(first.split("\n\n")[0].split())
        lines = [line for file in files for line in module_lines(file, is_alone=len(files) == 1)]
        pages[f"api/{unit}.md"] = "\n".join([f"# `kinechain.{unit}`", "", *lines])
    index = [
        "# API reference",
        "",
        "Made from the docstrings. A module imports from floors below its own and never from one above; what begins",
        "with `_` is not for others. Arrays are float64; `n` is people, `p` observed variables, `k` free parameters.",
    ]
    for floor, about, rooms in floors():
        index += ["", f"## Floor {floor}" + (f": {about}" if about else ""), "", "| module | what it is |", "|---|---|"]
        index += [f"| [`{unit}`]({unit}.md) | {_cell(gists.pop(unit))} |" for unit in rooms if unit in gists]
    if gists:
        raise ValueError(f"ARCHITECTURE.md has no floor for {', '.join(sorted(gists))}")
    return {"api/index.md": "\n".join([*index, ""])} | pages


def floors() -> Iterator[tuple[str, str, list[str]]]:
    """Each floor of ARCHITECTURE.md from the top: its number, what it is for, its modules."""
    for line in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines():
        if found := FLOOR.match(line):
            rooms, _, about = found[2].partition("`: ")
            yield found[1], about, re.findall(r"`?(\w+)`?", rooms)


def module_lines(file: Path, *, is_alone: bool = False) -> Iterator[str]:
    """Headings, signatures and docstrings of one module's public names.

    is_alone  the module has its page to itself: no heading of its own
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    name = ".".join(part for part in parts if part != "__init__")
    if not is_alone:
        yield from [f"## `{name}`", ""]
    yield from [*described(ast.get_docstring(tree)), ""]
    yield from _constants(tree)
    mark = "##" if is_alone else "###"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield from _entry(node, mark, "")
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                        yield from _entry(inner, f"{mark}#", f"{node.name}.")


def _constants(tree: ast.Module) -> Iterator[str]:
    """Public constants that say what they are, in the line below."""
    for node, after in zip(tree.body, tree.body[1:], strict=False):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(target, ast.Name) or target.id.startswith("_"):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            is_short = isinstance(value, ast.Constant | ast.UnaryOp | ast.BinOp)
            shown = f" = `{ast.unparse(value)}`" if value is not None and is_short else ""
            yield from [f"**`{target.id}`**{shown}: {_plain(' '.join(after.value.value.split()))}", ""]


def _entry(node: ast.FunctionDef | ast.ClassDef, mark: str, owner: str) -> Iterator[str]:
    yield from [f"{mark} `{owner}{node.name}`", "", "```python", _signature(node), "```", ""]
    yield from [*described(ast.get_docstring(node)), ""]


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    """What stands between the name and the docstring; a line an argument where one line is too long."""
    if isinstance(node, ast.ClassDef):
        fields = [
            f"    {ast.unparse(it)}"
            for it in node.body
            if isinstance(it, ast.AnnAssign) and not ast.unparse(it.target).startswith("_")
        ]
        bases = f"({', '.join(ast.unparse(it) for it in node.bases)})" if node.bases else ""
        return "\n".join([f"class {node.name}{bases}:", *(fields or ["    ..."])])
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    whole = f"def {node.name}({ast.unparse(node.args)}){returns}"
    return whole if len(whole) <= 88 else f"def {node.name}(\n{_arguments(node.args)}\n){returns}"


def _arguments(arguments: ast.arguments) -> str:
    given = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(given) - len(arguments.defaults)) + list(arguments.defaults)
    lines = [_argument(one, default) for one, default in zip(given, defaults, strict=True)]
    if arguments.vararg:
        lines.append(f"*{_argument(arguments.vararg, None)}")
    elif arguments.kwonlyargs:
        lines.append("*")
    lines += [_argument(one, it) for one, it in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    lines += [f"**{_argument(arguments.kwarg, None)}"] if arguments.kwarg else []
    return "\n".join(f"    {line}," for line in lines)


def _argument(one: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(one.annotation)}" if one.annotation else ""
    return f"{one.arg}{kind}" + (f" = {ast.unparse(default)}" if default is not None else "")


def described(text: str | None) -> list[str]:
    """A docstring as markdown: columns of names become a table, other columns stay as they stand, the rest is prose."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", (text or "").rstrip()):
        rows = paragraph.splitlines()
        table = _table(rows)
        if table:
            lines += ["", "| | |", "|---|---|", *(f"| `{name}` | {_cell(about)} |" for name, about in table), ""]
        elif any(re.search(r"\S {2,}\S", row) or row.startswith(" ") for row in rows):
            lines += ["", "```text", *rows, "```", ""]
        else:
            lines += ["", *(_plain(row) for row in rows), ""] if _is_list(rows) else ["", _plain(" ".join(rows)), ""]
    return lines


def _is_list(rows: list[str]) -> bool:
    return any(re.match(r"([-*]|\d+\.) ", row) for row in rows)


def _table(rows: list[str]) -> list[tuple[str, str]]:
    """Names and what they are, when every line of the paragraph starts an entry or goes on with one; else nothing."""
    entries: list[tuple[str, str]] = []
    for row in rows:
        found = ENTRY.match(row)
        if found and not row.startswith(" "):
            entries.append((found[1], found[2]))
        elif row.startswith("  ") and entries:
            entries[-1] = entries[-1][0], f"{entries[-1][1]} {row.strip()}"
        else:
            return []
    return entries


def _plain(text: str) -> str:
    """Text that markdown leaves alone outside of its code marks."""
    pieces = re.sub(r" {2,}", "\u2003", text).split("`")
    prose = (re.sub(r"([*_\[\]])", r"\\\1", it).replace("<", "&lt;") for it in pieces[::2])
    return "`".join(one for pair in zip_longest(prose, pieces[1::2]) for one in pair if one is not None)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")
