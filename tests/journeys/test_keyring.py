"""Secrets by the installed command: in a real gnome-keyring, in a locked one, and nowhere else."""

from __future__ import annotations

import shutil
import subprocess

from tests.servers import absent
from tests.tools import environment

ADD = "eventwire add:service-account crm --service http --test authentication=bearer --test-secret token=env:TOKEN"
LOCK = (
    "dbus-send --session --dest=org.freedesktop.secrets --print-reply /org/freedesktop/secrets "
    "org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login >/dev/null"
)
SCRIPT = f"""
printf 'pw\\n' | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null 2>&1
eventwire init --name shop >/dev/null 2>&1
export TOKEN=hunter2
{ADD}; echo "add: $?"
eventwire doctor | grep crm.test.token
cp eventwire.toml kept.toml
{LOCK}
{ADD.replace("crm", "other")}; echo "locked: $?"
cmp eventwire.toml kept.toml && echo unchanged
eventwire doctor | grep -A1 crm.test.token
EVENTWIRE_CRM_TEST_TOKEN=x eventwire doctor | grep crm.test.token
"""


def test_a_secret_goes_into_the_keyring_and_a_locked_one_strands_nobody(tmp_path):
    if not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")):
        absent("gnome-keyring is absent: apt-get install gnome-keyring dbus")
    (tmp_path / "run").mkdir(mode=0o700)
    environ = environment(tmp_path, XDG_RUNTIME_DIR=str(tmp_path / "run"), XDG_DATA_HOME=str(tmp_path / "data"))
    del environ["PYTHON_KEYRING_BACKEND"]
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", SCRIPT],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "add: 0" in said, said
    assert "✓ crm.test.token  keyring" in done.stdout, said
    assert "locked: 4" in said and "the keyring is locked" in done.stderr, said
    assert "EVENTWIRE_OTHER_TEST_TOKEN" in done.stderr and "EncryptedKeyring" in done.stderr
    assert "unchanged" in done.stdout
    assert "✗ crm.test.token  missing\n                    set EVENTWIRE_CRM_TEST_TOKEN" in done.stdout, said
    assert "✓ crm.test.token  environment" in done.stdout
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "data" not in path.parts]
    assert files and not any(b"hunter2" in path.read_bytes() for path in files)
    assert "hunter2" not in said
