"""`eventwire init`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.tools import toml_of, tool

TEMPLATE = Path(__file__).parent.parent.parent / "project_template"


def test_writes_the_template(tmp_path):
    result = tool("init", "my-shop", folder=tmp_path)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == (
        "Made:\n  .gitignore\n  eventwire.toml\n  samples/new-customer.json\n  tests/new-customer.toml\n"
        "Next: cd my-shop && eventwire run new-customer\n"
    )
    written = toml_of(tmp_path / "my-shop")
    assert written == (TEMPLATE / "eventwire.toml").read_text(encoding="utf-8").replace('"my-project"', '"my-shop"')
    assert tool("run", "new-customer", folder=tmp_path / "my-shop").exit_code == 0


def test_here_and_named(tmp_path):
    result = tool("init", "--name", "corner-shop", "--json", folder=tmp_path)
    assert result.document["folder"] == str(tmp_path)
    assert tomllib.loads(toml_of(tmp_path))["project"]["name"] == "corner-shop"


def test_a_folder_whose_name_is_none_gets_the_nearest(tmp_path):
    assert tool("init", "My Shop!", folder=tmp_path).exit_code == 0
    assert tomllib.loads(toml_of(tmp_path / "My Shop!"))["project"]["name"] == "my-shop"


def test_a_project_that_is_there_is_left_alone(shop):
    before = toml_of(shop)
    result = tool("init", folder=shop)
    assert result.exit_code == 2
    assert result.stderr.endswith("eventwire.toml exists already.\nChoose a folder without a project.\n")
    assert toml_of(shop) == before


def test_a_name_that_is_none(tmp_path):
    result = tool("init", "x", "--name", "My Shop", folder=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.endswith("For example: my-shop\n")
    assert not (tmp_path / "x").exists()


def test_the_next_step_can_be_copied_whatever_the_folder_is_called(tmp_path):
    assert tool("init", "my own shop", folder=tmp_path).stderr.endswith(
        "Next: cd 'my own shop' && eventwire run new-customer\n"
    )
