"""What makes a wildcard's value safe, for each place that it can end up in.

Each context has a function from a value's text to the text that is written, and may look at the whole once more. A
value that could change the shape of what is sent is refused with UnsafeValue, never mended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from eventwire.errors import Rejected
from eventwire.fields import Context
from eventwire.language.casts import to_text
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.payloads import describe_type


class TemplateError(Rejected):
    """A wildcard's value cannot be written where it stands. Nothing is sent."""


class MissingValue(TemplateError):
    """A wildcard's property is missing, and no `default` stands in."""


class UnsafeValue(TemplateError):
    """A wildcard's value would change the shape of what is sent."""


class Unfit(ValueError):
    """A value is refused; says why as the end of a sentence that begins with the property's name."""

    def __init__(self, reason: str, next_step: str | None = None, *, missing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.next_step = next_step
        self.missing = missing


def write_text(value: Any) -> str:
    """A value in text: text as it is, everything else as JSON writes it. Raises Unfit for objects and lists."""
    if type(value) is str:
        return value
    if value is None:
        return "null"
    text = to_text(value)
    if isinstance(text, str):
        return text
    raise Unfit(f"is {describe_type(value)}, which is no text", "Write it as JSON with the pipe json.")


def _required(value: Any) -> str:
    """A value in a place where null would be taken for a name of its own."""
    if value is None:
        raise Unfit("is null", "Give it a default: {property | default: …}.", missing=True)
    return write_text(value)


def _html(value: Any) -> str:
    from html import escape

    return escape(write_text(value), quote=True)


def _mrkdwn(value: Any) -> str:
    # these three and no others: https://docs.slack.dev/messaging/formatting-message-text/#escaping
    return write_text(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _url(value: Any) -> str:
    from urllib.parse import quote

    try:
        return quote(_required(value), safe="")
    except UnicodeEncodeError as error:
        raise Unfit("holds half a character, which no address can") from error


_CONTROL = lazy_pattern(r"[\x00-\x08\x0a-\x1f\x7f]")
_LABEL = lazy_pattern(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")  # RFC 1035, section 2.3.4
LARGEST_PORT = 65_535
_PORT = lazy_pattern(r"[0-9]{1,5}")


def _header(value: Any) -> str:
    text = _required(value)
    if match := _CONTROL.search(text):
        raise Unfit(f"holds the control character U+{ord(match[0]):04X}, which no header can")
    return text


def _identifier(value: Any) -> str:
    text = _required(value)
    if not text:
        raise Unfit("is empty, which no name can be")
    if "\x00" in text:
        raise Unfit("holds the character U+0000, which no name can")
    if "." in text:
        raise Unfit("holds a dot, which would name another schema")
    return text


def _path(value: Any) -> str:
    text = _required(value)
    if match := re.search(r"[/\\\x00-\x1f\x7f]", text):
        raise Unfit(f"holds {match[0]!r}, which would leave the folder that the path names")
    return text


WRITERS: dict[Context, Callable[[Any], str]] = {
    Context.TEXT: write_text,
    Context.VALUE: write_text,
    Context.JSON: write_text,
    Context.HTML: _html,
    Context.MRKDWN: _mrkdwn,
    Context.URL: _url,
    Context.HEADER: _header,
    Context.IDENTIFIER: _identifier,
    Context.PATH: _path,
}
"""How each context writes a value. SQL is not among them: there values never become text."""

TYPED = (Context.TEXT, Context.VALUE, Context.JSON)
"""Contexts in which a field that is exactly one wildcard keeps the value's type."""


class Segments:
    """The segments of an address or a path: a value may fill one, but not make one vanish or climb out."""

    def __init__(self, parts: Sequence[str], context: Context) -> None:
        self.context = context
        self.parts = tuple(parts)
        marked = "\x00".join(self.parts)
        self.filled = [number for number, each in enumerate(self._split(marked)) if "\x00" in each]
        self.hosts = _wildcards_in_host(self.parts) if context is Context.URL else frozenset()

    def _split(self, text: str) -> list[str]:
        if self.context is Context.PATH:
            return re.split(r"[/\\]", text)
        return re.split(r"[?#]", text, maxsplit=1)[0].split("/")

    def check(self, written: Sequence[str], whole: str) -> tuple[int, str] | None:
        """Which value is at fault, and why; None where all are well."""
        for number in self.hosts:
            if self.parts[number].endswith(":"):
                if not _PORT.fullmatch(written[number]) or int(written[number]) > LARGEST_PORT:
                    return number, "is no port"
            elif not _LABEL.fullmatch(written[number]):
                return number, "is no part of a host's name; a dot would lead to another server"
        if not self.filled:
            return None
        segments = self._split(whole)
        for position in self.filled:
            segment = segments[position].lower().replace("%2e", ".")
            if segment in ("", ".", ".."):
                what = "is empty" if not segment else f'makes the segment "{segment}"'
                return self._wildcard_in(position), f"{what}, which would lead to another place"
        return None

    def _wildcard_in(self, position: int) -> int:
        """The first wildcard of a segment."""
        before = self._split("\x00".join(self.parts))[:position]
        return sum(each.count("\x00") for each in before)


_AUTHORITY = lazy_pattern(r"^[^/?#]*:?//[^/?#]*$")


def _wildcards_in_host(parts: Sequence[str]) -> frozenset[int]:
    """The wildcards that stand between `//` and the first slash after it."""
    before = ""
    found = set()
    for number, part in enumerate(parts[:-1]):
        before += part
        if _AUTHORITY.match(before):
            found.add(number)
        before += "x"
    return frozenset(found)


def names_its_domain(parts: Sequence[str]) -> bool:
    """Whether an address writes out the domain that it leads to, behind whatever wildcards stand in its host.

    A payload may choose a customer's subdomain, `https://{tenant}.shop.example`, but never another server.
    """
    hosts = [number for number in _wildcards_in_host(parts) if not parts[number].endswith(":")]
    if not hosts:
        return True
    behind = re.split(r"[/?#:]", parts[max(hosts) + 1], maxsplit=1)[0]
    return "." in behind.rstrip(".")
