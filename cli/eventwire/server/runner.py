"""The project that is served: its pipelines, its journal, its sources, and how it is exchanged while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from eventwire.accounts.source_secrets import find_source_secrets
from eventwire.engine.delivery import Delivery
from eventwire.engine.observer import Observer
from eventwire.engine.passage import Passage
from eventwire.engine.pipeline import KeyReused, Pipeline
from eventwire.engine.record import RunRecord, RunStatus
from eventwire.engine.retention import keep_forgetting
from eventwire.engine.run import IncomingEvent, NewRun, Run
from eventwire.errors import CredentialError, EventwireError
from eventwire.journal.rows import AcceptedRun
from eventwire.journal.store import Journal
from eventwire.project.locate import state_folder
from eventwire.project.model import ENVIRONMENTS, Project
from eventwire.project.read import read_project
from eventwire.project.sources import KINDS
from eventwire.project.toml import PROJECT_FILE
from eventwire.server.controls import printable
from eventwire.server.feed import Feed
from eventwire.server.folders import FolderReader, run_folder
from eventwire.server.problems import Refusal
from eventwire.server.schedules import run_schedule
from eventwire.server.sources import RaisedEvent, SourcePlan
from eventwire.server.store import Store

Result = TypeVar("Result")
Tell = Callable[[str], None]
MOST_UNDER_WAY = 20_000
"""So many events may be on their way; more are asked to come again in a moment."""
FORGET_SECONDS = 3600.0
LOOK_SECONDS = 1.0
"""How often the project's file, and runs that others left over, are looked for."""
RECOVER_SECONDS = 5.0
MOST_RECOVERING = 2_000
RECOVERED_AT_ONCE = 32
BREATH_SECONDS = 0.01  # between so many, for requests to be answered
SETTLE_SECONDS = 5.0
"""So long what was cut off has to record its outcome."""


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


Admitted = Callable[[Accepted | None, Exception | None], None]
Done = Callable[[RunRecord | None, Exception | None], None]


