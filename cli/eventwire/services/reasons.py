"""Why a server cannot be reached, in the system's own words and no others."""

from __future__ import annotations

import os

from eventwire.language.lazy_pattern import lazy_pattern

_NUMBER = lazy_pattern(r"Err(?:no|or) (\d+)\b")
_WRAPPING = lazy_pattern(
    r"^(?:Error connecting to \S+ on port \d+: )?(?:\[Errno -?\d+\]|Error -?\d+ connecting to \S+) |\s*\(os error \d+\)$"
)


def plain_reason(words: str) -> str:
    """What a client library says of a connection, without the numbers and addresses that it wraps the system's words in:
    `Connection refused` for `[Errno 111] Connect call failed ('127.0.0.1', 5432)`.
    """
    number = _NUMBER.search(words)
    if number and "Connect call failed" in words:  # asyncio's own sentence, in place of the system's
        return os.strerror(int(number[1]))
    return _WRAPPING.sub("", words)
