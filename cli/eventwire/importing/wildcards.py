"""ReactiveHub's wildcards as eventwire's.

Both are `{property}`. There a brace that named no property was text; here it is doubled to be text, and what looks like
a wildcard stays one, so that a name that the model does not have is found.
"""

from __future__ import annotations

from typing import Any

from eventwire.language.findings import LanguageError
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.models import Model
from eventwire.language.paths import ROOTS, Path, format_path, parse_path
from eventwire.language.properties import walk

PATH = r"[^\W\d][\w$@:-]*(?:\.[\w$@:-]+|\[[0-9]+\])*"
BRACES = lazy_pattern(r"\{([^{}]*)\}")
NAMED = lazy_pattern(r"[^\W\d][\w-]*(?:\.[\w-]+|\[[0-9]+\])*")
"""What is taken for a property's name though the model has none of it. With other characters it is text."""
QUOTED = lazy_pattern(r"(?<!')'(\{[^{}]*\})'(?!')")


def known_paths(model: Model) -> dict[str, Path]:
    """The model's properties by how ReactiveHub writes them: names with dots between them, whatever is in a name."""
    return {plain_path(path): path for path, _ in walk(model.root, ())}


def plain_path(path: Path) -> str:
    """A path without any quotes."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def translate_value(value: Any, paths: dict[str, Path]) -> Any:
    """A template's value, its tables and lists included, with each wildcard as it is written here."""
    if isinstance(value, dict):
        return {translate_text(name, paths): translate_value(each, paths) for name, each in value.items()}
    if isinstance(value, list):
        return [translate_value(each, paths) for each in value]
    return translate_text(value, paths) if isinstance(value, str) else value


def translate_text(text: str, paths: dict[str, Path]) -> str:
    """A text with each wildcard as it is written here, and every other brace doubled."""
    parts = []
    position = 0
    for match in BRACES.finditer(text):
        path = path_of(match[1].strip(), paths)
        if path is not None:
            parts += [doubled(text[position : match.start()]), f"{{{written(path)}}}"]
            position = match.end()
    return "".join([*parts, doubled(text[position:])])


def path_of(name: str, paths: dict[str, Path]) -> Path | None:
    """The property that a name in braces means; None where it is text."""
    if name in paths:
        return paths[name]
    if not NAMED.fullmatch(name):
        return None
    try:
        return parse_path(name)
    except LanguageError:
        return None


def written(path: Path) -> str:
    """A path as wildcards write it; a payload's own `event` is told from the envelope."""
    if len(path) > 1 and path[0] in ROOTS:
        rest = format_path(("_", *path[1:])).removeprefix("_")
        return f"`{path[0]}`{rest}"
    return format_path(path)


def doubled(text: str) -> str:
    """Text whose braces are text."""
    return text.replace("{", "{{").replace("}", "}}")


def without_quotes(statement: str) -> str:
    """An SQL statement whose wildcards in quotes of their own stand free: each becomes a parameter, which needs none."""
    return QUOTED.sub(r"\1", statement)
