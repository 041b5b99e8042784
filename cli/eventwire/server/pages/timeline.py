"""The timeline's page."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from eventwire.journal.identifiers import number_of
from eventwire.server.entries import Entry
from eventwire.server.pages.drawing import by_day
from eventwire.server.pages.site import Site, Visit
from eventwire.server.problems import Refusal
from eventwire.server.timeline import Wish

STATUSES = ("succeeded", "partial", "failed", "running")
LONGEST_SEARCH = 200


async def show(site: Site, visit: Visit) -> Response:
    """`GET /`: the newest events, or those that are asked for."""
    return await asyncio.to_thread(draw, site, visit)


def draw(site: Site, visit: Visit) -> Response:
    """The page, drawn in a thread: a search may take a while, and events go on coming in."""
    wish = wish_of(visit)
    before = visit.text("before") or None
    page = site.timeline.page(wish, before)
    ended = (number_of(before) >> 20) / 1000 if before else None
    return site.page(
        visit,
        "timeline.html",
        wish=wish,
        before=before,
        days=[(name, threads_of(entries, wish)) for name, entries in by_day(page.entries, ended)],
        older=page.older,
        buttons=site.entry_buttons(page.entries),
        categories=site.timeline.categories(wish.environment),
        statuses=STATUSES,
        events=list(site.runner.project.events),
    )


def wish_of(visit: Visit) -> Wish:
    """What the address asks for."""
    status = visit.text("status")
    return Wish(
        visit.environment,
        visit.text("search")[:LONGEST_SEARCH].strip(),
        visit.text("category") or None,
        status if status in STATUSES else None,
        visit.text("event") or None,
        visit.text("context") or None,
    )


def threads_of(entries: list[Entry], wish: Wish) -> list[list[Entry]]:
    """The entries, those of one context together, where the newest of them stands."""
    threads: list[list[Entry]] = []
    by_context: dict[str, list[Entry]] = {}
    for each in entries:
        thread = by_context.get(each.context) if each.context and not wish.context else None
        if thread is None:
            thread = []
            threads.append(thread)
            if each.context:
                by_context[each.context] = thread
        thread.append(each)
    return threads


async def notice(site: Site, visit: Visit) -> Response:
    """`GET /notice`: whether the project's file is wrong, for pages that are open."""
    return site.page(visit, "notice.html")


async def not_found(site: Site, visit: Visit) -> Response:
    """Any other address."""
    raise Refusal("not-found", "There is no such page.", next_step="Begin at the timeline.")
