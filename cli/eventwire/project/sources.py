"""Sources: what raises an event from outside. Each kind is declared once, as services are.

[sources.payments]
kind = "stripe"
event = "payment-succeeded"
where = 'body.type = "charge.succeeded"'
values = { id = "{body.data.object.id}", amount = "{body.data.object.amount}" }

From a kind's fields derive the prompts and flags of `add:source`, `check`, the JSON Schema and where its secrets are
looked up. What came in is named by wildcards and conditions as `body`, the headers of a webhook as `header`, and the
file of a watched folder as `file`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from eventwire.errors import did_you_mean
from eventwire.fields import Field, FieldType
from eventwire.language.properties import Kind, Model, Property
from eventwire.language.roots import ROOTS
from eventwire.project.field_values import check_fields
from eventwire.project.triggers import Raised, check_values

if TYPE_CHECKING:
    from eventwire.project.model import Event, Source
    from eventwire.project.report import Report

Keys = tuple[str | int, ...]

BODY = Property(Kind.ANY, open=True)
HEADERS = Property(Kind.OBJECT, open=True)
FILE = Property(Kind.OBJECT, properties={"name": Property(Kind.STRING), "line": Property(Kind.INTEGER)})
TICK = Property(Kind.OBJECT, properties={"time": Property(Kind.DATE_TIME), "missed": Property(Kind.INTEGER)})


def inbound(properties: Mapping[str, Property]) -> Model:
    """What wildcards and conditions of a source can name."""
    return Model(properties, {"type": "object"})


REQUEST = inbound({"body": BODY, "header": HEADERS})
"""A webhook's request: its body, and its headers by their names in lower case."""
ROW = inbound({"body": BODY, "file": FILE})
"""A line or row of a file."""
TIME = inbound({"body": TICK})
"""A time of a schedule: when it was due, and how many times before it were missed."""

SECRETS = (
    Field("secret", "Signing secret", required=True, secret=True),
    Field(
        "former-secret",
        "Former signing secret",
        secret=True,
        help="It counts, too, for as long as it is there: until the other side has changed over.",
    ),
)
TOLERANCE = Field(
    "tolerance-seconds",
    "How old a request may be, in seconds",
    FieldType.INTEGER,
    default=300,
    minimum=1,
    maximum=86_400,
    help="Older ones are refused: somebody may have kept them to send them again.",
)
ID_HEADER = Field(
    "id-header",
    "Header with the request's id",
    example="X-Request-Id",
    help="A request with an id that was accepted before raises nothing again.",
)


class SourceKind(NamedTuple):
    """One way that events come in, declared once."""

    name: str
    label: str
    summary: str
    fields: tuple[Field, ...]
    inbound: Model
    """What wildcards and conditions can name."""
    documentation: str = ""

    @property
    def is_webhook(self) -> bool:
        """Whether it comes in over HTTP."""
        return self.inbound is REQUEST

    @property
    def secrets(self) -> tuple[Field, ...]:
        """The fields that are kept in the keyring or the environment."""
        return tuple(each for each in self.fields if each.secret)


def webhook(name: str, label: str, summary: str, *fields: Field, documentation: str = "") -> SourceKind:
    """A kind that comes in over HTTP."""
    return SourceKind(name, label, summary, fields, REQUEST, documentation)


