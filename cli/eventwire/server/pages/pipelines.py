"""The pipelines' page: each event drawn from its sources to the service accounts, with what happened lately."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec import Struct
from starlette.responses import Response

from eventwire.project.model import Event, Project
from eventwire.server.pages.counts import Count, Counts, counts_of
from eventwire.server.pages.drawing import link, plural
from eventwire.server.pages.site import Site, Visit

WIDTH = 168
HEIGHT = 46
GAP_X = 32
GAP_Y = 12
MARGIN = 2
LONGEST_NAME = 19
LONGEST_NOTE = 22
MOST_FILTERS = 60
"""Of an event with more filters, only so many are drawn."""


class Node(Struct, frozen=True):
    """A box of the drawing."""

    kind: str
    """`source`, `event`, `filter`, `action`, `account` or `raised`."""
    name: str
    note: str
    x: int
    y: float
    address: str | None = None
    is_bad: bool = False
    full: str = ""

    @property
    def shown(self) -> str:
        """The name, as far as there is room."""
        return shorten(self.name, LONGEST_NAME)

    @property
    def shown_note(self) -> str:
        """The note, as far as there is room."""
        return shorten(self.note, LONGEST_NOTE)


class Edge(Struct, frozen=True):
    """A line from one box to another."""

    start: Node
    end: Node
    kind: str = "plain"

    @property
    def path(self) -> str:
        """The line, as SVG writes it."""
        x1, y1 = self.start.x + WIDTH, self.start.y + HEIGHT / 2
        x2, y2 = self.end.x, self.end.y + HEIGHT / 2
        middle = (x1 + x2) / 2
        return f"M{x1} {y1:g} C{middle:g} {y1:g} {middle:g} {y2:g} {x2} {y2:g}"


class Drawing(Struct, frozen=True):
    """An event's drawing."""

    event: Event
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    width: int
    height: float
    count: Count
    left_out: int


async def show(site: Site, visit: Visit) -> Response:
    """`GET /pipelines`."""
    began = time.time()
    counts = await counts_of(site, visit.environment)
    project = site.runner.project
    drawings = [draw(project, each, counts, visit.environment) for each in project.events.values()]
    return site.page(
        visit, "pipelines.html", drawings=drawings, size=(WIDTH, HEIGHT), again=counts.again_seconds(began)
    )


def draw(project: Project, event: Event, counts: Counts, environment: str) -> Drawing:
    """One event's drawing: columns from left to right, each action in a row of its own."""
    return Sheet(project, event, counts, environment).drawing()


class Sheet:
    """An event while it is drawn."""

    def __init__(self, project: Project, event: Event, counts: Counts, environment: str) -> None:
        self.project = project
        self.event = event
        self.counts = counts
        self.environment = environment
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.accounts: dict[str, Node] = {}
        """The service accounts' boxes."""
        self.sources = [
            each for each in project.sources.values() if each.event == event.name and each.environment == environment
        ]
        self.raising = [
            action for action in project.actions() if any(trigger.event == event.name for trigger in action.triggers)
        ]
        self.first = 1 if self.sources or self.raising else 0
        """The event's column: what raises it stands before."""

    def drawing(self) -> Drawing:
        """Everything, placed."""
        filters = list(self.event.filters.values())[:MOST_FILTERS]
        row = 0
        placed: list[tuple[Node, list[Node]]] = []
        accounts: dict[str, list[Node]] = {}
        for each in filters:
            actions = []
            for action in each.actions.values():
                key = (self.event.name, each.name, action.name)
                count = self.counts.actions.get(key, Count())
                node = self.node(
                    "action", self.first + 2, row, action.name, told(count, action.operation), is_bad=count.failed > 0
                )
                actions.append(node)
                accounts.setdefault(action.account, []).append(node)
                row += 1
            top = row - len(actions)
            middle = top + (len(actions) - 1) / 2 if actions else row
            row += not actions
            placed.append(
                (
                    self.node(
                        "filter", self.first + 1, middle, each.name, each.where or "always", full=each.where or ""
                    ),
                    actions,
                )
            )
        rows = max(row, len(accounts), len(self.sources) + len(self.raising), 1)
        count = self.counts.events.get(self.event.name, Count())
        middle = (rows - 1) / 2
        note = f"{plural(count.total, 'run')}, {count.failed:,} failed" if count.failed else plural(count.total, "run")
        address = link("/", environment=self.environment, event=self.event.name)
        event = self.node("event", self.first, middle, self.event.name, note, address, is_bad=count.failed > 0)
        for node, actions in placed:
            self.edges.append(Edge(event, node))
            self.edges += [Edge(node, each) for each in actions]
        self.place_accounts(accounts, rows)
        self.place_origins(event, rows)
        columns = max((node.x for node in self.nodes), default=0) + WIDTH
        height = max(node.y for node in self.nodes) + HEIGHT + MARGIN
        left_out = len(self.event.filters) - len(filters)
        # read out as it is seen: from left to right
        nodes = sorted(self.nodes, key=lambda node: (node.x, node.y))
        return Drawing(self.event, nodes, self.edges, columns + MARGIN, height, count, left_out)

    def place_accounts(self, accounts: Mapping[str, Sequence[Node]], rows: int) -> None:
        """The service accounts, each once, beside the actions that go through it; and the events that actions raise."""
        start = (rows - len(accounts)) / 2
        for position, (name, actions) in enumerate(accounts.items()):
            service = self.project.accounts[name].service
            node = self.node("account", self.first + 3, max(0.0, start) + position, name, service, "/accounts#" + name)
            self.accounts[name] = node
            self.edges += [Edge(each, node) for each in actions]
        row = 0
        for each in self.event.filters.values():
            for action in each.actions.values():
                for trigger in action.triggers:
                    note = f"on {trigger.outcome} of {action.name}"
                    raised = self.node("raised", self.first + 4, row, trigger.event, note, f"#event-{trigger.event}")
                    if action.account in self.accounts:
                        self.edges.append(Edge(self.accounts[action.account], raised, trigger.outcome))
                    row += 1

    def place_origins(self, event: Node, rows: int) -> None:
        """The sources, and the actions of other events that raise this one."""
        total = len(self.sources) + len(self.raising)
        row = max(0.0, (rows - total) / 2)
        for source in self.sources:
            self.edges.append(Edge(self.node("source", 0, row, source.name, source.kind), event))
            row += 1
        for action in self.raising:
            address = f"#event-{action.event}"
            origin = self.node("raised", 0, row, action.event, f"{action.filter}/{action.name}", address)
            outcomes = [trigger.outcome for trigger in action.triggers if trigger.event == self.event.name]
            self.edges += [Edge(origin, event, outcome) for outcome in outcomes]
            row += 1

    def node(
        self,
        kind: str,
        column: int,
        row: float,
        name: str,
        note: str,
        address: str | None = None,
        *,
        is_bad: bool = False,
        full: str = "",
    ) -> Node:
        """A box at its place."""
        x, y = MARGIN + column * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y)
        node = Node(kind, name, note, x, y, address, is_bad, full or f"{name}: {note}")
        self.nodes.append(node)
        return node


def told(count: Count, operation: str) -> str:
    """What an action does, and what came of it lately."""
    if not count.total:
        return operation
    problems = [
        f"{number:,} {word}" for number, word in ((count.failed, "failed"), (count.unknown, "unknown")) if number
    ]
    return f"{operation} · {count.total:,}" + (f", {', '.join(problems)}" if problems else "")


def shorten(text: str, room: int) -> str:
    """Text on one line, cut where it does not fit."""
    text = " ".join(text.split())
    return text if len(text) <= room else text[: room - 1] + "…"
