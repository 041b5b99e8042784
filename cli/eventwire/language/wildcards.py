"""Wildcards: `{property}` in an action's fields, read once and rendered for each event.

    template = parse_template({"city": "{address.city}"}, Context.VALUE)
    template.render(payload, envelope)

A field that is exactly one wildcard keeps the value's type where the context is a value's, JSON's or plain text's, and
the field does not ask for text; everything else becomes text. Keys of tables hold no wildcards. In an address each
value is one percent-encoded component, also where the whole address is one wildcard: a payload never chooses the host
by bringing an address of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from eventwire.fields import Context, FieldType
from eventwire.language.contexts import (
    TYPED,
    WRITERS,
    MissingValue,
    Segments,
    TemplateError,
    Unfit,
    UnsafeValue,
    names_its_domain,
    write_text,
)
from eventwire.language.findings import Finding, LanguageError
from eventwire.language.numbers import is_number
from eventwire.language.paths import MISSING, ROOTS, look_up
from eventwire.language.payloads import plain_value
from eventwire.language.pipes import PIPES, Misfit
from eventwire.language.properties import Model
from eventwire.language.roots import ROOTS as ROOT_PROPERTIES
from eventwire.language.roots import find_name
from eventwire.language.sql_quotes import wildcards_in_quotes
from eventwire.language.template_checks import check_template
from eventwire.language.template_parser import Pipe, Wildcard, parse_text
from eventwire.language.validation import describe_value

__all__ = [
    "MissingValue",
    "Pipe",
    "Statement",
    "Template",
    "TemplateError",
    "UnsafeValue",
    "Wildcard",
    "check_template",
    "find_name",
    "parse_template",
    "wildcards_for",
]

Values = Mapping[str, Any]
DEEPEST = 64
"""How deep tables and lists of a template may be nested."""
SLOW_RENDERS = 4
"""How often a template is rendered step by step before it is compiled: compiling costs as much as a hundred renders."""


class Statement(Struct, frozen=True):
    """An SQL statement: literal parts with a bound value between each two of them."""

    parts: tuple[str, ...]
    values: tuple[Any, ...]


class Leaf:
    """A text with wildcards, somewhere in a template."""

    __slots__ = ("context", "parts", "segments", "typed", "wildcards", "writer")

    def __init__(
        self, parts: tuple[str, ...], wildcards: tuple[Wildcard, ...], context: Context, as_text: bool
    ) -> None:
        self.parts = parts
        self.wildcards = wildcards
        self.context = context
        self.typed = context in TYPED and parts == ("", "") and not as_text
        self.writer = WRITERS.get(context, write_text)
        self.segments = Segments(parts, context) if context in (Context.URL, Context.PATH) else None

    def render(self, fetch: Callable[[Wildcard], Any]) -> Any:
        """The text, value or statement that comes of it. Raises TemplateError."""
        values = [fetch(wildcard) for wildcard in self.wildcards]
        if self.context is Context.SQL:
            return Statement(self.parts, tuple(values))
        return values[0] if self.typed else self.join(values)

    def join(self, values: list[Any]) -> str:
        written = [self.write(wildcard, value) for wildcard, value in zip(self.wildcards, values, strict=True)]
        whole = "".join(part for pair in zip(self.parts, [*written, ""], strict=True) for part in pair)
        if self.segments and (fault := self.segments.check(written, whole)):
            wildcard = self.wildcards[fault[0]]
            raise UnsafeValue(f"{wildcard.text}: {wildcard.name} {fault[1]}. Nothing was sent.")
        return whole

    def write(self, wildcard: Wildcard, value: Any) -> str:
        try:
            return self.writer(value)
        except Unfit as error:
            kind = MissingValue if error.missing else UnsafeValue if self.context not in TYPED else TemplateError
            message = f"{wildcard.text}: {wildcard.name} {error.reason}. Nothing was sent."
            raise kind(message, next_step=error.next_step) from None


class Template:
    """A field's value with its wildcards, ready to be rendered for any event."""

    __slots__ = ("_fast", "_renders", "_tree", "context", "field_type", "source", "wildcards")

    def __init__(self, source: Any, tree: Any, context: Context, field_type: FieldType | None) -> None:
        self.source = source
        self.context = context
        self.field_type = field_type
        self.wildcards: tuple[Wildcard, ...] = tuple(each for leaf in leaves(tree) for each in leaf.wildcards)
        self._tree = tree
        self._fast: Callable[[Values, Values], Any] | None = None
        self._renders = 0

    @property
    def is_lone(self) -> bool:
        """Whether it is exactly one wildcard, and nothing else."""
        return isinstance(self._tree, Leaf) and self._tree.parts == ("", "")

    def render(self, payload: Values, envelope: Values, roots: Mapping[str, Any] | None = None) -> Any:
        """What the field holds for an event. Raises TemplateError.

        `roots` are the values of further roots, where the template was read with them: `{"response": {…}}`.
        """
        if self._fast is not None and roots is None:
            try:
                return self._fast(payload, envelope)
            except (LookupError, TypeError):
                pass  # step by step, to say what is missing
        elif roots is None:
            self._count()
        return self._render_slowly(payload, envelope, roots)

    def _count(self) -> None:
        self._renders += 1
        if self._renders == SLOW_RENDERS:
            from eventwire.language.template_compiler import compile_template

            self._fast = compile_template(self._tree) if self._fits_any else None

    @property
    def _fits_any(self) -> bool:
        """Whether no value can be of the wrong type: only a lone wildcard's value is a field's whole value."""
        return self.field_type not in _TYPE_TESTS or not self.is_lone

    def _render_slowly(self, payload: Values, envelope: Values, roots: Mapping[str, Any] | None = None) -> Any:
        sources = {"payload": payload, "event": envelope, **(roots or {})}
        value = render_tree(self._tree, lambda wildcard: fetch(wildcard, sources))
        if not self._fits_any:
            self._fit(value)
        return value

    def _fit(self, value: Any) -> None:
        if self.field_type is None or value is None or _TYPE_TESTS[self.field_type](value):
            return
        wildcard = self.wildcards[0]
        raise TemplateError(
            f"{wildcard.text}: {wildcard.name} is {describe_value(value)}, but the field takes "
            f"{_TYPE_LABELS[self.field_type]}. Nothing was sent."
        )


