"""`eventwire import`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.importing.sources import BAKERY
from tests.tools import EVENTWIRE, Terminal, ask, environment, process, toml_of, tool


@pytest.fixture
def bakery(tmp_path: Path) -> Path:
    """The bakery, beside which something can be written."""
    return Path(shutil.copytree(BAKERY, tmp_path / "bakery"))


def test_the_report_says_what_was_imported_and_what_needs_attention(bakery):
    result = tool("import", "bakery", "--into", "new", folder=bakery.parent)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    for words in (
        "Imported 3 events, 5 filters and 8 actions into new/eventwire.toml:\n",
        "  order-order-placed  (was order.OrderPlaced)\n    on-event: store-order, store-order-2, tell-kitchen\n",
        "  eventwire add:service-account till --service stripe --test-secret secret-key=-\n",
        '  events/order.OrderPlaced.yaml:70:9: The action "queue" is left out: AWS / SQS / Publish STANDARD Queue '
        "has no counterpart yet.\n    It stands in the project as a comment.\n",
        "Next: cd new && eventwire check\n",
    ):
        assert words in result.stdout, words
    assert "hush" not in result.stdout
    assert sorted(path.name for path in (bakery.parent / "new").iterdir()) == [".gitignore", "eventwire.toml"]


def test_json_holds_the_same(bakery):
    result = tool("import", "bakery", "--json", "--no-input", folder=bakery.parent)
    document = result.document
    assert set(document) == {"project", "folder", "events", "filters", "actions", "service_accounts", "attention"}
    assert document["project"] == "corner-bakery"
    assert document["folder"] == str(bakery.parent / "corner-bakery")
    assert document["events"][0] == {"name": "new-customer", "id": "NewCustomer"}
    assert [len(document[each]) for each in ("events", "filters", "actions", "service_accounts")] == [3, 5, 8, 6]
    assert all(set(each) == {"place", "message", "next_step"} for each in document["attention"])
    assert "hush" not in result.stdout


def test_project_names_the_folder_to_write_and_name_the_project(bakery):
    result = tool("import", str(bakery), "--project", "there", "--name", "mine", folder=bakery.parent)
    assert result.exit_code == 0, result.output
    assert 'name = "mine"' in toml_of(bakery.parent / "there")


def test_a_project_that_is_there_is_left_alone(shop):
    before = toml_of(shop)
    result = tool("import", str(BAKERY), "--into", ".", folder=shop)
    assert result.exit_code == 2
    assert result.stderr.endswith("eventwire.toml exists already.\nChoose another folder with: --into DIR\n")
    assert toml_of(shop) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing: DIR."),
        (["nowhere"], "nowhere is no folder."),
        (["bakery", "--name", "My Shop"], "cannot be the name of a project"),
    ],
)
def test_wrong_arguments(bakery, arguments, said):
    result = tool("import", *arguments, folder=bakery.parent)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert [path.name for path in bakery.parent.iterdir()] == ["bakery"]


def test_a_source_with_mistakes_writes_nothing_and_tells_them_all(bakery):
    (bakery / "events" / "new-customer.yaml").write_text("id: x\nfilters: [1, 2]\n", encoding="utf-8")
    (bakery / "events" / "broken.yaml").write_text("id: [x\n", encoding="utf-8")
    result = tool("import", "bakery", "--json", folder=bakery.parent)
    assert (result.exit_code, result.stdout) == (3, "")
    found = [(each["file"], each["line"]) for each in result.error["problems"]]
    assert found == [("events/broken.yaml", 2), ("events/new-customer.yaml", 2), ("events/new-customer.yaml", 2)]
    assert [path.name for path in bakery.parent.iterdir()] == ["bakery"]


def test_a_folder_that_cannot_be_written(bakery):
    (bakery.parent / "file").write_text("", encoding="utf-8")
    result = process("import", "bakery", "--into", "file/new", folder=bakery.parent)
    assert result.exit_code == 1
    assert "is in the way" in result.stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_in_a_terminal_the_folder_is_asked_for(bakery, columns):
    with Terminal(EVENTWIRE, "import", folder=bakery.parent, columns=columns, lines=200) as terminal:
        terminal.play([ask("Which folder holds the ReactiveHub project?", "bakery")])
        assert terminal.end() == 0
        assert "Needs attention (26):" in terminal.text
        assert b"\x1b[1m" in terminal.raw
    quiet = environment(bakery.parent, NO_COLOR="1")
    with Terminal(EVENTWIRE, "import", "bakery", "--into", "b", folder=bakery.parent, environ=quiet) as terminal:
        assert terminal.end() == 0
        assert b"\x1b" not in terminal.raw
