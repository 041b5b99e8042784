"""Servers of the tests' own, each for as long as a test run needs it: with TLS, or with a pooler in between."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import trustme

from tests.servers import POSTGRESQL, absent, closed_port, require

# PostgreSQL and PgBouncer do not run as root
AS_USER: Sequence[str] = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()


class Authority:
    """A certificate authority, and a file that says so: `file` is what `ca-file` names."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.authority = trustme.CA()
        self.folder = folder
        self.file = folder / f"{name}.pem"
        self.authority.cert_pem.write_to_path(self.file)

    def certificate(self, *names: str) -> tuple[Path, Path]:
        """A server's certificate for these names, and its key, as files."""
        issued = self.authority.issue_cert(*names)
        chain, key = self.folder / "server.pem", self.folder / "server.key"
        chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        return chain, key


class SecureServer(NamedTuple):
    """A server whose certificate is for `localhost` alone, so that 127.0.0.1 is the wrong name."""

    port: int
    trusted: Path
    """The authority that signed its certificate."""
    other: Path
    """An authority that did not."""


@contextmanager
def secure_postgresql() -> Iterator[SecureServer]:
    """A PostgreSQL with ssl = on; skips or fails as an absent server does."""
    binaries = postgresql_binaries()
    with own_folder() as folder:
        authority, other = Authority(folder), Authority(folder, "other")
        certificate, key = authority.certificate("localhost")
        data, port = folder / "data", closed_port()
        give_away(folder)
        run(binaries / "initdb", "--pgdata", data, "--auth=trust", "--username=postgres", "--no-sync")
        options = {
            "port": port,
            "listen_addresses": "localhost",
            "unix_socket_directories": folder,
            "ssl": "on",
            "ssl_cert_file": certificate,
            "ssl_key_file": key,
            "fsync": "off",
        }
        given = " ".join(f"-c {name}={value}" for name, value in options.items())
        run(binaries / "pg_ctl", "start", "--wait", "--pgdata", data, "--log", folder / "log", "--options", given)
        try:
            yield SecureServer(port, authority.file, other.file)
        finally:
            run(binaries / "pg_ctl", "stop", "--mode=immediate", "--pgdata", data)


def postgresql_binaries() -> Path:
    """Where initdb and pg_ctl are; distributions keep them off the PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = installed[-1] if installed else shutil.which("initdb")
    if found is None:
        absent("initdb is not installed; install it with: apt-get install postgresql")
    return Path(found).parent


@contextmanager
def secure_redis() -> Iterator[SecureServer]:
    """A Redis that speaks TLS alone; skips or fails as an absent server does."""
    with own_folder() as folder:
        authority, other = Authority(folder), Authority(folder, "other")
        certificate, key = authority.certificate("localhost")
        secure = ("--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority.file)
        port = closed_port()
        with redis_server("--port", 0, "--tls-port", port, *secure, "--tls-auth-clients", "no"):
            yield SecureServer(port, authority.file, other.file)


@contextmanager
def own_redis() -> Iterator[int]:
    """The port of a Redis that nobody else uses; skips or fails as an absent server does."""
    port = closed_port()
    with redis_server("--port", port):
        yield port


@contextmanager
def redis_server(*options: object) -> Iterator[None]:
    """A Redis with these options that keeps nothing on disk."""
    if shutil.which("redis-server") is None:
        absent("redis-server is not installed; install it with: apt-get install redis-server")
    command = ["redis-server", *map(str, options), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        while "Ready to accept" not in (line := server.stdout.readline()):
            assert line, "redis-server does not start"
        try:
            yield
        finally:
            server.kill()


@contextmanager
def transaction_pooler() -> Iterator[int]:
    """The port of a PgBouncer that gives each transaction another connection; skips or fails as an absent server does."""
    require("postgresql", POSTGRESQL)
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        absent("pgbouncer is not installed; install it with: apt-get install pgbouncer")
    parts, port = urlsplit(POSTGRESQL), closed_port()
    server = f"host={parts.hostname} port={parts.port or 5432} user={parts.username}"
    server += f" password={parts.password}" if parts.password else ""
    with own_folder() as folder:
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            "auth_type = any\npool_mode = transaction\ndefault_pool_size = 5\nunix_socket_dir =\n"
            # in turn, so that two transactions in a row do not have the same connection
            "server_round_robin = 1\n"
        )
        give_away(folder)
        as_user = ("--user", "postgres") if os.geteuid() == 0 else ()
        command = [program, "--quiet", *as_user, str(folder / "pgbouncer.ini")]
        with subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL) as pooler:
            try:
                wait_for(port, pooler)
                yield port
            finally:
                pooler.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens at a port."""
    while True:
        assert process.poll() is None, "it does not start"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that another user may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="eventwire-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give_away(folder: Path) -> None:
    """Let the user that PostgreSQL's package makes own a folder and what is in it."""
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "postgres")


def run(*command: object) -> None:
    """Run a program of PostgreSQL's, as its user where we are root."""
    done = subprocess.run(
        [*AS_USER, *map(str, command)],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}"
