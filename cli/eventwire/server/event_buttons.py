"""The buttons that one event has: the project's, those of a log entry, and those that a CloudEvent brought along."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from eventwire.engine.stored import decode, envelope_of
from eventwire.errors import EventwireError, UsageError, did_you_mean
from eventwire.language.wildcards import TemplateError
from eventwire.server.buttons import (
    EventButton,
    Press,
    PressedEvent,
    button_state,
    buttons_of_actions,
    expires_at,
    find_signing_secrets,
    list_presses,
    press,
    render_button,
)
from eventwire.server.entries import is_log
from eventwire.server.log_body import LogAction, read_actions

if TYPE_CHECKING:
    from eventwire.journal.rows import Row
    from eventwire.project.model import Project
    from eventwire.server.store import Store


class ShownButton(Struct, frozen=True):
    """A button with how it stands."""

    button: EventButton
    state: str
    """`link`, `completed`, `pressing`, `expired` or `pressable`."""
    expires_at: float
    presses: Sequence[Press]
    """Those of this button, the oldest first."""


class Buttons(Struct, frozen=True):
    """The buttons of an event, and those that it cannot have, with why."""

    buttons: Sequence[EventButton]
    problems: Sequence[str] = ()


def buttons_of(project: Project, row: Row) -> Buttons:
    """The buttons of a run's event. What is wrong with one is told beside the others. A replay has none: what can be done
    once is done on the run that came in.
    """
    if row["replay_of"]:
        return Buttons(())
    payload = decode(row["payload"])
    found: dict[str, EventButton] = {}
    problems = []
    event = project.events.get(row["event"])
    for each in event.buttons.values() if event else ():
        try:
            found[each.key] = render_button(each, payload, envelope_of(row))
        except TemplateError as error:
            problems.append(f'The button "{each.key}" cannot be shown: {error.message}')
    try:
        for brought in buttons_of_actions(brought_actions(row, payload)):
            # one of the project is never replaced by what came with an event
            found.setdefault(brought.key, brought)
    except (EventwireError, msgspec.ValidationError) as error:
        wrong = [f"{path} {sentence}" for path, sentence in getattr(error, "violations", ())]
        problems.append(f"The event's own buttons cannot be shown: {'; '.join(wrong) or error}")
    return Buttons(list(found.values()), problems)


def brought_actions(row: Row, payload: Mapping[str, Any]) -> Sequence[LogAction]:
    """The buttons that came with an event. Raises Refusal, ValidationError."""
    if is_log(row):
        return msgspec.convert(payload.get("actions") or [], tuple[LogAction, ...])
    extensions = decode(row["extensions"]) or {}
    return read_actions(extensions["actions"]) if "actions" in extensions else ()


def pressed_event(row: Row) -> PressedEvent:
    """The event that a button is on."""
    return PressedEvent(row["id"], row["event"], row["received_at"], row["environment"])


def shown_buttons(store: Store, row: Row, buttons: Sequence[EventButton], now: float) -> list[ShownButton]:
    """Buttons with how they stand."""
    presses = list_presses(store, row["id"])
    event = pressed_event(row)
    return [
        ShownButton(
            each,
            button_state(store, event, each, now),
            expires_at(event, each),
            [one for one in presses if one.button == each.key],
        )
        for each in buttons
    ]


def find_button(project: Project, row: Row, key: str) -> EventButton:
    """The button of a run. Raises UsageError."""
    if row["replay_of"]:
        raise UsageError(
            f"Run {row['id']} is a replay, and has no buttons.",
            next_step=f"Press those of the run that came in: {row['replay_of']}",
        )
    found = {each.key: each for each in buttons_of(project, row).buttons}
    if key not in found:
        step = did_you_mean(key, list(found)) or (f"It has: {', '.join(found)}" if found else "It has none.")
        raise UsageError(f'Run {row["id"]} has no button "{key}".', next_step=step)
    return found[key]


async def press_button(
    project: Project,
    store: Store,
    environ: Mapping[str, str],
    row: Row,
    button: EventButton,
    actor: str,
    *,
    allowed_hosts: Collection[str] = (),
) -> Press:
    """Press a run's button; returns what came of it. Raises Refusal, CredentialError."""
    # in a thread: a keyring may ask its user first, and events go on coming in
    secrets = await asyncio.to_thread(find_signing_secrets, project.name, row["environment"], environ)
    return await press(store, pressed_event(row), button, actor=actor, secrets=secrets, allowed_hosts=allowed_hosts)
