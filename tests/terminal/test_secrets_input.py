"""Secrets by flags: from a variable, a file or standard input; never the value itself."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from eventwire.errors import CredentialError, UsageError
from eventwire.terminal.secrets_input import read_source
from eventwire.terminal.session import Session


def session(tmp_path: Path, stdin: str = "", **environ: str) -> Session:
    return Session(io.StringIO(stdin), io.StringIO(), io.StringIO(), environ, tmp_path)


def test_from_a_variable(tmp_path):
    assert read_source(session(tmp_path, DB_PASSWORD="hunter2"), "env:DB_PASSWORD", "flag") == "hunter2"


def test_from_a_file_without_the_line_end(tmp_path):
    (tmp_path / "key").write_text("hunter2\r\n", encoding="utf-8")
    assert read_source(session(tmp_path), "file:key", "flag") == "hunter2"


def test_from_standard_input_a_line_each(tmp_path):
    given = session(tmp_path, "first\nsecond\n")
    assert [read_source(given, "-", "flag") for _ in range(2)] == ["first", "second"]


@pytest.mark.parametrize("source", ["env:UNSET", "-", "file:missing"])
def test_a_source_with_nothing_in_it_is_an_error(tmp_path, source):
    with pytest.raises(CredentialError):
        read_source(session(tmp_path), source, "--test-secret password")


@pytest.mark.parametrize("source", ["hunter2", "env:", "vault:x", ""])
def test_a_value_given_as_source_is_refused_and_not_repeated(tmp_path, source):
    with pytest.raises(UsageError, match="does not name a source") as raised:
        read_source(session(tmp_path), source, "--test-secret password")
    assert "hunter2" not in str(raised.value)