class Publisher(Observer):
    """Tells the feed of what the engine does."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def accepted(self, run: AcceptedRun) -> None:
        self._feed.publish("accepted", run.id, run.event, run.environment)

    def retrying(self, delivery: Delivery, error: Exception, delay_seconds: float) -> None:
        self._feed.publish("retrying", delivery.run)

    def ended(self, run: Run, status: RunStatus) -> None:
        self._feed.publish("ended", run.id, run.event, run.environment, status)


class Runner:
    """A project, served. Made in the event loop that serves it."""

    def __init__(self, folder: Path, environ: Mapping[str, str], tell: Tell) -> None:
        """Read the project and open its files; `tell` prints a line for whoever runs the server.

        Raises ProjectError, JournalError, StoreError.
        """
        self.folder = folder
        self.environ = environ
        self.tell: Tell = lambda line: tell(printable(line))
        self.project: Project = read_project(folder)
        self.journal = Journal(state_folder(folder))
        self.store = Store(state_folder(folder))
        self.feed = Feed()
        self.warning: str | None = None
        """Why the project's file, as it is now, is not what is served."""
        self.pipelines = self._make_pipelines(self.project)
        self.source_plans = self._plan_sources(self.project)
        self.under_way = 0
        """How many events are being accepted, or have not ended."""
        self._in_use: set[Pipeline] = set(self.pipelines.values())
        """Pipelines that are not closed: those of projects before this one, too, while their runs have not ended."""
        self.is_stopping = False
        """Whether nothing new is taken any more."""
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._source_tasks: list[asyncio.Task[Any]] = []
        self._recovering: set[str] = set()
        self._stamps = self._stamps_of_files()

    def start(self) -> None:
        """Begin with what goes on by itself: what was left over, sources, retention, and looking at the file."""
        self.keep(self._recover_for_ever(), "recover")
        self.keep(self._forget_for_ever(), "retention")
        self.keep(self._watch_file(), "watch the project file")
        self._start_sources()

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing new, give what runs its grace time, leave retries to the next process, and close everything."""
        await self.drain(grace_seconds)
        self.close()

    async def drain(self, grace_seconds: float) -> None:
        """Take nothing new, give what runs its grace time, and leave retries to the next process. What there is can still be
        read.
        """
        self.is_stopping = True
        self._stopping.set()
        for task in [*self._source_tasks, *(each for each in self._tasks if not each.get_name().startswith("run "))]:
            task.cancel()
        in_use = list(self._in_use)
        await asyncio.gather(*(each.stop(grace_seconds, leave_retries=True) for each in in_use))
        await self._settle(in_use)
        left = {*self._tasks, *self._source_tasks}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.gather(*(each.close() for each in in_use))

    async def _settle(self, pipelines: Sequence[Pipeline]) -> None:
        """Wait until what was cut off has recorded its outcome, and cut off what has begun meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                for each in pipelines:
                    while not await each.is_idle_within(LOOK_SECONDS / 20):
                        each.cut_off()

    def close(self) -> None:
        """Close the files. Runs that have not ended are the next process's."""
        self.journal.close()
        self.store.close()

    def cut_off(self) -> None:
        """Cut off every running delivery at once."""
        for pipeline in self._in_use:
            pipeline.cut_off()

    # Events

    def prepare(self, incoming: IncomingEvent, environment: str) -> Prepared:
        """Validate, match and render an event. Raises PayloadError."""
        pipeline = self.pipelines[environment]
        return Prepared(pipeline, pipeline.make_run(incoming))

    def admit_soon(self, prepared: Prepared, done: Admitted) -> None:
        """Journal an event; nothing is sent yet. `done` is called once it is in the journal, or with JournalError or KeyReused.
        It is under way from now on, until `finish` or another of its kind has brought it to its end. Raises Refusal where
        nothing is taken at the moment.
        """
        self._refuse_more(1)
        self._enter(prepared.pipeline)

        def accepted(first: str | None, error: Exception | None) -> None:
            if error is None:
                done(Accepted(prepared.pipeline, prepared.run, first), None)
            else:
                self._leave(prepared.pipeline)
                done(None, error)

        try:
            prepared.pipeline.accept_soon(prepared.run, accepted)
        except BaseException:
            self._leave(prepared.pipeline)
            raise

    async def admit(self, prepared: Prepared) -> Accepted:
        """What `admit_soon` does; returns what it calls `done` with. Raises JournalError, KeyReused, and Refusal."""
        self._refuse_more(1)
        self._enter(prepared.pipeline)
        return await self._admit(prepared)

    async def admit_all(self, prepared: Sequence[Prepared]) -> list[Accepted]:
        """Journal several events. Where one cannot be, those that are in the journal go on in the background, so that sending
        all of them again completes them. Raises what `admit` does.
        """
        self._refuse_more(len(prepared))
        for each in prepared:
            self._enter(each.pipeline)
        results = await asyncio.gather(*map(self._admit, prepared), return_exceptions=True)
        accepted = [each for each in results if isinstance(each, Accepted)]
        failed = next((each for each in results if isinstance(each, BaseException)), None)
        if failed is None:
            return accepted
        for one in accepted:
            self.finish_later(one)
        raise failed

    async def _admit(self, prepared: Prepared) -> Accepted:
        try:
            return Accepted(prepared.pipeline, prepared.run, await prepared.pipeline.accept(prepared.run))
        except BaseException:
            self._leave(prepared.pipeline)
            raise

    def _refuse_more(self, count: int) -> None:
        """Raise Refusal where so many more events are not taken."""
        if self.is_stopping:
            raise is_stopping()
        if self.under_way + count > MOST_UNDER_WAY:
            raise Refusal(
                "too-many-requests",
                "More events are on their way than can be worked off.",
                next_step="Send it again in a moment.",
                headers={"retry-after": "1"},
            )

    def _enter(self, pipeline: Pipeline) -> None:
        """An event is under way: neither stopping nor another project closes its pipeline before it has ended."""
        self.under_way += 1
        pipeline.enter()

    def _leave(self, pipeline: Pipeline) -> None:
        self.under_way -= 1
        pipeline.leave()

    async def finish(self, accepted: Accepted) -> RunRecord:
        """Bring an accepted run to its end, or wait for the first with its key. Raises NotRecorded, and Refusal where the
        server stops before the first has ended.
        """
        try:
            if accepted.first is not None:
                return await self._await_first(accepted.pipeline, accepted.run, accepted.first)
            return await accepted.pipeline.finish(accepted.run)
        finally:
            self._leave(accepted.pipeline)

    async def _await_first(self, pipeline: Pipeline, run: NewRun, first: str) -> RunRecord:
        """The record of the first run with a key, which another process may have, for hours."""
        waiting = self.keep(pipeline.await_first(run, first), f"run {first}")
        stopping = asyncio.create_task(self._stopping.wait(), name="wait for the end")
        try:
            await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise is_stopping()
            return waiting.result()
        finally:
            stopping.cancel()

    def finish_soon(self, accepted: Accepted, done: Done) -> None:
        """Bring an accepted run, the first with its key, to its end; `done` is called with its record, or with NotRecorded."""

        def ended(passage: Passage, error: Exception | None) -> None:
            self._leave(accepted.pipeline)
            done(None if error else passage.record, error)

        accepted.pipeline.finish_soon(accepted.run, ended)

    def finish_later(self, accepted: Accepted) -> None:
        """Bring an accepted run to its end in the background; nothing is left to do where its key was used before, or where
        it has ended already.
        """
        if accepted.first is not None or accepted.run.is_ended:
            if accepted.first is None:
                accepted.pipeline.observer.ended(accepted.run, RunStatus.SUCCEEDED)
            self._leave(accepted.pipeline)
            return

        def ended(passage: Passage, error: Exception | None) -> None:
            self._leave(accepted.pipeline)
            if error is not None:
                self.tell(str(error))

        accepted.pipeline.finish_soon(accepted.run, ended)

    async def raise_event(self, raised: RaisedEvent) -> Accepted:
        """Accept what a source raises; its run goes on in the background. Raises what `prepare` and `admit` raise."""
        incoming = IncomingEvent(
            raised.name, raised.payload, raised.source, idempotency_key=raised.idempotency_key, time=raised.time
        )
        accepted = await self.admit(self.prepare(incoming, raised.environment))
        self.finish_later(accepted)
        return accepted

    async def _raise(self, raised: RaisedEvent) -> None:
        """Accept what a schedule or a folder raises, whole: one that ends in the middle of it leaves no event behind that is in
        the journal, and that nobody runs.
        """
        # its id came before, when what it says was still made another way: it was taken then
        with suppress(KeyReused):
            await asyncio.shield(self.keep(self.raise_event(raised), "run of a source"))

    # What goes on by itself

    async def _recover_for_ever(self) -> None:
        """Bring runs to their end that no living process runs: of a crash, of `--detach`, of another that stopped."""
        told = ""
        while True:
            try:
                await self._recover_abandoned()
                told = ""
            except EventwireError as error:
                if str(error) != told:
                    told = str(error)
                    self.tell(told)
            await asyncio.sleep(RECOVER_SECONDS)

    async def _recover_abandoned(self) -> None:
        found = [row for row in self.journal.abandoned() if row["id"] not in self._recovering]
        room = MOST_RECOVERING - len(self._recovering)
        for count, row in enumerate(found[: max(0, room)], start=1):
            self._recovering.add(row["id"])
            self.keep(self._recover(row["id"], row["environment"]), f"run {row['id']}")
            if count % RECOVERED_AT_ONCE == 0:
                await asyncio.sleep(BREATH_SECONDS)

    async def _recover(self, run: str, environment: str) -> None:
        pipeline = self.pipelines[environment]
        try:
            if self.is_stopping:
                return
            with pipeline.under_way():
                record = await pipeline.recover(run)
            if record is not None and not any(each.is_waiting for each in record.actions):
                self.tell(f"Run {run} of {record.event} had not ended; it has now: {record.status}.")
        except EventwireError as error:
            self.tell(str(error))
        finally:
            self._recovering.discard(run)

    async def _forget_for_ever(self) -> None:
        while True:
            try:
                await keep_forgetting(self.journal, lambda: self.project.retention_days)
            except EventwireError as error:
                self.tell(f"Old runs could not be removed, and are tried again in an hour. {error}")
                await asyncio.sleep(FORGET_SECONDS)

    async def _watch_file(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            stamps = self._stamps_of_files()
            if stamps != self._stamps:
                await self.reload()
                # what changes while it is read is read again; what it names only now is new
                self._stamps = {path: stamps.get(path, now) for path, now in self._stamps_of_files().items()}

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
            self.feed.publish("reloaded")
            return
        before, pipelines, source_plans = self.pipelines, self._make_pipelines(project), self._plan_sources(project)
        self.project, self.warning = project, None
        self.pipelines, self.source_plans = pipelines, source_plans
        self._start_sources()
        self.tell(f"{PROJECT_FILE} has changed; the project is served as it is now.")
        self.feed.publish("reloaded")
        self._in_use.update(self.pipelines.values())
        for pipeline in before.values():
            self.keep(self._close_when_idle(pipeline), "close")

    async def _close_when_idle(self, pipeline: Pipeline) -> None:
        await pipeline.close_when_idle()
        self._in_use.discard(pipeline)

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

    def _stamps_of_files(self) -> dict[Path, tuple[int, int] | None]:
        """What tells each of the project's files from what it was; None for one that is not there."""
        return {each: stamp_of(each) for each in self.project.files()}

    def keep(self, work: Coroutine[Any, Any, Result], name: str) -> asyncio.Task[Result]:
        """Let something go on in the background; what fails with a bug is told, where nobody waits for it."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, EventwireError):
            self.tell(f'eventwire failed in "{task.get_name()}" with {type(error).__name__}: {error}')


def is_stopping() -> Refusal:
    """What is answered once nothing new is taken."""
    return Refusal(
        "stopping",
        "The server is stopping.",
        next_step="Send it again in a moment, with the same Idempotency-Key where it has one.",
        headers={"retry-after": "1", "connection": "close"},
    )


def stamp_of(path: Path) -> tuple[int, int] | None:
    """When a file was written, and how long it is; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
