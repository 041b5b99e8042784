"""YAML read as plain data, with the place of everything in it.

Values are those of YAML 1.2's core schema, as ReactiveHub's tool read them: `no` and `on` are text, and so are dates.
Nothing is ever constructed but text, numbers, true, false and null, and an alias that multiplies itself meets a limit.
"""

from __future__ import annotations

import re
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from eventwire.errors import MissingExtra, Place, Problem, ProjectError
from eventwire.importing.source import Keys, Mark, SourceFile

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node, ScalarNode

LONGEST = 1_000_000
"""A file has at most this many characters."""
DEEPEST = 64
MOST_VALUES = 100_000
"""How many values a file may stand for, aliases followed."""

# YAML 1.2.2, section 10.3.2: tags, forms, and the characters that they begin with
CORE = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
)
TAG = "tag:yaml.org,2002:"
MERGE = "<<"


def read_yaml(text: str, shown: str) -> SourceFile:
    """Read a document. Raises ProjectError with everything that is wrong, and MissingExtra."""
    if len(text) > LONGEST:
        message = f"The file has more than {LONGEST:,} characters."
        raise ProjectError([Problem("yaml-syntax", message, Place(shown), "Split it into several events.")])
    converter = Converter(shown)
    try:
        node = compose(text, shown)
        data = converter.convert(node, ()) if node is not None else None
    except RecursionError as error:
        raise ProjectError([converter.too_deep(Place(shown))]) from error
    if converter.problems:
        raise ProjectError(converter.problems)
    return SourceFile(shown, data, converter.marks)


def compose(text: str, shown: str) -> Node | None:
    """The document's nodes; nothing is constructed. Raises ProjectError."""
    loader = loader_class()
    import yaml

    try:
        node: Node | None = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        raise ProjectError([syntax_problem(error, text, shown)]) from error
    return node


@cache
def loader_class() -> Any:
    """PyYAML's loader in pure Python, with the types of YAML 1.2. Raises MissingExtra."""
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra("import", "import", "The command import reads YAML with a library") from error

    # in C, the stack of deeply nested lists would end the process
    class CoreLoader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to begin anew

    for name, form, first in CORE:
        CoreLoader.add_implicit_resolver(TAG + name, re.compile(f"(?:{form})\\Z"), first)
    return CoreLoader


def syntax_problem(error: Any, text: str, shown: str) -> Problem:
    """What the parser says, as a sentence with its place."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    if mark is not None:
        place = Place(shown, mark.line + 1, mark.column + 1)
    else:
        position = getattr(error, "position", None)
        before = text[:position] if isinstance(position, int) else ""
        place = Place(shown, before.count("\n") + 1, len(before) - before.rfind("\n"))
    message = f"This is not YAML: {said}."
    return Problem("yaml-syntax", message, place, "See https://yaml.org/spec/1.2.2 for how it is written.")


class Converter:
    """Makes plain data of nodes, and keeps where everything is."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.marks: dict[Keys, Mark] = {}
        self.problems: list[Problem] = []
        self.values = 0

    def convert(self, node: Any, keys: Keys) -> Any:
        """A node as data: nodes are told apart by their `id`."""
        self.values += 1
        self.marks.setdefault(keys, mark_of(node))
        if self.values > MOST_VALUES:
            if self.values == MOST_VALUES + 1:
                self.problem(node, f"The file stands for more than {MOST_VALUES:,} values.", "Use fewer aliases.")
            return None
        if len(keys) > DEEPEST:
            self.problems.append(self.too_deep(self.place(node)))
            self.values = MOST_VALUES + 1  # one that holds itself would never end
            return None
        if node.id == "mapping":
            return self.mapping(node, keys)
        if node.id == "sequence":
            return [self.convert(each, (*keys, number)) for number, each in enumerate(node.value)]
        return self.scalar(node)

    def mapping(self, node: MappingNode, keys: Keys) -> dict[str, Any]:
        """A table; what is merged into it comes after its own."""
        found: dict[str, Any] = {}
        merged: list[Node] = []
        for key, value in node.value:
            if key.id != "scalar" or not key.value.isprintable():
                self.problem(key, "A key is text on one line.", "Write a plain key.")
            elif key.value == MERGE and key.style is None:
                merged += value.value if value.id == "sequence" else [value]
            elif key.value in found:
                self.problem(key, f'The key "{key.value}" stands here a second time.', "Keep one of the two.")
            else:
                self.marks.setdefault((*keys, key.value), mark_of(key))
                found[key.value] = self.convert(value, (*keys, key.value))
        for each in merged:
            inner = self.convert(each, keys)
            found = {**inner, **found} if isinstance(inner, dict) else found
        return found

    def scalar(self, node: ScalarNode) -> Any:
        """A value by its tag; text where it has another, or is no number that can be worked with."""
        kind, text = node.tag.removeprefix(TAG), whole_characters(node.value)
        if kind not in ("str", "null", "bool", "int", "float"):
            self.problem(node, f"The tag {node.tag.replace(TAG, '!!')} means nothing here.", "Remove it.")
        if text is None:
            self.problem(node, "The text holds half a character.", "Write the whole character.")
        return scalar_value(kind, text or "")

    def problem(self, node: Node, message: str, next_step: str) -> None:
        self.problems.append(Problem("yaml", message, self.place(node), next_step))

    def place(self, node: Node) -> Place:
        return Place(self.shown, *mark_of(node))

    def too_deep(self, place: Place) -> Problem:
        message = f"It is nested more than {DEEPEST} levels deep."
        return Problem("yaml", message, place, "Nest less, and let no alias hold itself.")


def mark_of(node: Node) -> Mark:
    """Where a node begins."""
    return node.start_mark.line + 1, node.start_mark.column + 1


def whole_characters(text: str) -> str | None:
    """A text whose pairs of surrogates, as JSON escapes them, are characters; None where one is without its other."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None


def scalar_value(kind: str, text: str) -> Any:
    """A scalar of one of the core types; the text itself where it is none of that type."""
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    try:
        if kind == "int":
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if kind == "float" and isfinite(number := float(text)):
            return number
    except ValueError:
        return text  # `!!int word`, or more digits than a number may have
    return text
