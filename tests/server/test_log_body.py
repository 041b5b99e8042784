"""The body of `/api/v1/log`: what Operational's documentation sends is taken, and each limit is told."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventwire.errors import EventwireError, PayloadError
from eventwire.server.bodies import UnreadableBody
from eventwire.server.log_body import LogAction, LogEntry, Row, payload_of, read_actions, read_log, split_emoji
from eventwire.server.problems import Refusal

ACTION = {"key": "ban-user", "url": "https://shop.example/ban", "buttonText": "Ban"}


def read(body, kind="application/json"):
    return read_log(body if isinstance(body, bytes) else json.dumps(body).encode(), kind)


def violations(body):
    with pytest.raises(Refusal) as raised:
        read(body)
    assert raised.value.next_step
    return dict(raised.value.violations)


def test_an_entry_as_senders_write_it():
    entry = read(
        {
            "avatar": "🤗",
            "name": "user signup",
            "category": "user",
            "content": "User Shash signed up.",
            "notify": True,
            "test": False,
            "contextId": 134,
            "contextStart": True,
            "userId": "u1",
            "actions": [{**ACTION, "meta": {"id": 1}, "expireIn": 60, "type": "danger", "repeat": True}],
        }
    )
    assert entry == LogEntry(
        name="user signup",
        avatar="🤗",
        content="User Shash signed up.",
        category="user",
        notify=True,
        context_id="134",
        context_start=True,
        actions=(LogAction("ban-user", "Ban", "https://shop.example/ban", False, 60, {"id": 1}, "danger", True),),
    )


def test_rows_of_every_type():
    entry = read(
        {
            "type": "rows",
            "content": [
                {"type": "image", "content": "https://shop.example/a.png?x=1"},
                {"label": "User Id", "content": 1327},
                {"type": "json", "label": "Billing", "content": {"biller": "stripe"}},
                {"label": "Referral", "content": ""},
                {"label": "Nothing"},
            ],
        }
    )
    assert entry.content == [
        Row("https://shop.example/a.png?x=1", "image"),
        Row(1327, "text", "User Id"),
        Row({"biller": "stripe"}, "json", "Billing"),
        Row("", "text", "Referral"),
        Row("", "text", "Nothing"),
    ]


def test_rows_may_be_left_out_as_in_operationals_own_samples():
    entry = read({"name": "some event", "avatar": "🤖", "type": "rows", "actions": [ACTION]})
    assert (entry.name, entry.type, entry.content, entry.actions[0].key) == ("some event", "rows", None, "ban-user")


def test_json_and_images():
    assert read({"name": "x", "type": "json", "content": {"a": [1]}}).content == {"a": [1]}
    assert read({"name": "x", "type": "image", "content": "https://a.example/b.png"}).type == "image"


def test_external_actions_need_no_key_and_a_week_is_the_default():
    link = {"url": "mailto:a@b.example", "buttonText": "Write", "external": True}
    entry = read({"name": "x", "actions": [ACTION, link]})
    assert [each.key for each in entry.actions] == ["ban-user", "link-2"]
    assert [each.expire_in_minutes for each in entry.actions] == [10080, 10080]
    assert entry.actions[1].external


@pytest.mark.parametrize(
    ("change", "path", "sentence"),
    [
        ({"name": "x" * 49}, "name", "has 49 characters; 48 is the most"),
        ({"name": 5}, "name", "is an integer, and has to be text"),
        ({"type": "map"}, "type", "has to be one of text, rows, json, image"),
        ({"category": "x" * 25}, "category", "has 25 characters; 24 is the most"),
        ({"content": "x" * 100_001}, "content", "has 100,001 characters; 100,000 is the most"),
        ({"content": {"a": 1}}, "content", "is an object, and has to be text"),
        ({"type": "json", "content": "x"}, "content", "is text, and JSON is an object or a list here"),
        ({"type": "json", "content": ["x" * 100_000]}, "content", "takes more than 100,000 characters"),
        ({"type": "image", "content": "javascript:alert(1)"}, "content", "has to be the address of an image, beginning with https:// or http://"),
        ({"type": "rows", "content": "x"}, "content", "is text, and has to be a list of rows"),
        ({"type": "rows", "content": []}, "content", "is empty, and has to be a list of rows"),
        ({"type": "rows", "content": [{}] * 201}, "content", "has 201 rows; 200 is the most"),
        ({"type": "rows", "content": ["x"]}, "content[0]", "is text, and has to be an object with label and content"),
        ({"type": "rows", "content": [{"type": "rows"}]}, "content[0].type", "has to be one of text, json, image"),
        ({"type": "rows", "content": [{"label": 5, "content": "x"}]}, "content[0].label", "is an integer, and has to be text"),
        ({"notify": "yes"}, "notify", "is text, and has to be true or false"),
        ({"test": 2}, "test", "is an integer, and has to be true or false"),
        ({"contextId": "x" * 129}, "contextId", "has 129 characters; 128 is the most"),
        ({"contextId": True}, "contextId", "is a boolean, and has to be text"),
        ({"avatar": "javascript://x"}, "avatar", "has to be one emoji, or the address of an image (javascript://x… is neither)"),
        ({"actions": {}}, "actions", "is an object, and has to be a list"),
        ({"actions": [ACTION] * 21}, "actions", "has 21 actions; 20 is the most"),
        ({"actions": [ACTION, ACTION]}, "actions[1].key", 'is "ban-user", as that of another action is'),
        ({"actions": ["x"]}, "actions[0]", "is text, and has to be an object"),
        ({"actions": [{**ACTION, "buttonText": "x" * 49}]}, "actions[0].buttonText", "has 49 characters; 48 is the most"),
        ({"actions": [{**ACTION, "buttonText": ""}]}, "actions[0].buttonText", "is missing"),
        ({"actions": [{**ACTION, "url": None}]}, "actions[0].url", "is missing"),
        ({"actions": [{**ACTION, "key": ""}]}, "actions[0].key", "is missing: only an external action needs none"),
        ({"actions": [{**ACTION, "expireIn": 43201}]}, "actions[0].expireIn", "has to be a whole number of minutes from 1 to 43200"),
        ({"actions": [{**ACTION, "expireIn": 0}]}, "actions[0].expireIn", "has to be a whole number of minutes from 1 to 43200"),
        ({"actions": [{**ACTION, "expireIn": "60"}]}, "actions[0].expireIn", "has to be a whole number of minutes from 1 to 43200"),
        ({"actions": [{**ACTION, "meta": [1]}]}, "actions[0].meta", "is a list, and has to be text or an object"),
        ({"actions": [{**ACTION, "type": "pink"}]}, "actions[0].type", "has to be one of danger, important"),
    ],
)  # fmt: skip
def test_each_limit_is_told_with_its_path(change, path, sentence):
    assert violations({"name": "x", **change}) == {path: sentence}


@pytest.mark.parametrize("external", [True, False])
def test_an_action_never_runs_something_in_the_browser(external):
    for url in (
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "file:///etc/passwd",
        " https://a.example",
    ):
        found = violations({"name": "x", "actions": [{**ACTION, "url": url, "external": external}]})
        assert "begins with" in found["actions[0].url"]


def test_every_violation_is_named_at_once():
    found = violations({"name": 1, "type": "x", "notify": "x", "actions": [{"url": "x"}]})
    assert set(found) == {"name", "type", "notify", "actions[0].buttonText", "actions[0].key", "actions[0].url"}


def test_a_key_that_is_there_twice_is_named_where_it_stands():
    wrong = {**ACTION, "key": "other", "buttonText": "x" * 49}
    found = violations({"name": "x", "actions": [wrong, ACTION, ACTION]})
    assert set(found) == {"actions[0].buttonText", "actions[2].key"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("name", "avatar", "type", "content", "category", "notify", "test", "contextId", "contextStart", "actions")
BUTTON = st.dictionaries(st.sampled_from(["key", "url", "buttonText", "external", "expireIn", "meta", "type"]), JSON)
ROW = st.dictionaries(st.sampled_from(["type", "label", "content"]), JSON | st.sampled_from(["json", "image"]))


@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from(["rows", "json", "image"])),
    st.lists(JSON | BUTTON.map(lambda changes: {**ACTION, **changes}), max_size=3),
    st.lists(JSON | ROW, max_size=3),
)
def test_any_document_is_an_entry_or_is_refused(body, actions, rows):
    for document in (body, {**body, "actions": actions}, {**body, "type": "rows", "content": rows}):
        with suppress(EventwireError):
            payload_of(read(document))


@given(st.binary())
def test_any_bytes_are_an_entry_or_are_refused(body):
    for kind in ("text/plain", "application/json"):
        with suppress(EventwireError):
            payload_of(read(body, kind))


def test_an_entry_needs_something_to_say():
    assert violations({}) == {"name": "is missing: an entry needs a name or a content"}
    assert violations({"name": "", "content": ""}) == {"name": "is missing: an entry needs a name or a content"}


@pytest.mark.parametrize(
    ("text", "avatar", "rest"),
    [
        ("🤖 server started", "🤖", "server started"),
        ("👩‍🚀 launched", "👩‍🚀", "launched"),
        ("🇧🇷 order", "🇧🇷", "order"),
        ("👍🏽ok", "👍🏽", "ok"),
        ("❤️ love", "❤️", "love"),
        ("1️⃣ first", "1️⃣", "first"),
        ("⚠ careful", "⚠", "careful"),
        ("1 order", None, "1 order"),
        ("# heading", None, "# heading"),
        ("plain", None, "plain"),
    ],
)
def test_a_leading_emoji_is_the_avatar(text, avatar, rest):
    assert split_emoji(text) == (avatar, rest)
    entry = read(text.encode(), "text/plain; charset=utf-8")
    assert (entry.avatar, entry.name, entry.content) == (avatar, rest, None)


def test_a_long_text_loses_nothing():
    text = "a sentence that is longer than the name of an entry may be, by far"
    entry = read(f"🚨 {text}".encode(), "text/plain")
    assert (entry.avatar, entry.name, entry.content) == ("🚨", None, text)


@pytest.mark.parametrize("body", [b"", b"  \n", "🤖".encode()])
def test_a_text_without_words(body):
    with pytest.raises(Refusal):
        read(body, "text/plain")


def test_other_bodies():
    with pytest.raises(UnreadableBody):
        read(b"\xff", "text/plain")
    with pytest.raises(UnreadableBody) as raised:
        read(b"name=x", "application/x-www-form-urlencoded")
    assert raised.value.status == 415
    with pytest.raises(PayloadError):
        read(b"{", "application/json")


def test_an_entry_as_payload():
    entry = read({"name": "x", "type": "rows", "content": [{"content": "a"}], "actions": [ACTION]})
    payload = payload_of(entry)
    assert payload["type"] == "rows"
    assert payload["content"] == [{"content": "a", "type": "text", "label": None}]
    assert payload["actions"][0]["key"] == "ban-user"
    assert "category" not in payload
    json.dumps(payload)


def test_actions_of_an_extension():
    assert read_actions([ACTION])[0].key == "ban-user"
    assert read_actions(json.dumps([ACTION]))[0].key == "ban-user"
    for wrong in ("[", "{}", 5, [{"url": "x"}]):
        with pytest.raises(Refusal):
            read_actions(wrong)
