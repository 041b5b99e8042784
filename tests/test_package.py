"""The wheel: it builds, installs into an empty environment, and works from there."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


def test_the_template_is_in_the_wheel_exactly(wheel):
    template = ROOT / "project_template"
    with ZipFile(wheel) as archive:
        inside = {name: archive.read(name) for name in archive.namelist() if "/project_template/" in name}
        assert any(name.endswith("eventwire/py.typed") for name in archive.namelist())
    expected = {
        f"eventwire/project_template/{path.relative_to(template)}": path.read_bytes()
        for path in template.rglob("*")
        if path.is_file()
    }
    assert inside == expected


def test_the_pages_are_in_the_wheel(wheel):
    server = ROOT / "cli" / "eventwire" / "server"
    shipped = {str(path.relative_to(server)) for name in ("templates", "static") for path in (server / name).iterdir()}
    with ZipFile(wheel) as archive:
        inside = {name.removeprefix("eventwire/server/") for name in archive.namelist()}
    assert shipped and shipped <= inside


def test_it_installs_into_an_empty_environment_and_works_from_there(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    bin_folder = tmp_path / "env" / "bin"
    subprocess.run([bin_folder / "pip", "install", "--quiet", str(wheel)], check=True, capture_output=True, timeout=300)
    (tmp_path / "work").mkdir()
    demo = subprocess.run(
        [bin_folder / "eventwire", "demo", "--json"],
        cwd=tmp_path / "work",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    extra = subprocess.run(
        [
            bin_folder / "eventwire",
            "add:service-account",
            "db",
            "--service",
            "postgresql",
            "--test",
            "database=x",
            "--test",
            "user=y",
        ],
        cwd=tmp_path / "work" / "eventwire-demo",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "pip install 'eventwire[postgresql]'" in extra.stderr
