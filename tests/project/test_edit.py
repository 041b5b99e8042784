"""Edits: one change, whole or not at all, and everything else stays byte for byte."""

from __future__ import annotations

import multiprocessing
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventwire.errors import EventwireError, ProjectError, UsageError
from eventwire.project import edit, files
from eventwire.project.read import read_project
from tests.project.projects import SHOP, text_of, write

FIELDS = {"file": "x.ndjson", "line": {"n": "{name}"}}


def test_an_event_is_written_as_a_person_would(tmp_path):
    write(tmp_path)
    model = {"id": "integer", "address": {"city": "string"}}
    edit.add_event(tmp_path, "order-paid", model, "Paid", None, {"id": 1, "address": {"city": "x"}})
    assert text_of(tmp_path) == SHOP + (
        "\n[events.order-paid]\n"
        'description = "Paid"\n'
        "\n[events.order-paid.model]\n"
        'id = "integer"\n'
        'address = { city = "string" }\n'
        "\n[events.order-paid.filters.on-event]\n"
    )
    assert (tmp_path / "samples" / "order-paid.json").exists()


def test_a_filter_and_an_action_stand_with_their_event(tmp_path):
    write(tmp_path, SHOP + '\n[events.other.model]\nid = "integer"\n')
    edit.add_filter(tmp_path, "new-customer", "pro", "plan = 'pro'")
    edit.add_action(tmp_path, "new-customer", "pro", "tell", "lines", "append", FIELDS, 5, 2.5)
    added = (
        "\n[events.new-customer.filters.pro]\n"
        "where = \"plan = 'pro'\"\n"
        "\n[events.new-customer.filters.pro.actions.tell]\n"
        'service-account = "lines"\n'
        'action = "append"\n'
        'file = "x.ndjson"\n'
        'line = { n = "{name}" }\n'
        "retry = { attempts = 5 }\n"
        "timeout-seconds = 2.5\n"
    )
    assert text_of(tmp_path) == SHOP + added + '\n[events.other.model]\nid = "integer"\n'


def test_an_account_gets_a_live_set_beside_its_test_set(tmp_path):
    write(tmp_path)
    edit.add_account(tmp_path, "lines", "file", None, {"folder": "/live"})
    account = read_project(tmp_path).accounts["lines"]
    assert (account.test, account.live) == ({"folder": "out"}, {"folder": "/live"})
    assert "# where lines go" in text_of(tmp_path)


def test_removing_takes_what_belongs_to_it_and_nothing_else(tmp_path):
    write(tmp_path)
    edit.add_filter(tmp_path, "new-customer", "pro", "plan = 'pro'")
    before = text_of(tmp_path)
    edit.add_action(tmp_path, "new-customer", "pro", "tell", "lines", "append", FIELDS, None, None)
    edit.remove_action(tmp_path, "new-customer", "pro", "tell")
    assert text_of(tmp_path) == before
    edit.remove_filter(tmp_path, "new-customer", "pro")
    assert text_of(tmp_path) == SHOP


def test_removing_an_account_takes_its_actions_along(tmp_path):
    write(tmp_path)
    edit.remove_account(tmp_path, read_project(tmp_path), "lines")
    project = read_project(tmp_path)
    assert not project.accounts
    assert project.actions() == []
    assert "on-event" in project.events["new-customer"].filters


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda folder: edit.add_filter(folder, "new-customer", "bad", "amonut > 1"), "no property amonut"),
        (lambda folder: edit.add_filter(folder, "new-customer", "Bad Name", "amount > 1"), "cannot be the name"),
        (lambda folder: edit.add_filter(folder, "new-customer", "big", "amount > 1"), "already"),
        (lambda folder: edit.add_filter(folder, "new-customer", "on-event", "amount > 1"), "has no condition"),
        (
            lambda folder: edit.add_action(
                folder, "new-customer", "big", "x", "lines", "append", {"file": "f"}, None, None
            ),
            'needs "line"',
        ),
        (lambda folder: edit.add_event(folder, "x", {"id": "integr"}, None, None, {"id": 1}), "integr"),
    ],
)
def test_what_would_be_wrong_is_refused_and_the_file_stays(tmp_path, change, sentence):
    write(tmp_path)
    with pytest.raises((ProjectError, UsageError), match=sentence):
        change(tmp_path)
    assert text_of(tmp_path) == SHOP
    assert not (tmp_path / "samples" / "x.json").exists()


