"""Certificates: whose are trusted, and what is said of the others. Real servers with an authority of the test's own."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import uvloop

from eventwire.errors import Rejected
from eventwire.services import tls
from eventwire.services.catalog import find_service
from eventwire.services.declare import Credentials, Target
from tests.mail_server import MailServer
from tests.own_servers import Authority
from tests.services.answering import answering

SMTP = {"host": "localhost", "verify-certificate": True}
LOOPS = [asyncio.run, uvloop.run]
POSTGRESQL = {"database": "postgres", "user": "postgres", "prepared-statements": True, "host": "localhost"}


def verify(service, settings, *, run=asyncio.run, base="."):
    """Connect with these settings and ask who answers."""
    found = find_service(service)

    async def go():
        connection = await found.connect(Credentials(settings, {}, base=str(base)))
        try:
            return await found.verify(connection)
        finally:
            await connection.close()

    return run(go())


@pytest.fixture
def no_home(monkeypatch, tmp_path):
    """Nothing of this machine's user names an authority."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)


@pytest.fixture
def postgresql(postgresql_with_tls, no_home):
    """Connects with an ssl-mode and an authority's file."""

    def connect(mode, trusted=None, **changes):
        settings = {**POSTGRESQL, "port": postgresql_with_tls.port, "ssl-mode": mode} | changes
        run = settings.pop("run", asyncio.run)
        return verify("postgresql", settings | ({"ca-file": str(trusted)} if trusted else {}), run=run)

    connect.server = postgresql_with_tls
    return connect


@pytest.mark.parametrize("run", LOOPS)
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_postgresql_with_the_right_authority(postgresql, mode, run):
    assert postgresql(mode, postgresql.server.trusted, run=run).startswith("PostgreSQL ")


@pytest.mark.parametrize("run", LOOPS)
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_postgresql_with_another_authority_is_refused(postgresql, mode, run):
    with pytest.raises(Rejected, match="certificate that is not trusted: unable to get local issuer") as raised:
        postgresql(mode, postgresql.server.other, run=run)
    assert "`ca-file`" in raised.value.next_step


def test_postgresql_by_another_name_is_refused_by_verify_full_alone(postgresql):
    other_name = {"host": "127.0.0.1"}
    assert postgresql("verify-ca", postgresql.server.trusted, **other_name).startswith("PostgreSQL ")
    with pytest.raises(Rejected, match=r"not valid for '127\.0\.0\.1'"):
        postgresql("verify-full", postgresql.server.trusted, **other_name)


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_without_an_authority_of_its_own_postgresql_is_held_against_the_systems(postgresql, mode, monkeypatch):
    with pytest.raises(Rejected, match="not trusted: unable to get local issuer"):
        postgresql(mode)
    # where OpenSSL looks for the system's
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.server.trusted))
    assert postgresql(mode).startswith("PostgreSQL ")


def test_the_authorities_of_libpqs_own_place_still_count(postgresql, tmp_path):
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").write_bytes(postgresql.server.trusted.read_bytes())
    assert postgresql("verify-full").startswith("PostgreSQL ")


def test_a_postgresql_without_tls_is_told_from_one_that_is_down():
    """A server that answers N to the request for TLS, as PostgreSQL with ssl = off does."""

    gone = asyncio.Event()

    async def answer(reader, writer):
        await reader.readexactly(8)
        writer.write(b"N")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async def go():
        plain = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = plain.sockets[0].getsockname()[1]
        settings = {**POSTGRESQL, "host": "127.0.0.1", "port": port, "ssl-mode": "require"}
        try:
            await find_service("postgresql").connect(Credentials(settings, {}))
        finally:
            await gone.wait()
            plain.close()

    with pytest.raises(Rejected, match="does not speak TLS") as raised:
        asyncio.run(go())
    assert "ssl-mode" in raised.value.next_step


@pytest.mark.parametrize("mode", ["allow", "prefer", "require"])
def test_modes_that_prove_nothing_take_any_certificate(postgresql, mode):
    assert postgresql(mode, host="127.0.0.1").startswith("PostgreSQL ")