class Fields:
    """The values of several fields, each with its wildcards, ready to be rendered together."""

    __slots__ = ("_constants", "_fast", "_renders", "_templates")

    def __init__(self, templates: Mapping[str, Template], constants: Mapping[str, Any]) -> None:
        """`constants` are the fields that have no template."""
        self._templates = templates
        self._constants = constants
        self._fast: Callable[[Values, Values], Any] | None = None
        self._renders = 0

    def render(self, payload: Values, envelope: Values) -> dict[str, Any]:
        """What each field holds for an event. Raises TemplateError."""
        if self._fast is None:
            self._count()
        if self._fast is not None:
            try:
                values: dict[str, Any] = self._fast(payload, envelope)
                return values
            except (LookupError, TypeError):
                pass  # one by one, to say what is missing
        rendered = {name: each.render(payload, envelope) for name, each in self._templates.items()}
        return {**self._constants, **rendered}

    def _count(self) -> None:
        self._renders += 1
        if self._renders == SLOW_RENDERS and all(each._fits_any for each in self._templates.values()):
            from eventwire.language.template_compiler import compile_template

            trees = {name: each._tree for name, each in self._templates.items()}
            self._fast = compile_template({**self._constants, **trees})


_TYPE_TESTS: dict[FieldType | None, Callable[[Any], bool]] = {
    FieldType.INTEGER: lambda value: is_number(value) and value == value // 1,
    FieldType.NUMBER: is_number,
    FieldType.BOOLEAN: lambda value: isinstance(value, bool),
    FieldType.TABLE: lambda value: isinstance(value, Mapping),
}
_TYPE_LABELS = {
    FieldType.INTEGER: "an integer",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.TABLE: "an object",
}


def fetch(wildcard: Wildcard, sources: Mapping[str, Any]) -> Any:
    """A wildcard's value, through its pipes. Raises MissingValue and TemplateError."""
    value = look_up(wildcard.path, sources.get(wildcard.root, {}))
    for pipe in wildcard.pipes:
        if value is MISSING and pipe.name != "default":
            break
        try:
            value = PIPES[pipe.name].run(value, pipe.argument)
        except Misfit as error:
            message = f"{wildcard.text}: {wildcard.name} is {describe_value(value)}, but the pipe {pipe.name} {error}."
            raise TemplateError(f"{message} Nothing was sent.") from None
    if value is MISSING:
        raise MissingValue(
            f"{wildcard.text}: {wildcard.name} is missing. Nothing was sent.",
            next_step=f"Send it, or give it a default: {{{wildcard.name} | default: …}}.",
        )
    return value