def test_a_name_that_is_taken_says_where(tmp_path):
    write(tmp_path)
    with pytest.raises(UsageError) as raised:
        edit.add_filter(tmp_path, "new-customer", "big", "amount > 1")
    assert raised.value.place.line == 25


def test_windows_line_ends_and_a_byte_order_mark_stay(tmp_path):
    path = tmp_path / "eventwire.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SHOP.replace("\n", "\r\n").encode())
    edit.add_filter(tmp_path, "new-customer", "pro", "plan = 'pro'")
    written = path.read_bytes()
    assert written.startswith(b"\xef\xbb\xbf# the shop")
    assert b"\n" not in written.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "text",
    [
        SHOP.replace("[events.new-customer.filters.big]\nwhere = 'amount > 100'", ""),
        '[project]\nname = "x"\n[events]\ne.model = { id = "integer" }\ne.filters = { big = { where = "id > 1" } }\n',
        '[project]\nname = "x"\n[events.e]\nmodel.id = "integer"\n',
        '[project]\nname = "x"\n\n[events]\n[events.e.model]\nid="integer" # no line end',
    ],
    ids=["header", "inline", "dotted", "no line end"],
)
def test_any_way_of_writing_the_file_can_be_edited(tmp_path, text):
    write(tmp_path, text)
    event = "new-customer" if "new-customer" in text else "e"
    edit.add_filter(tmp_path, event, "more", "id > 2")
    assert "more" in read_project(tmp_path).events[event].filters
    edit.remove_filter(tmp_path, event, "more")
    assert "more" not in read_project(tmp_path).events[event].filters


def test_a_link_is_followed_and_the_mode_kept(tmp_path):
    (tmp_path / "real").mkdir()
    write(tmp_path / "real")
    (tmp_path / "real" / "eventwire.toml").chmod(0o640)
    (tmp_path / "eventwire.toml").symlink_to("real/eventwire.toml")
    edit.add_filter(tmp_path, "new-customer", "pro", "plan = 'pro'")
    assert (tmp_path / "eventwire.toml").is_symlink()
    assert (tmp_path / "real" / "eventwire.toml").stat().st_mode & 0o777 == 0o640
    assert "pro" in text_of(tmp_path / "real")


def test_a_disk_that_is_full_loses_nothing(tmp_path, monkeypatch):
    write(tmp_path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(EventwireError, match="No space left") as raised:
        edit.add_filter(tmp_path, "new-customer", "pro", "plan = 'pro'")
    assert "Free some space" in raised.value.next_step
    assert text_of(tmp_path) == SHOP
    assert sorted(path.name for path in tmp_path.iterdir()) == [".eventwire", "eventwire.toml"]


def test_a_lock_that_is_not_let_go_is_an_error(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.05)
    with files.locked(tmp_path), pytest.raises(EventwireError, match="Another eventwire command"):
        edit.add_filter(tmp_path, "new-customer", "pro", "plan = 'pro'")


def add_many(folder: Path, prefix: str) -> None:
    for number in range(15):
        edit.add_filter(folder, "new-customer", f"{prefix}{number}", f"amount > {number}")


def test_two_commands_editing_at_once_lose_neither_edit(tmp_path):
    write(tmp_path)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_many, args=(tmp_path, prefix)) for prefix in ("a", "b", "c")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)
    filters = read_project(tmp_path).events["new-customer"].filters
    assert len(filters) == 2 + 45


COMMENTS = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="\x85"), max_size=12), max_size=3
)
EDITS = st.lists(
    st.sampled_from(
        [
            "filter",
            "action",
            "event",
            "account",
            "live",
            "remove-filter",
            "remove-event",
            "remove-action",
            "remove-account",
        ]
    ),
    min_size=1,
    max_size=8,
)


