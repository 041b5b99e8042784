"""`eventwire completion`; that the scripts work is tested in journeys/."""

from __future__ import annotations

import pytest

from tests.tools import tool


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_prints_the_script(tmp_path, shell):
    result = tool("completion", shell, folder=tmp_path)
    assert result.exit_code == 0
    assert "_EVENTWIRE_COMPLETE" in result.stdout


def test_another_shell(tmp_path):
    result = tool("completion", "tcsh", folder=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.endswith("See its arguments with: eventwire completion --help\n")
