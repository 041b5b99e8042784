"""Buttons: what an event can be pressed for, and pressing it.

A press is claimed in one transaction before anything is sent: of two clicks at once, in whatever process, one is sent. A
button is completed by an answer of 200 or 201, and then cannot be pressed again unless it says so; after anything else
it can, and what came back is kept and shown.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from eventwire.accounts import keyring
from eventwire.accounts.environment import secret_in_environment, variable_name
from eventwire.errors import CredentialError, EventwireError
from eventwire.fields import Context, FieldType
from eventwire.journal.identifiers import new_run_id
from eventwire.language.payloads import encode_json_bytes
from eventwire.language.wildcards import parse_template
from eventwire.project.buttons import LONGEST_BUTTON_TEXT, SIGNING_NAME
from eventwire.project.model import DEFAULT_EXPIRY_MINUTES, Button
from eventwire.server.entries import beginning, seen
from eventwire.server.outgoing import SECONDS, Answer, AnswerLost, NotSent, post
from eventwire.server.problems import Refusal
from eventwire.server.signatures import sign

if TYPE_CHECKING:
    from eventwire.server.log_body import LogAction
    from eventwire.server.store import Store

COMPLETING = (200, 201)
# A press that has not ended by then was cut off: its request takes ten seconds at the most.
STALE_SECONDS = SECONDS + 5.0
COLUMNS = "id, run, button, state, actor, url, pressed_at, duration_ms, status, answer, error"


class EventButton(Struct, frozen=True):
    """A button as an event has it: its wildcards rendered."""

    key: str
    text: str
    url: str
    external: bool = False
    """A link to follow; it cannot be pressed."""
    expire_in_minutes: int = DEFAULT_EXPIRY_MINUTES
    meta: Any = None
    style: str | None = None
    repeat: bool = False
    """It can be pressed again after it was completed."""
    trusted: bool = False
    """Its address is from the project file, and may be private."""


class PressedEvent(Struct, frozen=True):
    """The event that a button is on."""

    id: str
    """The run's."""
    name: str
    created_at: float
    """When it came in, in seconds since 1970."""
    environment: str


class Press(Struct, frozen=True):
    """A press and what came of it."""

    id: str
    run: str
    button: str
    state: str
    """`pressing`, `completed`, `failed`, or `unknown`: it may have arrived, and no answer came."""
    actor: str
    url: str
    pressed_at: float
    duration_ms: float | None = None
    status: int | None = None
    answer: str | None = None
    error: str | None = None


def buttons_of_project(
    buttons: Mapping[str, Button], payload: Mapping[str, Any], envelope: Mapping[str, Any]
) -> list[EventButton]:
    """The project's buttons on one event. Raises TemplateError where a wildcard has no value."""
    return [render_button(each, payload, envelope) for each in buttons.values()]


def render_button(button: Button, payload: Mapping[str, Any], envelope: Mapping[str, Any]) -> EventButton:
    """A button of the project on one event. Raises TemplateError."""

    def render(value: Any, context: Context, kind: FieldType) -> Any:
        return parse_template(value, context, kind).render(payload, envelope)

    return EventButton(
        button.key,
        seen(beginning(render(button.text, Context.TEXT, FieldType.STRING), LONGEST_BUTTON_TEXT)[0], button.key),
        render(button.url, Context.URL, FieldType.STRING),
        button.external,
        button.expire_in_minutes,
        None if button.meta is None else render(button.meta, Context.JSON, FieldType.ANY),
        button.style,
        trusted=True,
    )


def buttons_of_actions(actions: Sequence[LogAction]) -> list[EventButton]:
    """The buttons that came with an event: their addresses are others'."""
    return [
        EventButton(
            each.key, each.text, each.url, each.external, each.expire_in_minutes, each.meta, each.style, each.repeat
        )
        for each in actions
    ]


def expires_at(event: PressedEvent, button: EventButton) -> float:
    """Until when a button can be pressed, in seconds since 1970."""
    return event.created_at + button.expire_in_minutes * 60.0


def button_state(store: Store, event: PressedEvent, button: EventButton, now: float | None = None) -> str:
    """`link`, `completed`, `pressing`, `expired` or `pressable`."""
    now = time.time() if now is None else now
    if button.external:
        return "link"
    presses = [each for each in list_presses(store, event.id) if each.button == button.key]
    if not button.repeat and any(each.state == "completed" for each in presses):
        return "completed"
    if any(each.state == "pressing" and now - each.pressed_at < STALE_SECONDS for each in presses):
        return "pressing"
    return "expired" if now >= expires_at(event, button) else "pressable"


def list_presses(store: Store, run: str) -> list[Press]:
    """The presses of a run's buttons, the oldest first."""
    rows = store.rows(f"SELECT {COLUMNS} FROM presses WHERE run = ? ORDER BY pressed_at, id", (run,))
    return [Press(*row) for row in rows]