@st.composite
def commented(draw):
    """The shop's project, with comments and empty lines wherever they may stand, and their order shuffled by table."""
    blocks = [block.strip("\n").split("\n") for block in re.split(r"\n(?=\[)", SHOP)]
    blocks = [blocks[0], *draw(st.permutations(blocks[1:]))]
    lines = []
    for block in blocks:
        for line in block:
            lines += [f"# {comment}" for comment in draw(COMMENTS)]
            lines += [""] * draw(st.integers(0, 2))
            lines.append(line + draw(st.sampled_from(["", "  # why", "\t#"])) if "#" not in line else line)
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n# the end\n"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=commented(), edits=EDITS)
def test_whatever_is_edited_the_rest_stays_as_it_was(tmp_path_factory, text, edits):
    folder = tmp_path_factory.mktemp("project")
    (folder / "eventwire.toml").write_text(text, encoding="utf-8")
    before = [line for line in text.split("\n") if line.strip()]
    for number, name in enumerate(edits):
        apply(folder, name, f"x{number}", edits[:number])
    after = [line for line in text_of(folder).split("\n") if line.strip()]
    tomllib.loads("\n".join(after))
    gone = [line for line in before if line not in after]
    assert not gone
    kept = [line for line in after if line in before]
    assert [line for line in before if before.count(line) == 1 and after.count(line) == 1] == [
        line for line in kept if before.count(line) == 1 and after.count(line) == 1
    ]


def apply(folder: Path, name: str, new: str, earlier: list[str]) -> None:
    """One edit; removals take what an earlier edit has added, so that the shop's own lines all stay."""
    added = {kind: [f"x{number}" for number, each in enumerate(earlier) if each == kind] for kind in set(earlier)}
    project = read_project(folder)
    if name == "filter":
        edit.add_filter(folder, "new-customer", new, "amount BETWEEN 1 AND 2")
    elif name == "action":
        edit.add_action(folder, "new-customer", "big", new, "lines", "append", FIELDS, None, None)
    elif name == "event":
        edit.add_event(folder, new, {"id": "integer"}, 'with "quotes" and #', None, None)
    elif name == "account":
        edit.add_account(folder, new, "file", {"folder": "a"}, {"folder": "b"})
    elif name == "live":
        edit.add_account(folder, "lines", "file", None, {"folder": new})
    elif name == "remove-filter" and (
        mine := [x for x in added.get("filter", ()) if x in project.events["new-customer"].filters]
    ):
        edit.remove_filter(folder, "new-customer", mine[0])
    elif name == "remove-event" and (mine := [x for x in added.get("event", ()) if x in project.events]):
        edit.remove_event(folder, mine[0])
    elif name == "remove-account" and (mine := [x for x in added.get("account", ()) if x in project.accounts]):
        edit.remove_account(folder, project, mine[0])
    elif name == "remove-action":
        mine = [x for x in added.get("action", ()) if x in project.events["new-customer"].filters["big"].actions]
        if mine:
            edit.remove_action(folder, "new-customer", "big", mine[0])


def both_at_once(monkeypatch, folder: Path, other) -> None:
    """Let another command make its edit right before this one gets the lock."""
    locked = files.locked

    def after_the_other(project: Path):
        monkeypatch.setattr(edit, "locked", locked)
        other(folder)
        return locked(project)

    monkeypatch.setattr(edit, "locked", after_the_other)


def test_two_commands_adding_the_same_name_keep_the_first(tmp_path, monkeypatch):
    write(tmp_path)
    both_at_once(monkeypatch, tmp_path, lambda folder: edit.add_filter(folder, "new-customer", "pro", "amount > 7"))
    with pytest.raises(UsageError, match="already"):
        edit.add_filter(tmp_path, "new-customer", "pro", "amount > 8")
    assert read_project(tmp_path).events["new-customer"].filters["pro"].where == "amount > 7"


