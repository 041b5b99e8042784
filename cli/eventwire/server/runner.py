"""The project that is served: its pipelines, its journal, its sources, and how it is exchanged while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from eventwire.accounts.source_secrets import find_source_secrets
from eventwire.engine.delivery import Delivery
from eventwire.engine.observer import Observer
from eventwire.engine.pipeline import NotRecorded, Pipeline
from eventwire.engine.record import RunRecord
from eventwire.engine.retention import keep_forgetting
from eventwire.engine.run import IncomingEvent, NewRun
from eventwire.errors import CredentialError, EventwireError
from eventwire.journal.store import AcceptedRun, Journal
from eventwire.project.locate import state_folder
from eventwire.project.model import ENVIRONMENTS, Project
from eventwire.project.read import read_project
from eventwire.project.sources import KINDS
from eventwire.project.toml import PROJECT_FILE
from eventwire.server.feed import Change, Feed
from eventwire.server.folders import FolderReader, run_folder
from eventwire.server.problems import Refusal
from eventwire.server.schedules import run_schedule
from eventwire.server.sources import RaisedEvent, SourcePlan
from eventwire.server.store import Store

Tell = Callable[[str], None]
MOST_UNDER_WAY = 20_000
"""So many events may be on their way; more are asked to come again in a moment."""
LOOK_SECONDS = 1.0
"""How often the project's file, and runs that others left over, are looked for."""
RECOVER_SECONDS = 5.0
RECOVERED_AT_ONCE = 32


class Prepared(Struct, frozen=True):
    """An event that is about to be accepted."""

    pipeline: Pipeline
    run: NewRun


class Accepted(Struct, frozen=True):
    """An event that is in the journal."""

    pipeline: Pipeline
    """The one that accepted it; the project may be exchanged before it has ended."""
    run: NewRun
    first: str | None
    """The first run with its idempotency key, where there is one: then this one is not in the journal."""

    @property
    def id(self) -> str:
        """The run that stands for the event."""
        return self.first or self.run.id


