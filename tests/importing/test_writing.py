"""The project file that an import writes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from eventwire.errors import EventwireError, ProjectError
from eventwire.importing import writing
from eventwire.importing.templates import ACTIONS, TYPES
from eventwire.importing.writing import comment, project_text, write_import
from eventwire.project.read import read_project
from tests.importing.sources import BAKERY, imported, source, with_action, with_event
from tests.tools import tool

SECRETS = ("hush", "tk-12345")


def test_the_bakerys_text_is_a_project_without_errors(tmp_path):
    write_import(imported(BAKERY), tmp_path / "new")
    result = tool("check", "--json", folder=tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert result.document["count"]["error"] == 0
    assert {each["rule"] for each in result.document["problems"]} == {"no-settings", "no-default", "no-actions"}


def test_nothing_secret_is_in_it():
    text = project_text(imported(BAKERY))
    assert not [each for each in SECRETS if each in text]
    assert text.count("(a secret, not copied)") == 1


def test_what_was_left_out_stands_there_as_comments():
    text = project_text(imported(BAKERY))
    for words in (
        "# where = 'total > 100 OR paid = true'",
        "# [events.order-order-placed.filters.either.actions.never-always]",
        '#   "QueueUrl": "https://sqs.example/bake",',
        '# attachments: [{"title":"Order"}]',
        '# onSuccess: order.stored with {"id":"{id}"}',
        "# onFailure: order.lost",
        "# From events/order.OrderPlaced.yaml: order.OrderPlaced, version 0.0.3.",
        "# Big orders from abroad",
    ):
        assert words.replace("'", '"') in text or words in text, words


def test_an_action_that_was_left_out_can_be_mended_by_hand(tmp_path):
    text = project_text(
        imported(with_action(tmp_path, "type: REDIS\naction: INCRBY\ntemplate: {key: k, value: '{total}'}"))
    )
    mended = text.replace("# [events", "[events").replace("{total}", "{total | round: 0}")
    for key in ("service-account", "action", "key", "by"):
        mended = mended.replace(f"# {key} =", f"{key} =")
    (tmp_path / "eventwire.toml").write_text(mended, encoding="utf-8")
    assert tool("check", folder=tmp_path).exit_code == 0
    assert (
        "round: 0" in tool("show", "order", folder=tmp_path).stdout or "incrby" in tool("list", folder=tmp_path).stdout
    )


@pytest.mark.parametrize("text", ["a\nb", "\x7f\x00\r", ']]>\t\'"""', "é\u2028x", "sk_live_123456"])
def test_any_comment_is_one(text):
    assert tomllib.loads(comment(text) + "a = 1\n") == {"a": 1}
    assert "sk_live" not in comment(text)


def test_hostile_texts_stay_texts(tmp_path):
    text = """\
        id: "a\\nb ]\\n[x"
        name: 'q"\\n'''
        eventGroup: "tab\\t \\x7f"
        model: {"we.ird \\"k": String, "": String, "type": String, "é": String}
        filters:
          - id: f
            name: "n\\n[events.evil]\\nx = 1"
            condition: "é = 'x\\n[events.evil]'"
            actions:
              - {id: "x\\n[y]", type: "AWS\\n[events.evil]", action: "x", serviceAccountId: "c\\nd", template: {"a\\"": "\\n[e]"}}
              - {id: z, type: REDIS, action: SET, serviceAccountId: "c\\nd", template: {key: "\\n[events.evil]", value: "\\e"}}
        """
    (tmp_path / "source").mkdir()
    source = with_event(tmp_path / "source", text)
    write_import(imported(source), tmp_path / "new")
    data = tomllib.loads((tmp_path / "new" / "eventwire.toml").read_text(encoding="utf-8"))
    assert list(data["events"]) == ["a-b-x"]
    assert data["events"]["a-b-x"]["filters"]["f"]["actions"]["z"]["key"] == "\n[events.evil]"
    assert tool("check", folder=tmp_path / "new").exit_code == 0


