"""A payload is one JSON object. It is read strictly, and no number loses a digit."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventwire.errors import PayloadError
from eventwire.language.numbers import to_decimal
from eventwire.language.payloads import encode_json, read_payload

REFUSED = [
    (b"", "The payload is empty."),
    (b" \n ", "The payload is empty."),
    (b'{"a": 1', "The payload is not JSON: expecting ',' delimiter at line 1, column 8."),
    (b'{"a": 1,\n "b": x}', "The payload is not JSON: expecting value at line 2, column 7."),
    (b"[1, 2]", "The payload is a list, not a JSON object."),
    (b"null", "The payload is null, not a JSON object."),
    (b'"text"', "The payload is text, not a JSON object."),
    (b"12", "The payload is an integer, not a JSON object."),
    (b'{"a": NaN}', "The payload has the value NaN, which JSON does not have."),
    (b'{"a": -Infinity}', "The payload has the value -Infinity, which JSON does not have."),
    (b'{"a": 1, "b": {"c": 1, "c": 2}}', 'The payload has the key "c" twice in one object.'),
    (b'{"a": 1, "a": 2, "b": "\\u003a"}', 'The payload has the key "a" twice in one object.'),
    (b'{"a": "x:y", "a": 2}', 'The payload has the key "a" twice in one object.'),
    (b'{"a": "\\ud800"}', "The payload has half a character, \\ud800, which is no Unicode text."),
    ('{"a": "\ud800"}', "The payload has half a character, \\ud800, which is no Unicode text."),
    (b'{"a": "\xff"}', "The payload is not UTF-8: the byte 0xff at offset 7 does not belong."),
    (b'{"a": \x00}', "The payload has a zero byte at offset 6: it is not JSON text in UTF-8."),
    ('{"a": 1}'.encode("utf-16-le"), "The payload has a zero byte at offset 1: it is not JSON text in UTF-8."),
    (b'{"a": ' * 65 + b"1" + b"}" * 65, "The payload is nested more than 64 levels deep."),
    (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "The payload is nested more than 64 levels deep."),
    (b'{"a": ' + b"[" * 100_000, "The payload is nested more than 64 levels deep."),
    (b'{"a": 1e999999999}', "The payload has a number that is too large to work with: 1e999999999…"),
    (b'{"a": ' + b"1" * 5000 + b"}", "The payload has a number that is too large to work with: " + "1" * 30 + "…"),
]


@pytest.mark.parametrize(("data", "sentence"), REFUSED)
def test_what_is_no_payload_is_refused_with_a_sentence(data, sentence):
    with pytest.raises(PayloadError) as refused:
        read_payload(data)
    assert refused.value.message == sentence


def test_too_large_a_payload_is_refused_before_it_is_read():
    with pytest.raises(PayloadError, match="The payload is 1,001 bytes long; the most that is read is 1,000"):
        read_payload(b"{" + b" " * 1000, limit_bytes=1000)


def test_a_byte_order_mark_is_passed_over():
    assert read_payload(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_colons_inside_text_are_no_duplicate_keys():
    assert read_payload('{"a:b": "::", "c": ["x:y", {"d": "\\u003a"}]}') == {"a:b": "::", "c": ["x:y", {"d": ":"}]}


def test_the_deepest_payload_is_read():
    assert read_payload(b'{"a": ' * 64 + b"1" + b"}" * 64)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("99.5", 99.5),
        ("1.10", Decimal("1.10")),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        ("1e5", Decimal("1E+5")),
        ("1E400", Decimal("1E+400")),
    ],
)
def test_a_number_keeps_every_digit(text, number):
    read = read_payload(f'{{"n": {text}}}')["n"]
    assert (type(read), read) == (type(number), number)
    assert Decimal(encode_json(read)) == Decimal(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_whatever_json_writes_is_read_and_written_again(payload):
    once = read_payload(json.dumps(payload, ensure_ascii=False))
    assert once == json.loads(json.dumps(payload), parse_float=lambda text: as_read(text))
    assert read_payload(encode_json(once)) == once


def as_read(text):
    return float(text) if "e" not in text else Decimal(text)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ud8003a1e.-\x00 ntf', max_size=60))
def test_reading_gives_a_payload_or_a_payload_error(data):
    try:
        payload = read_payload(data)
    except PayloadError as refused:
        assert refused.message.endswith((".", "…"))
        return
    encode_json(payload).encode()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_decimals_are_written_as_numbers(value):
    assert to_decimal(read_payload(f'{{"n": {encode_json(value)}}}')["n"]) == value


def test_what_json_has_no_form_for_is_still_written():
    moment = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
    value = {"at": moment, "on": date(2026, 11, 23), "pair": (1, 2), "half": "\ud800"}
    assert json.loads(encode_json(value)) == {
        "at": "2026-11-23T15:00:00+00:00",
        "on": "2026-11-23",
        "pair": [1, 2],
        "half": "\ud800",
    }


def test_indented_json_is_for_people():
    assert encode_json({"a": [1]}, indent=True) == '{\n  "a": [\n    1\n  ]\n}'


def test_any_json_value_is_read_as_strictly():
    from eventwire.language.payloads import read_json

    assert read_json("[1, {}]") == [1, {}]
    assert read_json("5") == 5
    for text in ("[1, NaN]", '[{"a": 1, "a": 2}]', "[" * 65 + "]" * 65):
        with pytest.raises(PayloadError):
            read_json(text)