async def press(
    store: Store,
    event: PressedEvent,
    button: EventButton,
    *,
    actor: str,
    secrets: Sequence[str],
    allowed_hosts: Collection[str] = (),
    now: float | None = None,
) -> Press:
    """Press a button; returns what came of it, which is durable by then.

    Raises Refusal where it cannot be pressed (a link, expired, completed, being pressed), before anything is sent.
    Cancelled, it is kept as *unknown*.
    """
    now = time.time() if now is None else now
    body = press_body(event, button, actor, now)
    claimed, webhook_id = claim(store, event, button, actor, now)
    began = time.perf_counter()
    ended = replace(claimed, state="unknown", error="It was cut off; whether it arrived is not known.")
    try:
        headers = {"content-type": "application/json", **sign(secrets, webhook_id, int(now), body)}
        answer = await post(button.url, body, headers, trusted=button.trusted, allowed_hosts=allowed_hosts)
        ended = answered(claimed, answer)
    except AnswerLost as error:
        ended = replace(claimed, state="unknown", error=f"{error.message} Whether it arrived is not known.")
    except NotSent as error:
        ended = replace(claimed, state="failed", error=error.message)
    except EventwireError as error:
        ended = replace(claimed, state="failed", error=error.message)
        raise
    finally:
        ended = replace(ended, duration_ms=(time.perf_counter() - began) * 1000)
        # not awaited: a press that is cancelled has to be kept, too
        finish(store, ended)
    return ended


def answered(press: Press, answer: Answer) -> Press:
    """A press with its answer: only 200 and 201 complete it."""
    if answer.status in COMPLETING:
        return replace(press, state="completed", status=answer.status, answer=answer.text)
    more = f" It points to {answer.location[:200]}, which is not followed." if answer.location else ""
    sentence = f"The server answered {answer.status}; 200 or 201 would complete it.{more}"
    return replace(press, state="failed", status=answer.status, answer=answer.text, error=sentence)


def claim(store: Store, event: PressedEvent, button: EventButton, actor: str, now: float) -> tuple[Press, str]:
    """Claim a press, and give it its webhook-id: the same for every try of one press, so that the server can tell a second
    try from a second press. Raises Refusal.
    """
    if button.external:
        raise Refusal("bad-request", f'"{button.text}" is a link, and is not pressed.', next_step=button.url)
    with store.transaction() as connection:
        give_up_stale(connection, event.id, button.key, now)
        before = [
            state
            for (state,) in connection.execute(
                "SELECT state FROM presses WHERE run = ? AND button = ?", (event.id, button.key)
            )
        ]
        refuse_second(button, before)
        if now >= expires_at(event, button):
            raise Refusal(
                "gone",
                f'"{button.text}" expired at {when(expires_at(event, button))}.',
                next_step="What it does can be done on the server that it calls.",
            )
        digest = sha256(f"{event.id}\0{button.key}\0{before.count('completed')}".encode()).hexdigest()
        press = Press(f"press_{new_run_id()}", event.id, button.key, "pressing", actor, button.url, now)
        connection.execute(
            "INSERT INTO presses (id, webhook_id, run, button, state, actor, url, pressed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (press.id, f"msg_{digest[:32]}", press.run, press.button, press.state, press.actor, press.url, now),
        )
    return press, f"msg_{digest[:32]}"


def refuse_second(button: EventButton, before: Sequence[str]) -> None:
    """Raise Refusal for a button that was completed, or that somebody is pressing."""
    if "pressing" in before:
        raise Refusal(
            "conflict", f'"{button.text}" is being pressed at this moment.', next_step="Wait for what comes of it."
        )
    if "completed" in before and not button.repeat:
        raise Refusal("conflict", f'"{button.text}" was pressed already.', next_step="It can be pressed once only.")


def give_up_stale(connection: Connection, run: str, button: str, now: float) -> None:
    """Presses that were cut off with the server: whether they arrived is not known."""
    connection.execute(
        "UPDATE presses SET state = 'unknown', error = 'The server stopped meanwhile; whether it arrived is not known.'"
        " WHERE run = ? AND button = ? AND state = 'pressing' AND pressed_at <= ?",
        (run, button, now - STALE_SECONDS),
    )


def finish(store: Store, press: Press) -> None:
    """Keep what came of a press."""
    with store.transaction() as connection:
        connection.execute(
            "UPDATE presses SET state = ?, duration_ms = ?, status = ?, answer = ?, error = ? WHERE id = ?",
            (press.state, press.duration_ms, press.status, press.answer, press.error, press.id),
        )


def press_body(event: PressedEvent, button: EventButton, actor: str, now: float) -> bytes:
    """What a button's server gets."""
    return encode_json_bytes(
        {
            "event": {
                "id": event.id,
                "name": event.name,
                "key": button.key,
                "meta": button.meta,
                "createdAt": when(event.created_at),
                "environment": event.environment,
                "pressedBy": actor,
                "pressedAt": when(now),
            }
        }
    )


def when(seconds: float) -> str:
    """A time as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def find_signing_secrets(project: str, environment: str, environ: Mapping[str, str]) -> list[str]:
    """The secrets that presses are signed with, as Standard Webhooks: the current one, and the former one while receivers
    change over. Raises CredentialError.
    """
    found = {
        each: secret_in_environment(environ, SIGNING_NAME, environment, each) for each in ("secret", "former-secret")
    }
    problem = None
    if found["secret"] is None:
        try:
            found |= keyring.read_secrets(project, SIGNING_NAME, environment)
        except keyring.KeyringUnusable as error:
            problem = str(error)
    secrets = [each for each in (found["secret"], found["former-secret"]) if each]
    if found["secret"] is None:
        variable = variable_name(SIGNING_NAME, environment, "secret")
        raise CredentialError(
            f"Presses in {environment} are signed, and there is no secret to sign them with."
            + (f" (The OS keyring cannot be used: {problem}.)" if problem else ""),
            next_step=f"Make one, and give it to the server that is called, too:\n"
            f'export {variable}="whsec_$(openssl rand -base64 32)"',
        )
    return secrets
