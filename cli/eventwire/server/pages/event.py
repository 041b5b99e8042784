"""One event's page, and what can be done from there: press, replay, say what became of the unknown."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.responses import RedirectResponse, Response

from eventwire.engine.inspected import VERDICTS, Resolution, explained, look_at, moment, resolve_unknown
from eventwire.engine.replay import SENT, WORDS, Change, ReplayPlan, plan_replay
from eventwire.engine.stored import decode, record_of
from eventwire.journal.rows import Row
from eventwire.server.entries import all_rows, entry_of, is_log
from eventwire.server.event_buttons import buttons_of, find_button, press_button, shown_buttons
from eventwire.server.pages.site import Site, Visit
from eventwire.server.pages.waterfall import lines_of, total_ms
from eventwire.server.problems import Refusal
from eventwire.server.runner import Prepared

ANSWER_SECONDS = 1.0
"""What takes longer goes on after the page is there: no page waits for somebody's server."""


def find(site: Site, visit: Visit) -> Row:
    """The run of the address. Raises Refusal."""
    run = visit.request.path_params["run"]
    row = site.runner.journal.run(run)
    if row is None:
        raise Refusal(
            "not-found", f'There is no run "{run[:60]}".', next_step="It may have been forgotten, or never was."
        )
    return row


async def show(site: Site, visit: Visit) -> Response:
    """`GET /event/ID`."""
    row = find(site, visit)
    inspected = look_at(site.runner.journal, row)
    payload = decode(row["payload"])
    record = explained(record_of(row, inspected.deliveries), row, payload, site.runner.project)
    entry = entry_of(site.runner.project, row)
    found = buttons_of(site.runner.project, row)
    lines = lines_of(record, inspected)
    content = payload.get("content") if is_log(row) else None
    return site.page(
        visit,
        "event.html",
        row=row,
        entry=entry,
        record=record,
        inspected=inspected,
        payload=payload,
        rows=all_rows(content) if entry.kind == "rows" else [],
        full_content=content,
        lines=lines,
        total_ms=total_ms(record, inspected),
        left_out=record.filter_count - len(record.filters),
        not_raised=decode(row["not_raised"]) or [],
        buttons=shown_buttons(site.runner.store, row, found.buttons, time.time()),
        button_problems=found.problems,
        can_resolve=row["status"] != "running" and any(each.status == "unknown" for each in lines),
        parent=site.runner.journal.run(row["parent"]) if row["parent"] else None,
        is_log=is_log(row),
    )


# Buttons


async def confirm_press(site: Site, visit: Visit) -> Response:
    """`GET /event/ID/press/BUTTON`: what would be called, and whether that is meant."""
    row = find(site, visit)
    key = visit.request.path_params["button"]
    button = find_button(site.runner.project, row, key)
    (shown,) = shown_buttons(site.runner.store, row, [button], time.time())
    return site.page(visit, "press.html", row=row, entry=entry_of(site.runner.project, row), shown=shown)


async def press(site: Site, visit: Visit) -> Response:
    """`POST /event/ID/press/BUTTON`. What comes of it is on the event's page, at once or in a moment."""
    row = find(site, visit)
    button = find_button(site.runner.project, row, visit.request.path_params["button"])
    pressing = site.in_background(press_and_tell(site, visit, row, button), f"press {button.key} of {row['id']}")
    done, _ = await asyncio.wait([pressing], timeout=ANSWER_SECONDS)
    if done:
        await pressing  # which raises what it was refused for
    return to_event(row, "buttons")


async def press_and_tell(site: Site, visit: Visit, row: Row, button: Any) -> None:
    """Press, and have the event's pages look again. Raises Refusal, CredentialError."""
    runner = site.runner
    pressed = "pressed", row["id"], row["event"], row["environment"]
    runner.feed.publish(*pressed)
    try:
        await press_button(
            runner.project,
            runner.store,
            runner.environ,
            row,
            button,
            visit.signed.name,
            allowed_hosts=site.allowed_hosts,
        )
    finally:
        runner.feed.publish(*pressed)


# Replaying


def original_of(site: Site, row: Row) -> Row:
    """The run that came in first: a replay stands for what it replays."""
    first = site.runner.journal.run(row["replay_of"]) if row["replay_of"] else None
    return first or row


def plan_of(site: Site, row: Row, *, repeats_unknown: bool) -> ReplayPlan:
    """What replaying a run would do."""
    original = original_of(site, row)
    return plan_replay(site.runner.pipelines[original["environment"]], original, repeats_unknown=repeats_unknown)


async def plan(site: Site, visit: Visit) -> Response:
    """`GET /event/ID/replay`: what would be sent again, and what differently."""
    row = find(site, visit)
    unknown = visit.text("unknown") == "yes"
    planned = plan_of(site, row, repeats_unknown=unknown)
    may_repeat = any(step.change is Change.UNKNOWN for step in planned.steps)
    return site.page(
        visit, "replay.html", row=row, plan=planned, words=WORDS, sent=SENT, unknown=unknown, may_repeat=may_repeat
    )


async def replay(site: Site, visit: Visit) -> Response:
    """`POST /event/ID/replay`: the replay is in the journal, and goes on after the page is there."""
    row = find(site, visit)
    planned = plan_of(site, row, repeats_unknown=visit.text("unknown") == "yes")
    refuse_nothing(planned)
    return RedirectResponse(f"/event/{await replay_one(site, planned)}", 303)


def refuse_nothing(planned: ReplayPlan) -> None:
    """Raise Refusal where a replay would send nothing."""
    if planned.problem:
        raise Refusal("conflict", f"It cannot be replayed. {planned.problem}")
    if not planned.sends:
        raise Refusal("conflict", "There is nothing to send: everything is done, or not part of the project any more.")


async def replay_one(site: Site, planned: ReplayPlan) -> str:
    """Accept a replay, as any event is, and let it go on; returns its run. Raises what `Runner.admit` raises."""
    assert planned.incoming is not None, "a plan with a problem is not carried out"
    pipeline = site.runner.pipelines[planned.original["environment"]]
    accepted = await site.runner.admit(Prepared(pipeline, pipeline.make_run(planned.incoming)))
    site.runner.finish_later(accepted)
    return accepted.id


# What is unknown


async def resolve(site: Site, visit: Visit) -> Response:
    """`POST /event/ID/resolve`: what became of an action that is unknown."""
    row = find(site, visit)
    verdict, action = visit.text("as"), visit.text("action")
    if verdict not in VERDICTS:
        raise Refusal("bad-request", "It is either done or failed.", next_step="Load the page again.")
    resolution = Resolution(verdict, visit.signed.name, moment(time.time()))
    await resolve_unknown(site.runner.journal, row, resolution, [action] if action else [])
    after = site.runner.journal.run(row["id"]) or row
    site.runner.feed.publish("ended", row["id"], row["event"], row["environment"], after["status"])
    return to_event(row)


def to_event(row: Row, part: str = "") -> Response:
    """On to an event's page."""
    return RedirectResponse(f"/event/{row['id']}{f'#{part}' if part else ''}", 303)