def test_a_file_is_looked_for_in_the_projects_folder(tmp_path, postgresql_with_tls):
    (tmp_path / "ca.pem").write_bytes(postgresql_with_tls.trusted.read_bytes())
    settings = {**POSTGRESQL, "port": postgresql_with_tls.port, "ssl-mode": "verify-full", "ca-file": "ca.pem"}
    assert verify("postgresql", settings, base=tmp_path).startswith("PostgreSQL ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "no certificate in PEM form"),
        (b"hello", "no certificate in PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate in PEM form"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_the_settings_name(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(Rejected, match=rf"ca-file .*ca\.pem cannot be used: .*{reason}") as raised:
        tls.ca_file(Credentials({"ca-file": "ca.pem"}, {}, base=str(tmp_path)))
    assert "`ca-file`" in raised.value.next_step


def test_a_folder_is_no_file_of_authorities(tmp_path):
    with pytest.raises(Rejected, match="cannot be used"):
        tls.ca_file(Credentials({"ca-file": "."}, {}, base=str(tmp_path)))


@pytest.fixture
def redis(redis_with_tls):
    """Connects with an authority's file."""

    def connect(trusted=None, host="localhost", run=asyncio.run):
        settings = {"host": host, "port": redis_with_tls.port, "database": 0, "tls": True}
        return verify("redis", settings | ({"ca-file": str(trusted)} if trusted else {}), run=run)

    connect.server = redis_with_tls
    return connect


@pytest.mark.parametrize("run", LOOPS)
def test_redis_with_the_right_authority(redis, run):
    assert redis(redis.server.trusted, run=run).startswith("Redis ")


@pytest.mark.parametrize("run", LOOPS)
def test_redis_with_another_authority_or_none_is_refused(redis, run):
    for trusted in (redis.server.other, None):
        with pytest.raises(Rejected, match="Redis at .* not trusted: (unable to get local issuer|self-signed)"):
            redis(trusted, run=run)


def test_redis_by_another_name_is_refused(redis):
    with pytest.raises(Rejected, match=r"not valid for '127\.0\.0\.1'"):
        redis(redis.server.trusted, host="127.0.0.1")


class Keeping:
    """Keeps every mail."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture(params=["starttls", "tls"])
def smtp(request, tmp_path):
    """A mail server with a certificate for localhost; sends it a mail with an authority's file."""
    authority, other, inbox = Authority(tmp_path), Authority(tmp_path, "other"), Keeping()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.certificate("localhost"))
    tls = {"ssl_context": context} if request.param == "tls" else {"tls_context": context, "require_starttls": True}
    server = MailServer(inbox, **tls)
    service = find_service("smtp")

    def send(trusted, host="localhost", run=asyncio.run):
        settings = {**SMTP, "host": host, "port": server.port, "security": request.param}
        settings |= {"ca-file": str(trusted)} if trusted else {}
        mail = {"from": "a@shop.example", "to": ["b@shop.example"], "subject": "x", "text": "y"}

        async def go():
            mailer = await service.connect(Credentials(settings, {}))
            operation = service.operation("send-mail")
            return await operation.send(mailer, operation.build(mail, Target(settings, "test", "ew_1")))

        return run(go())

    send.authority, send.other, send.mails = authority.file, other.file, inbox.mails
    yield send
    server.stop()


@pytest.mark.parametrize("run", LOOPS)
def test_a_mail_goes_to_a_server_with_the_right_authority(smtp, run):
    assert smtp(smtp.authority, run=run)["recipients"] == 1
    assert len(smtp.mails) == 1


@pytest.mark.parametrize("run", LOOPS)
def test_no_mail_goes_to_a_server_that_proves_nothing(smtp, run):
    for trusted in (smtp.other, None):
        with pytest.raises(Rejected, match="SMTP server at .* not trusted: unable to get local issuer"):
            smtp(trusted, run=run)
    with pytest.raises(Rejected, match=r"not valid for '127\.0\.0\.1'"):
        smtp(smtp.authority, host="127.0.0.1", run=run)
    assert smtp.mails == []


@pytest.fixture
def https(tmp_path):
    """A web server with a certificate for 127.0.0.1."""
    authority = Authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.certificate("127.0.0.1"))
    with answering(context) as server:
        server.authority, server.other = authority.file, Authority(tmp_path, "other").file
        yield server


@pytest.mark.parametrize("run", LOOPS)
def test_an_https_server_with_the_right_authority(https, run):
    assert verify("http", {"base-url": https.url, "ca-file": str(https.authority)}, run=run).endswith("answered 200 OK")


def test_a_file_of_several_authorities_counts_whole(https, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(b"# of two companies, \xc3\xbc\n" + https.other.read_bytes() + https.authority.read_bytes())
    assert verify("http", {"base-url": https.url, "ca-file": str(both)}).endswith("answered 200 OK")


def test_an_https_server_that_proves_nothing_is_sent_nothing(https):
    for trusted in ({"ca-file": str(https.other)}, {}):
        with pytest.raises(Rejected, match=r"(?i)certificate") as raised:
            verify("http", {"base-url": https.url} | trusted)
        assert "`ca-file`" in raised.value.next_step
    assert https.received == []