def render_tree(tree: Any, fetch: Callable[[Wildcard], Any]) -> Any:
    """A template's tree with every wildcard's value in its place."""
    if isinstance(tree, Leaf):
        return tree.render(fetch)
    if isinstance(tree, dict):
        return {key: render_tree(each, fetch) for key, each in tree.items()}
    if isinstance(tree, list):
        return [render_tree(each, fetch) for each in tree]
    return tree


def leaves(tree: Any) -> Iterator[Leaf]:
    """The texts with wildcards in a template's tree, in order."""
    if isinstance(tree, Leaf):
        yield tree
    elif isinstance(tree, (dict, list)):
        for each in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(each)


def parse_template(
    value: Any, context: Context, field_type: FieldType | None = None, *, roots: tuple[str, ...] = ROOTS
) -> Template:
    """Read a field's value with its wildcards. Raises LanguageError with every finding, each with its `keys`.

    `field_type` is the field's declared type: one that is text makes text of a lone wildcard's value, and one that is
    a number, boolean or table refuses other values when it is rendered.
    """
    if context is Context.LITERAL:
        return Template(value, plain_value(value), context, field_type)
    parser = _Parser(context, field_type is FieldType.STRING, roots)
    tree = parser.read(value, ())
    if parser.findings:
        raise LanguageError(parser.findings)
    return Template(value, tree, context, field_type)


class _Parser:
    def __init__(self, context: Context, as_text: bool, roots: tuple[str, ...]) -> None:
        self.context = context
        self.as_text = as_text
        self.roots = roots
        self.findings: list[Finding] = []

    def read(self, value: Any, keys: tuple[str | int, ...]) -> Any:
        if isinstance(value, str):
            return self.text(str(value), keys)
        if len(keys) > DEEPEST:
            self.findings.append(
                Finding("too-deep", f"The value is nested more than {DEEPEST} levels deep.", keys=keys)
            )
            return None
        if isinstance(value, Mapping):
            return {self.key(str(key), keys): self.read(each, (*keys, str(key))) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.read(each, (*keys, index)) for index, each in enumerate(value)]
        return plain_value(value)

    def key(self, key: str, keys: tuple[str | int, ...]) -> str:
        """A key of a table, which wildcards may not be part of."""
        if "{" not in key and "}" not in key:
            return key
        try:
            parts, wildcards = parse_text(key, (*keys, key), self.roots)
        except LanguageError as error:
            self.findings.extend(error.findings)
            return key
        if wildcards:
            message = f"The key {key} holds a wildcard; only values may."
            self.findings.append(
                Finding(
                    "wildcard-in-key", message, 0, len(key), "Write {{ and }} for braces as text.", keys=(*keys, key)
                )
            )
        return "".join(parts)

    def text(self, text: str, keys: tuple[str | int, ...]) -> Any:
        try:
            parts, wildcards = parse_text(text, keys, self.roots)
        except LanguageError as error:
            self.findings.extend(error.findings)
            return text
        self.findings.extend(self.misplaced(parts, wildcards))
        if not wildcards and self.context is not Context.SQL:
            return parts[0]
        return Leaf(parts, wildcards, self.context, self.as_text)

    def misplaced(self, parts: tuple[str, ...], wildcards: tuple[Wildcard, ...]) -> Iterator[Finding]:
        """Wildcards that stand where no value can."""
        if self.context is Context.SQL:
            for number, where in wildcards_in_quotes(parts):
                each = wildcards[number]
                yield Finding(
                    "wildcard-in-quotes",
                    f"{each.text} stands in {where}, where no value can be bound.",
                    each.start,
                    each.end,
                    f"Write it without quotes: {each.text} becomes a parameter, whatever it holds.",
                    keys=each.keys,
                )
        if self.context is Context.URL and wildcards and not parts[0] and parts[1].startswith(":"):
            each = wildcards[0]
            message = f"{each.text} stands where the address names its scheme."
            yield Finding("wildcard-in-scheme", message, each.start, each.end, "Write https:// out.", keys=each.keys)
        elif self.context is Context.URL and wildcards and not names_its_domain(parts):
            each = wildcards[0]
            message = f"{each.text} stands where the address names its server, which a payload must not choose."
            step = "Write the domain out: https://{tenant}.shop.example."
            yield Finding("wildcard-as-host", message, each.start, each.end, step, keys=each.keys)


def wildcards_for(model: Model) -> list[str]:
    """Every wildcard that a model allows, for prompts: the payload's properties, then the envelope's."""
    own = [f"{{{path}}}" for path, _ in model.paths()]
    others = [f"{{{root}.{name}}}" for root, each in ROOT_PROPERTIES.items() for name in each.properties]
    return own + others
