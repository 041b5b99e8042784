"""Finding a project, beginning one, and its folder for what is not kept in git."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventwire.errors import EventwireError, ExitCode, UsageError
from eventwire.project import scaffold
from eventwire.project.locate import NoProject, find_project, state_folder
from eventwire.project.read import check_project, read_project
from eventwire.project.scaffold import write_project
from tests.project.projects import write


def test_a_project_is_found_from_a_folder_inside_it(tmp_path):
    write(tmp_path)
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert find_project(inside) == tmp_path
    assert find_project(inside, tmp_path / "eventwire.toml") == tmp_path


def test_where_there_is_none_the_next_step_begins_one(tmp_path):
    with pytest.raises(NoProject, match=r"no eventwire\.toml") as raised:
        find_project(tmp_path)
    assert raised.value.exit_code == ExitCode.PROJECT
    assert "eventwire init" in raised.value.next_step
    write(tmp_path)
    with pytest.raises(NoProject):
        find_project(tmp_path, tmp_path / "elsewhere")


def test_the_state_folder_is_private_and_unseen_by_git(tmp_path):
    folder = state_folder(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    assert state_folder(tmp_path) == folder


def test_a_file_in_the_state_folders_place_is_told(tmp_path):
    (tmp_path / ".eventwire").write_text("")
    with pytest.raises(EventwireError, match="is in the way"):
        state_folder(tmp_path)


def test_a_new_project_is_the_template_with_its_name(tmp_path):
    folder = tmp_path / "My Shop"
    files = write_project(folder, None)
    assert {str(file) for file in files} == {
        ".gitignore",
        "eventwire.toml",
        "samples/new-customer.json",
        "tests/new-customer.toml",
    }
    assert read_project(folder).name == "my-shop"
    assert check_project(folder) == []


def test_a_project_that_is_there_is_never_overwritten(tmp_path):
    write(tmp_path, '[project]\nname = "mine"\n')
    with pytest.raises(UsageError, match="exists already"):
        write_project(tmp_path, None)
    assert read_project(tmp_path).name == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["eventwire.toml"]


def test_a_name_that_is_not_allowed_writes_nothing(tmp_path):
    with pytest.raises(UsageError, match="cannot be the name of a project"):
        write_project(tmp_path / "x", "My Shop 🤖")
    assert not (tmp_path / "x").exists()


def test_a_disk_that_fills_up_leaves_no_half_project(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scaffold.shutil, "copyfile", full)
    (tmp_path / ".gitignore").write_text("mine\n")
    with pytest.raises(EventwireError, match="No space left"):
        write_project(tmp_path, "shop")
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == [tmp_path / ".gitignore"]
    assert left[0].read_text() == "mine\n"


@pytest.mark.parametrize("given", [None, "shop"])
def test_a_folder_that_may_not_be_looked_into(tmp_path, monkeypatch, given):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(EventwireError, match="cannot be looked into: Permission denied") as raised:
        find_project(tmp_path, tmp_path / given if given else None)
    assert "read what is in it" in raised.value.next_step
