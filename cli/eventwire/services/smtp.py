"""Mail over SMTP."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from eventwire.errors import Refused, Rejected, ServiceError, Unavailable
from eventwire.fields import Context, Field, FieldType
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.services.declare import Credentials, Operation, Request, Service, Target, Values, import_client
from eventwire.services.reasons import plain_reason
from eventwire.services.tls import BESIDE, ca_field, certificate_problem, not_trusted, trust

if TYPE_CHECKING:
    from ssl import SSLContext

    import aiosmtplib

TIMEOUT_SECONDS = 60.0
PORTS = {"starttls": 587, "tls": 465, "none": 25}
# RFC 5322, sections 3.2.3 and 3.4.1, without what nobody's address has: quoted local parts, comments, groups. Characters
# beyond ASCII are those of RFC 6531.
_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\xa0\s])+"
_ADDRESS = rf"{_ATOM}(?:\.{_ATOM})*@(?:{_ATOM}(?:\.{_ATOM})*|\[[0-9A-Za-z:.]+\])"
MAILBOX = lazy_pattern(rf"(?P<bare>{_ADDRESS})|(?P<name>[^<>]*)<(?P<address>{_ADDRESS})>")
CONTROL = lazy_pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
PLAIN = lazy_pattern(r"(?:[!-~]+(?: [!-~]+)*)?")
ATOMS = lazy_pattern(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
LINE_END = lazy_pattern(r"[\r\n]+")
LONGEST_LINE = 60
# As many as a line of 76 characters holds behind its header's name (RFC 2047, section 2).
ENCODED_BYTES = 39


class Mailer(Struct, frozen=True):
    """How to reach the server; each mail has a connection of its own, since servers hang up on idle ones."""

    credentials: Credentials
    address: str
    tls: SSLContext | None = None
    """Whom to trust; None where there is no TLS."""

    async def close(self) -> None:
        """Nothing stays open between two mails."""

    def client(self) -> aiosmtplib.SMTP:
        """A client that is not connected yet."""
        settings = self.credentials.settings
        security = settings["security"]
        return client_class()(
            hostname=settings["host"],
            port=settings.get("port") or PORTS[security],
            use_tls=security == "tls",
            start_tls=security == "starttls",
            username=settings.get("username") or None,
            password=self.credentials.get("password"),
            timeout=TIMEOUT_SECONDS,
            tls_context=self.tls,
        )


@cache
def client_class() -> type[aiosmtplib.SMTP]:
    """The library's client, but one whose connection is gone once it is closed."""
    library = import_client("aiosmtplib", "smtp", "smtp")

    class Client(library.SMTP):  # type: ignore[misc, name-defined]
        def close(self) -> None:
            # With TLS, the library's close waits for the server's own farewell, in the background and for up to 30
            # seconds: the connection would outlive the mail, and the event loop of a command that sent one.
            transport = self.transport
            super().close()
            if transport is not None:
                transport.abort()

    return Client


async def connect(credentials: Credentials) -> Mailer:
    """Remember how to reach the server. Raises Rejected."""
    import_client("aiosmtplib", "smtp", "smtp")
    settings = credentials.settings
    address = f"{settings['host']}:{settings.get('port') or PORTS[settings['security']]}"
    return Mailer(credentials, address, security_of(credentials))


def security_of(credentials: Credentials) -> SSLContext | None:
    """Whom to trust. Raises Rejected for a broken `ca-file`."""
    settings = credentials.settings
    if settings["security"] == "none":
        return None
    context = trust(credentials)
    if not settings["verify-certificate"]:
        from ssl import CERT_NONE

        context.check_hostname = False
        context.verify_mode = CERT_NONE
    return context


async def verify(mailer: Mailer) -> str:
    """Connects and logs in, and sends nothing."""
    client = mailer.client()
    try:
        await client.connect()
        await client.noop()
        await client.quit()
    except Exception as error:
        raise translate(error, mailer.address) from error
    finally:
        client.close()
    return f"SMTP server at {mailer.address}"


def build(values: Values, target: Target) -> Request:
    """The mail's parts, with every address checked. Raises Rejected."""
    sender = str(values.get("from") or target.settings.get("from") or "")
    if not sender:
        raise Rejected("The mail has no sender.", next_step="Give the action or its account a `from`.")
    recipients = {name: addresses(values.get(name), name) for name in ("to", "cc", "bcc")}
    if not any(recipients.values()):
        raise Rejected("The mail has no recipient.", next_step="Give it at least one in `to`.")
    if values.get("text") is None and values.get("html") is None:
        raise Rejected("The mail has neither text nor html.", next_step="Give it one of them, or both.")
    request = {
        "from": checked(sender, "from"),
        **recipients,
        "reply-to": checked(str(values["reply-to"]), "reply-to") if values.get("reply-to") else None,
        "subject": str(values.get("subject") or ""),
        "text": values.get("text"),
        "html": values.get("html"),
        # the same over attempts, so that a mail program can show a repeated one once
        "message-id": f"<{target.idempotency_key}@{mailbox_of(sender)[1].rpartition('@')[2]}>",
    }
    return {name: value for name, value in request.items() if value not in (None, [])}


