"""What a request asks for by its headers: `Prefer` (RFC 7240) and `Idempotency-Key`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.server.problems import Refusal

LONGEST_KEY = 255

_PREFERENCE = lazy_pattern(
    r"""[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[!#$%&'*+.^_`|~0-9A-Za-z:/-]*))?"""
    r"""((?:[ \t]*;[^,"]*(?:"(?:[^"\\]|\\.)*"[^,"]*)*)?)[ \t]*(?:,|\Z)"""
)
_VISIBLE = lazy_pattern(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")


class Preferences(Struct, frozen=True):
    """What a request would rather have. What is not understood is passed over, as RFC 7240 says."""

    respond_async: bool = False

    @property
    def applied(self) -> str | None:
        """The answer's `Preference-Applied`; None where nothing was asked for that is known here."""
        return "respond-async" if self.respond_async else None


def read_preferences(values: Sequence[str]) -> Preferences:
    """The preferences of all `Prefer` headers. The first of each name counts. Never raises."""
    found: dict[str, str] = {}
    for value in values:
        position = 0
        while position < len(value) and (match := _PREFERENCE.match(value, position)):
            found.setdefault(match[1].lower(), unquoted(match[2] or ""))
            position = match.end()
    return Preferences(found.get("respond-async") == "")


def read_idempotency_key(values: Sequence[str]) -> str | None:
    """The request's idempotency key, with or without the quotes of a structured field; None where it has none. Raises
    Refusal.
    """
    if not values:
        return None
    if len(set(values)) > 1:
        raise bad_key("is there twice, with different values")
    key = values[0].strip()
    if key.startswith('"'):
        if len(key) < 2 or not key.endswith('"'):
            raise bad_key("has an opening quote and no closing one")
        key = unquoted(key)
    if not key:
        raise bad_key("is empty")
    if len(key) > LONGEST_KEY:
        raise bad_key(f"has {len(key)} characters; {LONGEST_KEY} is the most")
    if not _VISIBLE.fullmatch(key):
        raise bad_key("holds something other than visible ASCII characters")
    return key


def bad_key(reason: str) -> Refusal:
    """The refusal of an idempotency key."""
    return Refusal(
        "bad-request",
        f"The header Idempotency-Key {reason}.",
        next_step="Send a text that is new for each event, such as a UUID.",
    )


def unquoted(text: str) -> str:
    """A quoted string's text; another one is itself."""
    if not text.startswith('"'):
        return text
    inner, plain = iter(text[1:-1]), []
    for char in inner:
        plain.append(next(inner, "") if char == "\\" else char)
    return "".join(plain)