KINDS: Mapping[str, SourceKind] = {
    kind.name: kind
    for kind in (
        webhook(
            "stripe",
            "Stripe",
            "Webhooks of Stripe, verified by Stripe-Signature.",
            *SECRETS,
            TOLERANCE,
            documentation="https://docs.stripe.com/webhooks/signature",
        ),
        webhook(
            "github",
            "GitHub",
            "Webhooks of GitHub, verified by X-Hub-Signature-256.",
            *SECRETS,
            documentation="https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries",
        ),
        webhook(
            "slack",
            "Slack",
            "Requests of Slack's Events API, commands and interactions, verified by X-Slack-Signature.",
            *SECRETS,
            TOLERANCE,
            documentation="https://api.slack.com/authentication/verifying-requests-from-slack",
        ),
        webhook(
            "shopify",
            "Shopify",
            "Webhooks of Shopify, verified by X-Shopify-Hmac-Sha256.",
            *SECRETS,
            documentation="https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
        ),
        webhook(
            "standard-webhooks",
            "Standard Webhooks",
            "Webhooks signed as standardwebhooks.com says: webhook-id, webhook-timestamp, webhook-signature.",
            *SECRETS,
            TOLERANCE,
            documentation="https://www.standardwebhooks.com",
        ),
        webhook(
            "hmac",
            "HMAC signature",
            "Webhooks with a header that holds an HMAC of the body.",
            *SECRETS,
            Field("header", "Header with the signature", required=True, example="X-Signature"),
            Field("algorithm", "Algorithm", default="sha256", choices=("sha256", "sha512", "sha1")),
            Field("encoding", "How the signature is written", default="hex", choices=("hex", "base64")),
            Field("prefix", "What stands before the signature", example="sha256="),
            Field(
                "timestamp-header",
                "Header with the time, in seconds since 1970",
                example="X-Timestamp",
                help="Where it is given, what is signed is the time, a full stop and the body.",
            ),
            TOLERANCE,
            ID_HEADER,
        ),
        webhook(
            "token",
            "Shared token",
            "Webhooks that bring a secret token in a header.",
            Field("token", "Token", required=True, secret=True),
            Field("former-token", "Former token", secret=True, help="It counts, too, for as long as it is there."),
            Field(
                "header",
                "Header with the token",
                default="Authorization",
                help="In Authorization it stands after the word Bearer.",
            ),
            ID_HEADER,
        ),
        SourceKind(
            "schedule",
            "Schedule",
            "Times of a cron expression, in a time zone.",
            (
                Field("schedule", "Cron expression", required=True, example="0 3 * * *"),
                Field("time-zone", "Time zone", default="UTC", example="Europe/Lisbon"),
                Field(
                    "catch-up",
                    "Run once at the start for times that were missed",
                    FieldType.BOOLEAN,
                    default=False,
                    help="Missed times are always told; with this, the last of them is run when the server starts.",
                ),
            ),
            TIME,
        ),
        SourceKind(
            "folder",
            "Folder",
            "Files that are put into a folder, an event for each line (NDJSON) or row (CSV).",
            (
                Field(
                    "folder",
                    "Folder",
                    required=True,
                    example="inbox",
                    help="Each file is read once; files ending in .ndjson, .jsonl or .csv are.",
                ),
                Field("pattern", "Only files called", default="*", example="orders-*.csv"),
                Field("delimiter", "What stands between a CSV file's cells", default=",", example=";"),
            ),
            ROW,
        ),
    )
}


def find_kind(name: str) -> SourceKind | None:
    """The kind of that name, or None."""
    return KINDS.get(name)


def check_source(
    report: Report,
    source: Source,
    kind: SourceKind | None,
    events: Mapping[str, Event],
    keys: Keys,
    reserved: Sequence[str],
) -> Source:
    """Report what is wrong with a source; returns it with its kind's defaults filled in."""
    target = events.get(source.event)
    if source.event and target is None:
        step = did_you_mean(source.event, events) or f"Add it with: eventwire add:event {source.event}"
        message = f'The source raises "{source.event}", and there is no such event.'
        report.error("unknown-event", message, (*keys, "event"), step)
    if kind is None:
        return source
    check_fields(report, kind.fields, source.settings, keys, kind.label, reserved=reserved)
    check_form(report, kind, source.settings, keys)
    if target is not None and (source.values is not None or kind.inbound is TIME):
        # a schedule brings nothing of its own that could be the payload
        at = (*keys, "values") if source.values is not None else keys
        raised = Raised(source.event, source.values or {}, at)
        check_values(report, raised, kind.inbound, target.model, ROOTS, lambda each: each.path[0] in ("body", "header"))
    return replace(source, settings=with_defaults(kind, source.settings))


def check_form(report: Report, kind: SourceKind, settings: Mapping[str, Any], keys: Keys) -> None:
    """Report settings whose text has a form of its own: schedules, time zones, delimiters."""
    checks = {"schedule": schedule_problem, "time-zone": time_zone_problem, "delimiter": delimiter_problem}
    for field in kind.fields:
        value = settings.get(field.name)
        problem = checks[field.name](value) if field.name in checks and isinstance(value, str) and value else None
        if problem:
            report.error(f"bad-{field.name}", problem[0], (*keys, field.name), problem[1])


def schedule_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with a cron expression, and what to do, or None."""
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    step = "Write minute, hour, day of month, month and day of week: 0 3 * * * is every day at three."
    try:
        next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return f'"{text}" is no cron expression: {str(error).lower()}.', step
    except StopIteration:
        return f'"{text}" is a time that never comes.', step
    return None


def time_zone_problem(name: str) -> tuple[str, str] | None:
    """What is wrong with a time zone's name, and what to do, or None."""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        step = did_you_mean(name, available_timezones()) or "Name one of the IANA database: Europe/Lisbon, UTC."
        return f'There is no time zone "{name}".', step
    return None


def delimiter_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with a delimiter, and what to do, or None."""
    if len(text) == 1 and text not in '"\r\n':
        return None
    return "A delimiter is one character, and no quote or line end.", 'Write for example: delimiter = ";"'


def with_defaults(kind: SourceKind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A source's settings with the declared defaults filled in."""
    return {each.name: each.default for each in kind.fields if each.default is not None} | dict(settings)