class Publisher(Observer):
    """Tells the feed of what the engine does."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def accepted(self, run: AcceptedRun) -> None:
        self._feed.publish(Change("accepted", run.id, run.event, run.environment))

    def retrying(self, delivery: Delivery, error: Exception, delay_seconds: float) -> None:
        self._feed.publish(Change("retrying", delivery.run, "", ""))

    def ended(self, record: RunRecord) -> None:
        self._feed.publish(Change("ended", record.id, record.event, record.environment, record.status))


class Runner:
    """A project, served. Made in the event loop that serves it."""

    def __init__(self, folder: Path, environ: Mapping[str, str], tell: Tell) -> None:
        """Read the project and open its files; `tell` prints a line for whoever runs the server.

        Raises ProjectError, JournalError, StoreError.
        """
        self.folder = folder
        self.environ = environ
        self.tell = tell
        self.project: Project = read_project(folder)
        self.journal = Journal(state_folder(folder))
        self.store = Store(state_folder(folder))
        self.feed = Feed()
        self.warning: str | None = None
        """Why the project's file, as it is now, is not what is served."""
        self.pipelines = self._make_pipelines(self.project)
        self.source_plans = self._plan_sources(self.project)
        self.under_way = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._source_tasks: list[asyncio.Task[Any]] = []
        self._recovering: set[str] = set()
        self._stamp = self._stamp_of_file()

    def start(self) -> None:
        """Begin with what goes on by itself: what was left over, sources, retention, and looking at the file."""
        self._keep(self._recover_for_ever(), "recover")
        self._keep(self._forget_for_ever(), "retention")
        self._keep(self._watch_file(), "watch the project file")
        self._start_sources()

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing new, give what runs its grace time, leave retries to the next process, and close everything."""
        for task in [*self._source_tasks, *(each for each in self._tasks if not each.get_name().startswith("run "))]:
            task.cancel()
        await asyncio.gather(*(each.stop(grace_seconds, leave_retries=True) for each in self.pipelines.values()))
        await asyncio.gather(*self._tasks, *self._source_tasks, return_exceptions=True)
        await asyncio.gather(*(each.close() for each in self.pipelines.values()))
        self.journal.close()
        self.store.close()

    def cut_off(self) -> None:
        """Cut off every running delivery at once."""
        for pipeline in self.pipelines.values():
            pipeline.cut_off()

    # Events

    def prepare(self, incoming: IncomingEvent, environment: str) -> Prepared:
        """Validate, match and render an event. Raises PayloadError."""
        pipeline = self.pipelines[environment]
        return Prepared(pipeline, pipeline.make_run(incoming))

    async def admit(self, prepared: Prepared) -> Accepted:
        """Journal an event; nothing is sent yet. Raises JournalError, KeyReused, and Refusal where too many are under way."""
        if self.under_way >= MOST_UNDER_WAY:
            raise Refusal(
                "too-many-requests",
                "More events are on their way than can be worked off.",
                next_step="Send it again in a moment.",
                headers={"retry-after": "1"},
            )
        return Accepted(prepared.pipeline, prepared.run, await prepared.pipeline.accept(prepared.run))

    async def finish(self, accepted: Accepted) -> RunRecord:
        """Bring an accepted run to its end, or wait for the first with its key. Raises NotRecorded."""
        self.under_way += 1
        try:
            if accepted.first is not None:
                return await accepted.pipeline.await_first(accepted.run, accepted.first)
            return await accepted.pipeline.finish(accepted.run)
        finally:
            self.under_way -= 1

    def finish_later(self, accepted: Accepted) -> None:
        """Bring an accepted run to its end in the background; nothing is left to do where its key was used before, or where
        it has ended already.
        """
        if accepted.first is not None:
            return
        if accepted.run.is_ended:
            accepted.pipeline.observer.ended(accepted.run.report([]))
        else:
            self._keep(self._finish_and_tell(accepted), f"run {accepted.run.id}")

    async def raise_event(self, raised: RaisedEvent) -> Accepted:
        """Accept what a source raises; its run goes on in the background. Raises what `prepare` and `admit` raise."""
        incoming = IncomingEvent(
            raised.name, raised.payload, raised.source, idempotency_key=raised.idempotency_key, time=raised.time
        )
        accepted = await self.admit(self.prepare(incoming, raised.environment))
        self.finish_later(accepted)
        return accepted

    async def _raise(self, raised: RaisedEvent) -> None:
        await self.raise_event(raised)

    async def _finish_and_tell(self, accepted: Accepted) -> None:
        try:
            await self.finish(accepted)
        except NotRecorded as error:
            self.tell(str(error))

    # What goes on by itself

    async def _recover_for_ever(self) -> None:
        """Bring runs to their end that no living process runs: of a crash, of `--detach`, of another that stopped."""
        while True:
            for row in self.journal.abandoned():
                if row["id"] not in self._recovering and len(self._recovering) < RECOVERED_AT_ONCE:
                    self._recovering.add(row["id"])
                    self._keep(self._recover(row["id"], row["environment"]), f"run {row['id']}")
            await asyncio.sleep(RECOVER_SECONDS)

    async def _recover(self, run: str, environment: str) -> None:
        try:
            record = await self.pipelines[environment].recover(run)
            if record is not None:
                self.tell(f"Run {run} of {record.event} had not ended; it has now: {record.status}.")
        except EventwireError as error:
            self.tell(str(error))
        finally:
            self._recovering.discard(run)

    async def _forget_for_ever(self) -> None:
        await keep_forgetting(self.journal, lambda: self.project.retention_days)

    async def _watch_file(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            stamp = self._stamp_of_file()
            if stamp != self._stamp:
                self._stamp = stamp
                await self.reload()

    # The project's file

    async def reload(self) -> None:
        """Serve the project as its file is now. Where that is wrong, the old one goes on, and the warning says so.

        Runs that are under way end as they began.
        """
        try:
            # it may take seconds, for a project of many thousand filters
            project = await asyncio.to_thread(read_project, self.folder)
        except EventwireError as error:
            self.warning = str(error)
            self.tell(f"{PROJECT_FILE} has changed and is wrong; the project goes on as it was.\n{error}")
            self.feed.publish(Change("reloaded", "", "", ""))
            return
        before = self.pipelines
        self.project, self.warning = project, None
        self.pipelines = self._make_pipelines(project)
        self.source_plans = self._plan_sources(project)
        self._start_sources()
        self.tell(f"{PROJECT_FILE} has changed; the project is served as it is now.")
        self.feed.publish(Change("reloaded", "", "", ""))
        for pipeline in before.values():
            self._keep(pipeline.close_when_idle(), "close")

    def _make_pipelines(self, project: Project) -> dict[str, Pipeline]:
        observer = Publisher(self.feed)
        return {
            environment: Pipeline(project, environment, environ=self.environ, journal=self.journal, observer=observer)
            for environment in ENVIRONMENTS
        }

    def _plan_sources(self, project: Project) -> dict[str, SourcePlan]:
        return {name: SourcePlan(project, source) for name, source in project.sources.items()}

    def _start_sources(self) -> None:
        for task in self._source_tasks:
            task.cancel()
        self._source_tasks = []
        for name, plan in self.source_plans.items():
            work = self._source_work(plan)
            if work is not None:
                self._source_tasks.append(asyncio.create_task(work, name=f"source {name}"))
            elif KINDS[plan.source.kind].is_webhook:
                self._tell_of_missing_secrets(plan)

    def _source_work(self, plan: SourcePlan) -> Coroutine[Any, Any, None] | None:
        """What a source does by itself; None for one that waits for requests."""
        if plan.source.kind == "schedule":
            return run_schedule(self.store, plan, self._raise, self.tell)
        if plan.source.kind == "folder":
            return run_folder(FolderReader(self.store, plan.source, self.folder), plan, self._raise, self.tell)
        return None

    def _tell_of_missing_secrets(self, plan: SourcePlan) -> None:
        try:
            find_source_secrets(plan.source, self.project.name, self.environ)
        except CredentialError as error:
            self.tell(f"The source {plan.source.name} refuses every request until it has its secret. {error}")

    def _stamp_of_file(self) -> tuple[int, int] | None:
        try:
            found = (self.folder / PROJECT_FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _keep(self, work: Any, name: str) -> None:
        """Let something go on in the background."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