def addresses(value: Any, name: str) -> list[str]:
    """Addresses, each checked; one text may hold several, separated by commas only as a list."""
    given: Sequence[Any] = value if isinstance(value, list | tuple) else ([] if value is None else [value])
    return [checked(str(each), name) for each in given if each not in (None, "")]


def checked(text: str, name: str) -> str:
    """One address, with or without a name before it. Raises Rejected, also for one that holds a line end or another."""
    if mailbox(text) is None:
        raise Rejected(f'"{text}" in `{name}` is no mail address.', next_step="Write it as name@example.com")
    return text


def mailbox(text: str) -> tuple[str, str] | None:
    """The name and the address of `Ana <ana@example.com>`; None for anything else.

    Read by this one form alone: RFC 5322 knows groups, comments and routes, in which a value could hide another address.
    """
    match = MAILBOX.fullmatch(text.strip(" "))
    if match is None or text.count("@") != 1 or CONTROL.search(text):
        return None
    name = (match["name"] or "").strip(" ")
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    return name, match["bare"] or match["address"]


def mailbox_of(text: str) -> tuple[str, str]:
    """The name and the address of one that was checked."""
    found = mailbox(text)
    assert found is not None, "it was checked as the request was built"
    return found


def message_of(request: Request) -> EmailMessage:
    """The mail as it goes over the wire."""
    message = EmailMessage(policy=SMTP_POLICY)
    for header, name in (("From", "from"), ("To", "to"), ("Cc", "cc"), ("Reply-To", "reply-to")):
        if given := request.get(name):
            write(message, header, words_of_mailboxes([given] if isinstance(given, str) else given))
    # a subject of several lines is the project's own: values hold none
    write(message, "Subject", words(LINE_END.sub(" ", request.get("subject", ""))))
    message["Message-ID"] = request["message-id"]
    message["Date"] = formatdate(usegmt=True)
    if "text" in request:
        message.set_content(str(request["text"]))
    if "html" in request:
        if "text" in request:
            message.add_alternative(str(request["html"]), subtype="html")
        else:
            message.set_content(str(request["html"]), subtype="html")
    return message


class Written(str):
    """A header's value that goes out as it stands: the library would read it once more, and find words in it to decode."""

    name: str

    def fold(self, *, policy: Any) -> str:
        """The header's lines."""
        return f"{self.name}: {self}{policy.linesep}"


def write(message: EmailMessage, header: str, words: Sequence[str]) -> None:
    """Add a header of these words, each on a line of its own."""
    value = Written("\r\n ".join(words))
    value.name = header
    message[header] = value


def words_of_mailboxes(texts: Sequence[str]) -> list[str]:
    """Names and addresses, as words of a header."""
    found = []
    for number, (name, address) in enumerate(map(mailbox_of, texts), start=1):
        comma = "," if number < len(texts) else ""
        found += [*words(name, atoms=True), f"<{address}>{comma}"] if name else [f"{address}{comma}"]
    return found


def words(text: str, *, atoms: bool = False) -> list[str]:
    """A text as words of a header (RFC 2047): itself where that is short and plain, else encoded, whatever it holds.

    Names are made of atoms: every character that means something among addresses makes them be encoded.
    """
    plain = ATOMS if atoms else PLAIN
    if plain.fullmatch(text) and "=?" not in text and len(text) <= LONGEST_LINE:
        return [text]
    pieces, piece = [], b""
    for character in text:
        data = character.encode()
        if len(piece) + len(data) > ENCODED_BYTES:
            pieces.append(piece)
            piece = b""
        piece += data
    return [f"=?utf-8?b?{b64encode(each).decode()}?=" for each in (*pieces, piece)]


