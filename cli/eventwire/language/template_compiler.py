"""Compiled templates: one generated function for the common case, in which everything is there.

The function indexes straight into the payload. Where something is missing or of an unusual type it raises LookupError
or TypeError, and the template is rendered step by step instead, which says what is wrong. So both give the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eventwire.fields import Context
from eventwire.language.contexts import TYPED, Unfit, write_text
from eventwire.language.template_parser import Wildcard

Values = Mapping[str, Any]

_TEXTUAL = (*TYPED, Context.HTML)


def compile_template(tree: Any) -> Callable[[Values, Values], Any] | None:
    """A function of payload and envelope, or None where step by step is as fast."""
    from eventwire.language.wildcards import leaves

    if any(leaf.context not in (*_TEXTUAL, Context.SQL) for leaf in leaves(tree)):
        return None
    generator = _Generator()
    expression = generator.expression(tree)
    names = generator.names
    source = f"def render(payload, envelope):\n    return {expression}\n"
    exec(compile(source, "<template>", "exec"), names)  # noqa: S102  # names and texts enter as constants only
    render: Callable[[Values, Values], Any] = names["render"]
    return render


class _Generator:
    """Writes the source. Every text, key and constant is a name of its own: nothing of a template becomes syntax."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__builtins__": {}, "at": _at, "text": _text}

    def constant(self, value: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def expression(self, tree: Any) -> str:
        from eventwire.language.wildcards import Leaf

        if isinstance(tree, Leaf):
            return self.leaf(tree)
        if isinstance(tree, dict):
            return "{" + ", ".join(f"{self.constant(key)}: {self.expression(each)}" for key, each in tree.items()) + "}"
        if isinstance(tree, list):
            return "[" + ", ".join(self.expression(each) for each in tree) + "]"
        return self.constant(tree)

    def leaf(self, leaf: Any) -> str:
        from eventwire.language.wildcards import Statement

        if leaf.context is Context.SQL:
            values = "".join(f"{self.fetch(wildcard)}, " for wildcard in leaf.wildcards)
            return f"{self.constant(Statement)}({self.constant(leaf.parts)}, ({values}))"
        if leaf.typed:
            return self.fetch(leaf.wildcards[0])
        return self.join(leaf)

    def join(self, leaf: Any) -> str:
        """A text as an f-string; its literal parts are constants."""
        write = "text" if leaf.context is not Context.HTML else self.constant(_guarded(leaf.writer))
        pieces = []
        for part, wildcard in zip(leaf.parts, [*leaf.wildcards, None], strict=True):
            if part:
                pieces.append(f"{{{self.constant(part)}}}")
            if wildcard is not None:
                pieces.append(f"{{{write}({self.fetch(wildcard)})}}")
        return f"f'{''.join(pieces)}'"

    def fetch(self, wildcard: Wildcard) -> str:
        from eventwire.language.wildcards import fetch

        if wildcard.pipes or wildcard.root not in ("payload", "event"):
            name = self.constant(wildcard)
            return f"{self.constant(fetch)}({name}, {self.sources()})"
        expression = "payload" if wildcard.root == "payload" else "envelope"
        for part in wildcard.path:
            if isinstance(part, int):
                expression = f"at({expression}, {part})"
            else:
                expression = f"{expression}[{self.constant(part)}]"
        return expression

    def sources(self) -> str:
        return f"{{{self.constant('payload')}: payload, {self.constant('event')}: envelope}}"


def _at(value: Any, index: int) -> Any:
    if type(value) is not list:
        raise TypeError
    return value[index]


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is int and value.bit_length() < 64:
        return str(value)
    try:
        return write_text(value)
    except Unfit as error:
        raise TypeError from error


def _guarded(write: Callable[[Any], str]) -> Callable[[Any], str]:
    def guarded(value: Any) -> str:
        try:
            return write(value)
        except Unfit as error:
            raise TypeError from error

    return guarded
