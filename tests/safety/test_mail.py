"""A payload never adds a recipient, a header, a part or a mail; and what is read is what was sent."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.header import decode_header
from html.parser import HTMLParser

import pytest

from tests.mail_server import MailServer
from tests.safety.hostile import NIGHTLY, NORMAL, any_text, each_hostile
from tests.safety.wired import Wired, account, action, sent

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

FIXED = {"to": ["ana@example.com"], "from": "Shop <hello@shop.example>"}
ACTIONS = "".join(
    [
        action("text", "mail", "send-mail", subject="x", text="<{text}>", cc=["c@example.com"], **FIXED),
        action("subject", "mail", "send-mail", subject="{text}", text="x", **FIXED),
        action("beside", "mail", "send-mail", subject="Hello {text}!", text="x", **FIXED),
        action("html", "mail", "send-mail", subject="x", html='<p title="{text}">{text}</p><b>x</b>', **FIXED),
        action("both", "mail", "send-mail", subject="x", text="{text}", html="<p>{text}</p>", **FIXED),
        action(
            "named",
            "mail",
            "send-mail",
            subject="x",
            text="x",
            to=["{text} <bob@example.com>"],
            **{"from": "a@shop.example"},
        ),
        action(
            "local", "mail", "send-mail", subject="x", text="x", to=["{text}@example.com"], **{"from": "a@shop.example"}
        ),
        action(
            "sender",
            "mail",
            "send-mail",
            subject="x",
            text="x",
            to=["ana@example.com"],
            **{"from": "{text} <a@shop.example>"},
        ),
    ]
)
ALWAYS = {"text", "html", "both"}
"""Actions whose place can hold any text."""
HEADERS = {"from", "to", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"}


class Inbox:
    """Keeps every envelope."""

    def __init__(self):
        self.envelopes = []

    async def handle_DATA(self, server, session, envelope):
        self.envelopes.append(envelope)
        return "250 OK"


class Mail:
    """A project with a mail server of its own."""

    def __init__(self, folder):
        self.inbox = Inbox()
        self.server = MailServer(self.inbox, data_size_limit=1 << 25)
        settings = {"host": "127.0.0.1", "port": self.server.port, "security": "none"}
        self.wired = Wired(folder, account("mail", "smtp", **settings) + ACTIONS)

    def check(self, text):
        self.inbox.envelopes.clear()
        records = self.wired.send(text)
        assert {name for name in ALWAYS if sent(records[name])} == ALWAYS
        assert len(self.inbox.envelopes) == sum(map(sent, records.values()))
        by_id = {name: message_id(record) for name, record in records.items() if sent(record)}
        found = {identifier_of(each): each for each in self.inbox.envelopes}
        assert set(found) == set(by_id.values())
        for name, identifier in by_id.items():
            self.check_mail(name, text, found[identifier])

    def check_mail(self, name, text, envelope):
        mail = message_from_bytes(envelope.content, policy=policy.default)
        raw = message_from_bytes(envelope.content, policy=policy.compat32)
        assert len(set(map(str.lower, raw.keys()))) == len(raw.keys())
        more = {"cc"} if name == "text" else set()
        # a mail of two parts says for each of them how it is encoded
        less = {"content-transfer-encoding"} if name == "both" else set()
        assert {key.lower() for key in raw.keys()} - more - less == (HEADERS - less)  # noqa: SIM118
        assert not mail.defects
        ARRIVED[name](text, mail, raw, envelope)

    def close(self):
        self.wired.close()
        self.server.stop()


def message_id(record):
    return record.request["message-id"]


def identifier_of(envelope):
    (found,) = re.findall(rb"^Message-ID: (\S+)\r$", envelope.content.partition(b"\r\n\r\n")[0], re.M)
    return found.decode()


def lines(text):
    """A mail has lines: how they end, and whether the last one does, is not its text."""
    return re.sub("\r\n|\r", "\n", text).rstrip("\n")


def plain(mail):
    return lines(mail.get_body(["plain"]).get_content())


def markup(mail):
    return lines(mail.get_body(["html"]).get_content())


def in_text(text, mail, raw, envelope):
    assert envelope.rcpt_tos == ["ana@example.com", "c@example.com"]
    assert plain(mail) == lines(f"<{text}>")
    assert not mail.is_multipart()


def decoded(header):
    """A header's characters, by RFC 2047 alone."""
    pieces = decode_header(re.sub("\r\n(?=[ \t])", "", header))
    return "".join(each.decode(charset or "ascii") if isinstance(each, bytes) else each for each, charset in pieces)


def in_subject(text, mail, raw, envelope):
    assert decoded(raw["Subject"]) == text
    assert envelope.rcpt_tos == ["ana@example.com"]


def beside(text, mail, raw, envelope):
    assert decoded(raw["Subject"]) == f"Hello {text}!"


class Reader(HTMLParser):
    """What a browser makes of markup: its tags and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, attributes))

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_pi = handle_decl = unknown_decl = handle_comment


def in_html(text, mail, raw, envelope):
    read = Reader(markup(mail))
    # two texts that end lines have them joined: only the whole has a last line
    assert read.tags == [("p", [("title", newlines(text))]), ("b", [])]
    assert read.text == newlines(text) + "x"


def newlines(text):
    return re.sub("\r\n|\r", "\n", text)


def both(text, mail, raw, envelope):
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert plain(mail) == lines(text)
    read = Reader(markup(mail))
    assert (read.tags, read.text) == ([("p", [])], newlines(text))


def named(text, mail, raw, envelope):
    assert envelope.rcpt_tos == ["bob@example.com"]
    assert decoded(raw["To"]) == mailbox(text, "bob@example.com")
    (address,) = mail["To"].addresses
    assert address.addr_spec == "bob@example.com"


def local(text, mail, raw, envelope):
    text = text.lstrip(" ")
    assert envelope.rcpt_tos == [f"{text}@example.com"]
    (address,) = mail["To"].addresses
    # a header in UTF-8 (RFC 6532) is read as bytes
    assert address.addr_spec.encode(errors="surrogateescape").decode() == f"{text}@example.com"


def sender(text, mail, raw, envelope):
    assert envelope.mail_from == "a@shop.example"
    assert decoded(raw["From"]) == mailbox(text, "a@shop.example")
    (address,) = mail["From"].addresses
    assert address.addr_spec == "a@shop.example"


def mailbox(name, address):
    """What a mail program shows: the name without spaces and quotes around it, and the address."""
    name = name.strip(" ")
    name = name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name
    return f"{name} <{address}>" if name else address


ARRIVED = {
    "text": in_text,
    "subject": in_subject,
    "beside": beside,
    "html": in_html,
    "both": both,
    "named": named,
    "local": local,
    "sender": sender,
}


@pytest.fixture(scope="module")
def mail(tmp_path_factory):
    made = Mail(tmp_path_factory.mktemp("mail"))
    yield made
    made.close()


@each_hostile
def test_a_hostile_text_is_read_as_it_was_sent_and_adds_nothing(mail, text):
    mail.check(text)


@any_text(NORMAL)
def test_any_text_is_read_as_it_was_sent_and_adds_nothing(mail, text):
    mail.check(text)


@pytest.mark.nightly
@any_text(NIGHTLY)
def test_any_text_is_read_as_it_was_sent_and_adds_nothing_at_length(mail, text):
    mail.check(text)