async def send(mailer: Mailer, request: Request) -> Any:
    """Send the mail. Raises Unavailable, Rejected."""
    everybody = [mailbox_of(each)[1] for name in ("to", "cc", "bcc") for each in request.get(name, ())]
    client = mailer.client()
    connected = False
    try:
        await client.connect()
        connected = True
        refused, answer = await client.send_message(
            message_of(request), sender=mailbox_of(request["from"])[1], recipients=everybody
        )
    except Exception as error:
        raise translate(error, mailer.address, sent=connected) from error
    else:
        # the server has the mail: how it takes the farewell changes nothing
        with suppress(Exception):
            await client.quit()
    finally:
        client.close()
    refusals = {address: f"{reply.code} {reply.message}" for address, reply in refused.items()}
    if refusals:
        raise Rejected(f"SMTP: some recipients were refused, the others have the mail: {refusals}.", response=refusals)
    return {"answer": answer, "recipients": len(everybody)}


def translate(error: Exception, address: str, *, sent: bool = False) -> ServiceError:
    """What the server or the way to it said, as one that may pass (4xx) or one that will not (5xx)."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    code = getattr(error, "code", None)
    said = plain_reason(str(getattr(error, "message", None) or error))
    words = f"SMTP at {address}: {code or ''} {said}".replace(":  ", ": ").rstrip(".")
    if problem := certificate_problem(error):
        return not_trusted("SMTP server", address, problem)
    answer = {"code": code} if code else None
    if "SMTPAuthenticationError" in kinds or code in (530, 534, 535):
        return Refused(
            f"{words}.", response=answer, next_step="Give other credentials with: eventwire add:service-account"
        )
    if "SMTPRecipientsRefused" in kinds:
        refused = getattr(error, "recipients", [])
        codes = [getattr(each, "code", 550) for each in refused]
        listed = "; ".join(f"{getattr(each, 'recipient', '?')}: {getattr(each, 'message', '')}" for each in refused)
        sentence = f"SMTP at {address} refused the recipients: {listed}."
        if codes and all(400 <= each < 500 for each in codes):
            return Unavailable(sentence, response={"codes": codes})
        return Rejected(sentence, response={"codes": codes})
    if isinstance(code, int) and 400 <= code < 500:
        return Unavailable(f"{words}.", response=answer)
    if isinstance(code, int):
        return Rejected(f"{words}.", response=answer)
    if kinds & {"SMTPConnectError", "SMTPServerDisconnected", "SMTPTimeoutError", "OSError", "TimeoutError"}:
        return Unavailable(f"{words}.", sent=sent, next_step=f"Is a mail server running at {address}?")
    return Rejected(f"{words}.")


SERVICE = Service(
    name="smtp",
    label="SMTP",
    summary="Sends mail.",
    documentation="https://www.rfc-editor.org/rfc/rfc5321",
    extra="smtp",
    modules=("aiosmtplib",),
    fields=(
        Field("host", "Mail server", required=True, example="smtp.shop.example"),
        Field("security", "Security", choices=("starttls", "tls", "none"), default="starttls"),
        Field(
            "port",
            "Port",
            type=FieldType.INTEGER,
            example=587,
            minimum=1,
            maximum=65535,
            help="Otherwise 587, 465 or 25, as the security says.",
        ),
        Field("username", "User name", example="shop"),
        Field("password", "Password", secret=True, help="Where the server asks for none, leave it out."),
        Field("from", "Sender", example="Shop <hello@shop.example>", help="For actions that name none."),
        Field(
            "verify-certificate",
            "Verify the server's certificate",
            type=FieldType.BOOLEAN,
            default=True,
        ),
        ca_field(BESIDE, when=("security", ("starttls", "tls"))),
    ),
    connect=connect,
    verify=verify,
    operations=(
        Operation(
            name="send-mail",
            summary="Sends a mail, as text, HTML or both.",
            fields=(
                Field(
                    "to",
                    "To",
                    type=FieldType.LIST,
                    context=Context.HEADER,
                    required=True,
                    example=["{email}"],
                ),
                Field("subject", "Subject", context=Context.HEADER, required=True, example="Welcome, {name}"),
                Field("text", "Text", context=Context.TEXT, example="Hello {name}!"),
                Field("html", "HTML", context=Context.HTML, example="<p>Hello <b>{name}</b>!</p>"),
                Field("from", "From", context=Context.HEADER, example="Shop <hello@shop.example>"),
                Field("cc", "Cc", type=FieldType.LIST, context=Context.HEADER, example=["sales@shop.example"]),
                Field("bcc", "Bcc", type=FieldType.LIST, context=Context.HEADER, example=["archive@shop.example"]),
                Field("reply-to", "Reply to", context=Context.HEADER, example="support@shop.example"),
            ),
            build=build,
            send=send,
            example={"to": ["{email}"], "subject": "Welcome, {name}", "text": "Hello {name}!"},
        ),
    ),
)