IDS = st.sampled_from(["a", "b", "On Event", "on-event", "new_customer", "7", "é", 5, "x\n[y]", "# {"])
WORDS = st.one_of(
    st.sampled_from(
        ["{id}", "{event.id}", "{", "}}", "{a b}", "String", "number", "'", '"', "\\", "\n[x]", "sk_live_1"]
    ),
    st.text(max_size=5),
)
KEYS = st.sampled_from(["a", "id", "type", "field", "{id}", "{", "we ird", 'é"', "token", "operator", "a.b"])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
NAMES = "key field value stringify table payload condition database path headers query text url amount currency"
LIKELY = {"key": "k:{id}", "value": "{id}", "table": "t", "payload": {"a": "{n}"}, "path": "/{id}", "text": "{id} {"}
TEMPLATES = st.dictionaries(
    st.sampled_from([*NAMES.split(), "customerId", "statement", "schema", "capture", "Extra"]), VALUES, max_size=6
).flatmap(lambda drawn: st.sampled_from([drawn, {**drawn, **LIKELY}, {**LIKELY, **drawn}]))
MAPPED = [(kind, action) for kind, own in TYPES.items() for service, action in ACTIONS if service == own]
OPERATIONS = st.sampled_from([*MAPPED, ("AWS", "SQS"), ("REDIS", "INSERT"), ("x y", "\n[x]")])


@st.composite
def wild_actions(draw):
    kind, action = draw(OPERATIONS)
    found = {
        "id": draw(IDS),
        "type": kind,
        "action": action,
        "serviceAccountId": draw(IDS),
        "template": draw(TEMPLATES),
    }
    return found | draw(
        st.dictionaries(st.sampled_from(["onSuccess", "onFailure", "async", "name"]), WORDS, max_size=1)
    )


CONDITIONS = st.one_of(st.none(), st.sampled_from(["id = 1", "id = 'x' AND n > 1", "x OR y", "n in (1)"]))
MODEL = {"id": "String", "n": "Number", "event": {"id": "Date"}}
EVENTS = st.fixed_dictionaries(
    {
        "id": IDS,
        "model": st.one_of(
            st.just({"id": "String", "n": "Number", "event": {"id": "Date"}}),
            st.dictionaries(KEYS, VALUES, max_size=3),
        ),
        "filters": st.lists(
            st.fixed_dictionaries(
                {"id": IDS, "condition": CONDITIONS, "actions": st.lists(wild_actions(), min_size=1, max_size=3)}
            ),
            max_size=3,
        ),
    }
)


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=2))
def test_whatever_it_holds_a_source_is_refused_or_becomes_a_project_without_errors(events):
    with TemporaryDirectory() as folder:
        files = {f"events/{number}.yaml": json.dumps(each) for number, each in enumerate(events)}
        try:
            result = imported(source(Path(folder), files))
        except ProjectError as error:
            assert all(problem.place and problem.next_step for problem in error.problems)
            event("refused")
            return
        event(f"{len(result.actions)} actions")
        write_import(result, Path(folder) / "new")
        assert read_project(Path(folder) / "new").name


@pytest.mark.parametrize("failing", ["eventwire.toml", ".gitignore"])
def test_nothing_is_left_behind_where_it_fails(tmp_path, monkeypatch, failing):
    real = writing.write_atomically

    def fail(path: Path, text: str) -> None:
        if path.name == failing:
            raise EventwireError("The disk is full.")
        real(path, text)

    monkeypatch.setattr(writing, "write_atomically", fail)
    with pytest.raises(EventwireError):
        write_import(imported(BAKERY), tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_gitignore_that_is_there_is_kept(tmp_path):
    (tmp_path / ".gitignore").write_text("mine\n", encoding="utf-8")
    assert write_import(imported(BAKERY), tmp_path) == [tmp_path / "eventwire.toml"]
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "mine\n"
