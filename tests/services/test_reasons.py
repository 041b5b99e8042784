"""Why a server cannot be reached, as libraries say it and as people read it."""

from __future__ import annotations

import pytest

from eventwire.services.reasons import plain_reason


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        ("[Errno 111] Connect call failed ('127.0.0.1', 1)", "Connection refused"),
        ("Error 111 connecting to localhost:1. Connect call failed ('127.0.0.1', 1)", "Connection refused"),
        ("Error connecting to ::1 on port 1: [Errno 111] Connect call failed ('::1', 1, 0, 0)", "Connection refused"),
        (
            "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111] Connect call failed",
            "Connection refused",
        ),
        ("[Errno -2] Name or service not known", "Name or service not known"),
        ("Error -2 connecting to nohost.invalid:1. Name or service not known", "Name or service not known"),
        ("Error connecting to nohost on port 1: [Errno -2] Name or service not known", "Name or service not known"),
        ("Connection refused (os error 111)", "Connection refused"),
        ("no certificate: [Errno 2] No such file", "no certificate: [Errno 2] No such file"),
        ("wrong password for user 7", "wrong password for user 7"),
        ("", ""),
    ],
)
def test_the_systems_own_words_are_left(words, plain):
    assert plain_reason(words) == plain