def test_two_commands_adding_the_same_event_keep_the_first_sample(tmp_path, monkeypatch):
    write(tmp_path)
    model = {"id": "integer"}
    both_at_once(monkeypatch, tmp_path, lambda folder: edit.add_event(folder, "paid", model, None, None, {"id": 1}))
    with pytest.raises(UsageError, match="already"):
        edit.add_event(tmp_path, "paid", model, None, None, {"id": 2})
    assert (tmp_path / "samples" / "paid.json").read_text() == '{\n  "id": 1\n}\n'


def test_removing_what_another_command_has_removed_is_told(tmp_path, monkeypatch):
    write(tmp_path)
    both_at_once(monkeypatch, tmp_path, lambda folder: edit.remove_filter(folder, "new-customer", "big"))
    with pytest.raises(UsageError, match='no filter "big"'):
        edit.remove_filter(tmp_path, "new-customer", "big")


def test_an_account_goes_although_another_command_took_its_action_first(tmp_path, monkeypatch):
    write(tmp_path)
    project = read_project(tmp_path)
    both_at_once(monkeypatch, tmp_path, lambda folder: edit.remove_action(folder, "new-customer", "on-event", "keep"))
    edit.remove_account(tmp_path, project, "lines")
    assert not read_project(tmp_path).accounts


@pytest.mark.parametrize(
    ("change", "sentence", "next_step"),
    [
        (
            lambda folder: edit.add_filter(folder, "new-custmer", "x", "id > 1"),
            "no event",
            "Did you mean new-customer?",
        ),
        (lambda folder: edit.remove_filter(folder, "new-customer", "bgi"), "no filter", "Did you mean big?"),
        (lambda folder: edit.remove_event(folder, "zzz"), "no event", "There are: new-customer."),
        (lambda folder: edit.remove_action(folder, "new-customer", "big", "x"), "no action", "There are: none."),
        (
            lambda folder: edit.add_account(folder, "lines", "sqlite", None, {"file": "x.db"}),
            "one of file, not of sqlite",
            "Choose another name for the new one.",
        ),
        (
            lambda folder: edit.add_event(folder, "x", {"id": "integer"}, "caf\udce9", None, None),
            "not UTF-8",
            "Give it as UTF-8.",
        ),
        (
            lambda folder: edit.add_action(
                folder, "new-customer", "big", "x", "lines", "append", {"file": "f", "line": {"a": None}}, None, None
            ),
            "cannot hold null",
            "Leave the value out.",
        ),
    ],
)
def test_an_edit_that_has_no_place_says_so(tmp_path, change, sentence, next_step):
    write(tmp_path)
    with pytest.raises(UsageError, match=sentence) as raised:
        change(tmp_path)
    assert raised.value.next_step == next_step
    assert text_of(tmp_path) == SHOP


def test_the_default_filter_that_the_file_does_not_name_cannot_be_removed(tmp_path):
    write(tmp_path, '[project]\nname = "x"\n\n[events.e.model]\nid = "integer"\n')
    with pytest.raises(UsageError, match="there for every event"):
        edit.remove_filter(tmp_path, "e", "on-event")


@pytest.mark.parametrize("text", ['[project]\nname = "x"\n[[events]]\nid = 1\n', 'events = 5\n[project]\nname = "x"\n'])
def test_a_file_of_another_shape_is_left_alone(tmp_path, text):
    write(tmp_path, text)
    with pytest.raises(ProjectError, match="cannot change"):
        edit.add_event(tmp_path, "e", {"id": "integer"}, None, None, None)
    assert text_of(tmp_path) == text


def test_mixed_line_ends_all_stay(tmp_path):
    mixed = "".join(line + ("\r\n" if number % 2 else "\n") for number, line in enumerate(SHOP.split("\n")))
    (tmp_path / "eventwire.toml").write_bytes(mixed.encode())
    edit.add_filter(tmp_path, "new-customer", "pro", "plan = 'pro'")
    assert (tmp_path / "eventwire.toml").read_bytes().decode().startswith(mixed.rstrip("\r\n"))
