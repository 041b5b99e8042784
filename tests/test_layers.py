"""Imports go downwards only, and below the terminal nothing prints, prompts or exits."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import eventwire
from eventwire.services.catalog import BUILT_IN

PACKAGE = Path(eventwire.__file__).parent
LAYERS = [
    {"app"},
    {"commands"},
    {"terminal", "server", "cluster"},
    {"importing"},
    {"engine", "journal"},
    {"services", "accounts", "project"},
    {"language"},
    {"fields", "errors"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """The modules of eventwire that a file imports anywhere, inside functions too, but for typing only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and getattr(branch.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eventwire"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("eventwire")}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards(path):
    mine = layer_of(path)
    for module in imports_of(path):
        layer = module.split(".")[1] if "." in module else "__init__"
        if layer in LEVEL and mine in LEVEL and not (mine == "commands" and layer == "app"):
            assert LEVEL[layer] >= LEVEL[mine], f"{mine} imports {module}"


def test_services_import_neither_each_other_nor_the_engine():
    services = set(BUILT_IN)
    for name in services:
        if not (PACKAGE / "services" / f"{name}.py").exists():
            continue
        for module in imports_of(PACKAGE / "services" / f"{name}.py"):
            parts = module.split(".")
            assert not (parts[1] == "services" and parts[2] in services), f"{name} imports {module}"


@pytest.mark.parametrize("name", ["errors", "fields"])
def test_the_lowest_layer_needs_the_standard_library_only(name):
    assert imports_of(PACKAGE / f"{name}.py") == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_below_the_terminal_prints_prompts_or_exits(path):
    if layer_of(path) in ("app", "commands", "terminal"):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"print", "input", "exit", "quit"}
    assert not any(module.startswith(("click", "rich", "questionary")) for module in plain_imports(tree))


def plain_imports(tree: ast.AST) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
