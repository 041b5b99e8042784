"""Dead letters: actions that failed for good or are unknown, and replaying many of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from starlette.responses import RedirectResponse, Response

from eventwire.engine.replay import SENT, WORDS, ReplayPlan, originals, plan_replay
from eventwire.engine.stored import decode
from eventwire.journal.rows import Row
from eventwire.server.entries import Entry, entry_of
from eventwire.server.pages.drawing import link
from eventwire.server.pages.event import replay_one
from eventwire.server.pages.site import Site, Visit
from eventwire.server.problems import Refusal

A_PAGE = 100
KINDS = ("failed", "unknown")


class Letter(Struct, frozen=True):
    """A run with actions that failed, or are unknown, and that no replay has done since."""

    entry: Entry
    actions: Sequence[Mapping[str, Any]]


async def show(site: Site, visit: Visit) -> Response:
    """`GET /dead-letters`."""
    kind = visit.text("status") if visit.text("status") in KINDS else "failed"
    # in a thread: it looks through all of them, and events go on coming in
    rows = await asyncio.to_thread(
        site.timeline.dead_letters,
        environment=visit.environment,
        event=visit.text("event") or None,
        status=kind,
        before=visit.text("before") or None,
        limit=A_PAGE + 1,
    )
    project = site.runner.project
    letters = [Letter(entry_of(project, row), [shown(each) for each in bad]) for row, bad in rows[:A_PAGE]]
    older = rows[A_PAGE - 1][0]["id"] if len(rows) > A_PAGE else None
    return site.page(
        visit, "dead_letters.html", letters=letters, kind=kind, kinds=KINDS, older=older, event=visit.text("event")
    )


def shown(row: Row) -> dict[str, Any]:
    """An action that failed, or is unknown."""
    return {**row, "error": decode(row["error"]) or {}}


async def plan(site: Site, visit: Visit) -> Response:
    """`GET /dead-letters/replay?run=…`: what would be sent again."""
    plans = await plans_of(site, visit)
    sending = [each for each in plans if each.sends]
    return site.page(
        visit,
        "replay_many.html",
        plans=plans,
        sending=sending,
        words=WORDS,
        sent=SENT,
        unknown=visit.text("unknown") == "yes",
    )


async def replay(site: Site, visit: Visit) -> Response:
    """`POST /dead-letters/replay`: the replays are in the journal, and go on after the page is there."""
    plans = [each for each in await plans_of(site, visit) if each.sends]
    if not plans:
        raise Refusal("conflict", "There is nothing to send: everything is done, or not part of the project any more.")
    for each in plans:
        await replay_one(site, each)
    return RedirectResponse(link("/dead-letters", environment=visit.environment), 303)


async def plans_of(site: Site, visit: Visit) -> list[ReplayPlan]:
    """What replaying the runs that were chosen would do. Raises Refusal where none was."""
    journal = site.runner.journal
    rows = journal.runs_named(visit.all("run")[:A_PAGE]).values()
    if not rows:
        raise Refusal("bad-request", "No run is chosen.", next_step="Choose some on the page of dead letters.")
    unknown = visit.text("unknown") == "yes"
    plans = []
    for each in originals(rows, journal.run):
        plans.append(plan_replay(site.runner.pipelines[each["environment"]], each, repeats_unknown=unknown))
        await asyncio.sleep(0)  # events come first
    return plans
