"""SMTP: a real server, plain, with STARTTLS, with TLS, and with a login."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import warnings
from contextlib import suppress
from email import message_from_bytes, policy
from email.header import decode_header
from threading import Thread

import pytest
import trustme
from aiosmtpd.smtp import AuthResult

from eventwire.errors import Refused, Rejected, Unavailable
from eventwire.services.declare import Credentials, Target
from eventwire.services.smtp import SERVICE
from tests.mail_server import MailServer
from tests.servers import closed_port

SEND = SERVICE.operation("send-mail")
MAIL = {"to": ["ana@example.com"], "subject": "Welcome", "text": "Hello"}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


class Inbox:
    def __init__(self):
        self.envelopes = []
        self.answer = "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.envelopes.append(envelope)
        return self.answer

    @property
    def mails(self):
        return [message_from_bytes(each.content, policy=policy.default) for each in self.envelopes]


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"shop", b"right"), handled=False)


@pytest.fixture
def serve():
    """Starts a mail server; returns the inbox and the account's settings."""
    started = []

    def serve(security="none", login=False):
        inbox, context, more = Inbox(), None, {}
        if security != "none":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        if security == "starttls":
            more = {"tls_context": context, "require_starttls": True}
        if login:
            more |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": security == "starttls"}
        if security == "tls":
            more["ssl_context"] = context
        server = MailServer(inbox, **more)
        started.append(server)
        settings = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": security,
            "verify-certificate": False,
            "from": "Shop <hello@shop.example>",
        }
        return inbox, settings

    yield serve
    for server in started:
        server.stop()


def send(settings, values, secrets=None):
    async def run():
        mailer = await SERVICE.connect(Credentials(settings, secrets or {}))
        return await SEND.send(mailer, SEND.build(values, Target(settings, "test", "ew_1")))

    return asyncio.run(run())


def test_text_and_html_arrive_in_one_mail(serve):
    inbox, settings = serve()
    values = {
        **MAIL,
        "html": "<p>Hello <b>Änä</b></p>",
        "cc": ["b@example.com"],
        "bcc": "c@example.com",
        "reply-to": "d@example.com",
    }
    assert send(settings, values)["recipients"] == 3
    (mail,) = inbox.mails
    assert mail["From"] == "Shop <hello@shop.example>"
    assert (mail["To"], mail["Cc"], mail["Bcc"], mail["Reply-To"]) == (
        "ana@example.com",
        "b@example.com",
        None,
        "d@example.com",
    )
    assert mail["Message-ID"] == "<ew_1@shop.example>"
    assert mail.get_body(["plain"]).get_content().strip() == "Hello"
    assert "Änä" in mail.get_body(["html"]).get_content()
    assert inbox.envelopes[0].rcpt_tos == ["ana@example.com", "b@example.com", "c@example.com"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_login_over_an_encrypted_connection(serve, security):
    inbox, settings = serve(security, login=True)
    account = {**settings, "username": "shop"}
    send(account, MAIL, {"password": "right"})
    assert len(inbox.mails) == 1
    with pytest.raises(Refused) as raised:
        send(account, MAIL, {"password": "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_a_certificate_that_is_not_trusted_is_rejected(serve):
    _, settings = serve("tls")
    with pytest.raises(Rejected, match=r"(?i)certificate"):
        send({**settings, "verify-certificate": True}, MAIL)


def test_a_recipient_that_is_refused_is_told(serve):
    inbox, settings = serve()
    with pytest.raises(Rejected, match="no such user"):
        send(settings, {**MAIL, "to": ["nobody@example.com"]})
    with pytest.raises(Rejected, match="the others have the mail"):
        send(settings, {**MAIL, "to": ["ana@example.com", "nobody@example.com"]})
    assert len(inbox.mails) == 1


@pytest.mark.parametrize(("answer", "error"), [("451 try later", Unavailable), ("554 spam", Rejected)])
def test_what_may_pass_is_told_from_what_will_not(serve, answer, error):
    inbox, settings = serve()
    inbox.answer = answer
    with pytest.raises(error, match=answer[4:]):
        send(settings, MAIL)


def test_a_server_that_is_down_was_sent_nothing():
    settings = {
        "host": "127.0.0.1",
        "port": closed_port(),
        "security": "none",
        "verify-certificate": True,
        "from": "a@b.c",
    }
    with pytest.raises(Unavailable, match="SMTP at") as raised:
        send(settings, MAIL)
    assert raised.value.sent is False


@pytest.mark.parametrize(
    "values",
    [
        {"to": ["ana@example.com\r\nBcc: evil@example.com"]},
        {"to": ["ana@example.com, evil@example.com"]},
        {"to": ["ana"]},
        {"to": []},
        {"to": ["group: ana@example.com;"]},
        {"to": ["javascript:alert(1)@example.com"]},
        {"to": ["ana (evil)@example.com"]},
        {"to": ["<@evil.example:ana@example.com>"]},
        {"to": ['"ana@evil.example" <ana@example.com>']},
        {"to": ["ana@example.com evil"]},
        {"from": "nobody"},
        {"text": None},
    ],
)
def test_a_mail_that_is_none_is_not_sent(values):
    with pytest.raises(Rejected):
        SEND.build({**MAIL, **values}, Target({"from": "a@b.example"}, "test", "k"))


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("ana@example.com", "", "ana@example.com"),
        ("<ana@example.com>", "", "ana@example.com"),
        ("Ana Souza <a.b+c@example.com>", "Ana Souza", "a.b+c@example.com"),
        ('"Souza, Ana" <ana@example.com>', "Souza, Ana", "ana@example.com"),
        ("Souza, Ana <ana@example.com>", "Souza, Ana", "ana@example.com"),
        ("Änä: 🤖; <ana@[127.0.0.1]>", "Änä: 🤖;", "ana@[127.0.0.1]"),
        ("=?utf-8?q?evil?= <ana@example.com>", "=?utf-8?q?evil?=", "ana@example.com"),
    ],
)
def test_a_name_before_an_address_is_shown_as_it_was_written(serve, written, name, address):
    inbox, settings = serve()
    send(settings, {**MAIL, "to": [written, "b@example.com"]})
    first, second = inbox.mails[0]["To"].addresses
    assert (first.display_name, first.addr_spec, second.addr_spec) == (name, address, "b@example.com")
    assert inbox.envelopes[0].rcpt_tos == [address, "b@example.com"]


@pytest.mark.parametrize("subject", [" two  spaces ", "=?utf-8?q?evil?=", "Änä " * 40, "a\u2028b", "x" * 900])
def test_a_subject_is_read_as_it_was_written(serve, subject):
    inbox, settings = serve()
    send(settings, {**MAIL, "subject": subject})
    assert all(len(line) <= 78 for line in inbox.envelopes[0].content.split(b"\r\n"))
    pieces = decode_header(message_from_bytes(inbox.envelopes[0].content)["Subject"])
    assert "".join(each.decode(charset) if charset else each for each, charset in pieces) == subject


def test_a_subject_adds_no_header(serve):
    inbox, settings = serve()
    send(settings, {**MAIL, "subject": "Hello\nBcc: evil@example.com"})
    assert inbox.mails[0]["Subject"] == "Hello Bcc: evil@example.com"
    assert inbox.mails[0]["Bcc"] is None


def test_verify_logs_in_and_sends_nothing(serve):
    inbox, settings = serve("starttls", login=True)

    async def run(password):
        mailer = await SERVICE.connect(Credentials({**settings, "username": "shop"}, {"password": password}))
        return await SERVICE.verify(mailer)

    assert asyncio.run(run("right")).startswith("SMTP server at 127.0.0.1")
    with pytest.raises(Refused):
        asyncio.run(run("wrong"))
    assert inbox.mails == []


def test_a_mail_that_was_taken_is_sent_however_the_server_says_goodbye():
    async def run():
        gone = asyncio.Event()

        async def answer(reader, writer):
            writer.write(b"220 ready\r\n")
            in_data = False
            while line := await reader.readline():
                if in_data and line == b".\r\n":
                    writer.write(b"250 queued\r\n")
                    break
                if not in_data:
                    in_data = line.upper().startswith(b"DATA")
                    writer.write(b"354 go on\r\n" if in_data else b"250 OK\r\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            gone.set()

        abrupt = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = abrupt.sockets[0].getsockname()[1]
        given = {"host": "127.0.0.1", "port": port, "security": "none", "verify-certificate": True}
        mailer = await SERVICE.connect(Credentials(given, {}))
        request = SEND.build({**MAIL, "from": "shop@example.com"}, Target(given, "test", "ew_1"))
        try:
            return await SEND.send(mailer, request)
        finally:
            await gone.wait()
            abrupt.close()
            await abrupt.wait_closed()

    assert asyncio.run(run()) == {"answer": "queued", "recipients": 1}


def test_a_server_that_never_says_goodbye_over_tls_keeps_no_connection_open():
    """The client's word that TLS ends is not answered: still, nothing of the connection outlives the mail."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        answering = Thread(target=answer_but_for_the_farewell, args=(listening, context))
        answering.start()
        settings = {"host": "127.0.0.1", "port": listening.getsockname()[1], "security": "tls"}
        settings |= {"verify-certificate": False, "from": "shop@example.com"}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert send(settings, MAIL)["recipients"] == 1
            gc.collect()
        answering.join()
    assert [str(each.message) for each in caught if each.category is ResourceWarning] == []


def answer_but_for_the_farewell(listening, context):
    connection, _ = listening.accept()
    with context.wrap_socket(connection, server_side=True) as tls, tls.makefile("rwb") as stream:
        replies = iter([b"220 ready", b"250 hello", b"250 from", b"250 to", b"354 go on", b"250 queued", b"221 bye"])
        for reply in replies:
            stream.write(reply + b"\r\n")
            stream.flush()
            while reply != b"221 bye" and (line := stream.readline()) != b".\r\n" and reply == b"354 go on":
                assert line
        # until the client is gone: what it says is TLS's farewell, which is read but not answered
        connection_end = socket.socket(fileno=os.dup(tls.fileno()))
        with connection_end, suppress(ConnectionResetError):
            while connection_end.recv(1024):
                pass
