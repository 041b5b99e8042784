"""The event API: events in, reports out.

`POST /events/NAME` and `POST /events`, `GET /runs/ID`, `POST /api/v1/log`, `POST /sources/NAME`, and the documents that
describe them. It is a bare ASGI application, because events come in by the thousand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from eventwire.accounts.source_secrets import find_source_secrets
from eventwire.engine.pipeline import LOG_EVENT, KeyReused
from eventwire.engine.record import RunRecord
from eventwire.engine.run import IncomingEvent
from eventwire.engine.stored import record_of
from eventwire.errors import EventwireError, PayloadError, did_you_mean
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.payloads import read_payload_text
from eventwire.project.sources import KINDS
from eventwire.server import cloud_events
from eventwire.server.asyncapi import asyncapi
from eventwire.server.bodies import LIMIT_BYTES, media_type
from eventwire.server.consumers import Consumers
from eventwire.server.controls import one_line
from eventwire.server.keys import ApiKey, KeyRefused, bearer_key, check_key
from eventwire.server.log_body import payload_of, read_log
from eventwire.server.openapi import openapi
from eventwire.server.problems import Refusal, problem_of
from eventwire.server.rates import Rates
from eventwire.server.request_headers import read_idempotency_key, read_preferences
from eventwire.server.requests import Answer, Receive, Request, Scope, Send, json_answer
from eventwire.server.runner import Accepted, Prepared, Runner
from eventwire.server.sources import KEEP_SECONDS, SourcePlan
from eventwire.server.sources import receive as receive_webhook

KEY_SECONDS = 2.0
"""So long a key that was found good counts without another look: after that, one that was removed does not."""
MOST_KEYS = 10_000
HOST = lazy_pattern(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:[0-9]{1,5})?")
Handler = Callable[[Request, str], Awaitable[Answer]]


class Api:
    """The event API of a served project."""

    def __init__(self, runner: Runner, *, max_per_second: float | None = None) -> None:
        """`max_per_second` bounds the requests of each key; None does not."""
        self.runner = runner
        self._rates = Rates(max_per_second) if max_per_second else None
        self._consumers = Consumers()
        self._keys: dict[str, tuple[ApiKey, float]] = {}
        self._routes: Sequence[tuple[str, str, Handler]] = (
            ("POST", "/events/", self.one_event),
            ("POST", "/events", self.any_event),
            ("GET", "/runs/", self.one_run),
            ("POST", "/api/v1/log", self.log),
            ("POST", "/api/v1/ingest", self.log),
            ("POST", "/sources/", self.webhook),
            ("GET", "/openapi.json", self.openapi),
            ("GET", "/asyncapi.json", self.asyncapi),
        )

    def serves(self, path: str) -> bool:
        """Whether an address is one of the API's."""
        return any(matches(path, prefix) for _, prefix, _ in self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every error is a problem document."""
        request = Request(scope, receive)
        try:
            answer = await self.answer(request)
        except Exception as error:
            answer = self.failed(error, request.path)
        await answer.send(send)

    def failed(self, error: Exception, path: str) -> Answer:
        """The problem document for what a request to an address came to; what is not foreseen is told here, too."""
        if not isinstance(error, EventwireError):
            self.runner.tell(one_line(f"A request to {path[:200]} failed with {type(error).__name__}: {error}"))
        problem = problem_of(error, path)
        return Answer(problem.status, problem.encode(), problem.headers)

    async def answer(self, request: Request) -> Answer:
        """The answer of whoever the address belongs to. Raises EventwireError."""
        path = request.path
        allowed = []
        for method, prefix, handler in self._routes:
            if matches(path, prefix):
                if method == request.method:
                    return await handler(request, path[len(prefix) :])
                allowed.append(method)
        if allowed:
            methods = ", ".join(allowed)
            raise Refusal(
                "method-not-allowed",
                f"{request.method} is not allowed here.",
                next_step=f"Use {methods}.",
                headers={"allow": methods},
            )
        raise Refusal("not-found", f"There is nothing at {path}.", next_step="See GET /openapi.json.")

    # Events

    async def one_event(self, request: Request, name: str) -> Answer:
        """`POST /events/NAME`: a plain payload, or a CloudEvent in any of its modes."""
        key = self.check_key(request)
        self.check_name(name)
        headers = request.headers
        body = await request.body(LIMIT_BYTES)
        if headers.get("content-type") == "application/json" and "ce-specversion" not in headers:
            # what most senders do, without a look at the rest
            events = [self.read_plain(body)]
        else:
            events = cloud_events.read_events(headers, body)
        names = cloud_events.names_of(events, self.runner.project.events, name)
        return await self.take(request, key, list(zip(names, events, strict=True)))

    async def any_event(self, request: Request, rest: str) -> Answer:
        """`POST /events`: CloudEvents, whose type says which event each is."""
        key = self.check_key(request)
        events = cloud_events.read_events(request.headers, await request.body(LIMIT_BYTES))
        names = cloud_events.names_of(events, self.runner.project.events)
        return await self.take(request, key, list(zip(names, events, strict=True)))

    async def take(
        self, request: Request, key: ApiKey, events: Sequence[tuple[str, cloud_events.IncomingEvent]]
    ) -> Answer:
        """Accept events, all or none, and answer with what came of them, or at once where that is preferred."""
        idempotency_key = read_idempotency_key(request.all(b"idempotency-key")) if events else None
        is_batch = len(events) != 1 or media_type(request.headers.get("content-type")) == cloud_events.BATCHED
        if idempotency_key is not None and is_batch:
            raise Refusal(
                "bad-request",
                "One Idempotency-Key cannot stand for several events.",
                next_step="Leave it out: each event's source and id are its key.",
            )
        prepared = self.prepare_all(events, key) if is_batch else [self.prepare(*events[0], key, idempotency_key)]
        accepted = await self.runner.admit_all(prepared) if is_batch else [await self.runner.admit(prepared[0])]
        prefer = request.all(b"prefer")
        if prefer and (preferences := read_preferences(prefer)).respond_async:
            for each in accepted:
                self.runner.finish_later(each)
            headers = {"preference-applied": preferences.applied or ""}
            return self.answer_accepted(accepted, is_batch, headers)
        return await self.answer_ended(accepted, is_batch)

    def prepare_all(self, events: Sequence[tuple[str, cloud_events.IncomingEvent]], key: ApiKey) -> list[Prepared]:
        """Validate and match every event of a batch. Raises PayloadError with all violations of all of them."""
        prepared, violations, message = [], [], ""
        for position, (name, event) in enumerate(events):
            try:
                prepared.append(self.prepare(name, event, key, None))
            except PayloadError as error:
                message = message or error.message
                violations += [(f"[{position}].data.{path}", sentence) for path, sentence in error.violations]
        if message:
            raise PayloadError(message, violations=violations, next_step="Nothing was accepted.")
        return prepared

    def prepare(
        self, name: str, event: cloud_events.IncomingEvent, key: ApiKey, idempotency_key: str | None
    ) -> Prepared:
        """Validate and match an event. Raises PayloadError."""
        incoming = IncomingEvent(
            name,
            event.payload,
            event.source or "http",
            idempotency_key=idempotency_key or event.key,
            id=event.id,
            time=event.time,
            extensions=event.extensions or None,
            payload_text=event.payload_text,
        )
        return self.runner.prepare(incoming, key.environment)

    def prepare_plain(self, name: str, body: bytes, key: ApiKey, idempotency_key: str | None) -> Prepared:
        """Read, validate and match an event whose body is its payload. Raises PayloadError."""
        payload, text = read_payload_text(body, limit_bytes=LIMIT_BYTES)
        incoming = IncomingEvent(name, payload, "http", idempotency_key=idempotency_key, payload_text=text)
        return self.runner.prepare(incoming, key.environment)

    def read_plain(self, body: bytes) -> cloud_events.IncomingEvent:
        """An event that is a plain payload. Raises PayloadError."""
        payload, text = read_payload_text(body, limit_bytes=LIMIT_BYTES)
        return cloud_events.IncomingEvent(payload, payload_text=text)

    def answer_accepted(self, accepted: Sequence[Accepted], is_batch: bool, headers: dict[str, str]) -> Answer:
        """202: it is in the journal, and where to see what comes of it."""
        if is_batch:
            documents = [self.noted({"id": each.id, "run": f"/runs/{each.id}"}, each) for each in accepted]
            return json_answer(202, documents, headers)
        return self.answer_accepted_one(accepted[0], headers)

    def answer_accepted_one(self, accepted: Accepted, headers: Mapping[str, str]) -> Answer:
        """202 for one event."""
        id = accepted.id
        run = f"/runs/{id}"
        return json_answer(202, self.noted({"id": id, "run": run}, accepted), {**headers, "location": run})

    async def answer_ended(self, accepted: Sequence[Accepted], is_batch: bool) -> Answer:
        """201: the reports, once every outcome is durable."""
        if not is_batch:
            return self.answer_of(await self.runner.finish(accepted[0]), accepted[0])
        records = await asyncio.gather(*map(self.runner.finish, accepted))
        documents = [self.noted(record.document(), each) for record, each in zip(records, accepted, strict=True)]
        return json_answer(201, documents)

    def answer_of(self, record: RunRecord, accepted: Accepted) -> Answer:
        """201: the report of one event."""
        return json_answer(201, self.noted(record.document(), accepted), {"location": f"/runs/{record.id}"})

    def noted(self, document: dict[str, Any], accepted: Accepted) -> dict[str, Any]:
        """A document that says so where no filter could ever consume the event."""
        warning = self._consumers.warning(self.runner.project, accepted.run.event)
        return document if warning is None else {**document, "warning": warning}

    # What came of them

    async def one_run(self, request: Request, run: str) -> Answer:
        """`GET /runs/ID`: the report, as far as it has come."""
        key = self.check_key(request)
        journal = self.runner.journal
        row = journal.run(run)
        if row is None or row["environment"] != key.environment:
            raise Refusal("not-found", f'There is no {key.environment} run "{run[:64]}".')
        document = record_of(row, journal.deliveries(run)).as_dict()
        if row["status"] == "running":
            document["status"] = "running"
        return json_answer(200, document)

    # Entries of the log

    async def log(self, request: Request, rest: str) -> Answer:
        """`POST /api/v1/log`, which some of Operational's senders call `ingest`: an entry for the timeline."""
        key = self.check_key(request)
        entry = read_log(await request.body(LIMIT_BYTES), request.headers.get("content-type"))
        environment = "test" if entry.test else key.environment
        incoming = IncomingEvent(
            LOG_EVENT, payload_of(entry), "log", idempotency_key=read_idempotency_key(request.all(b"idempotency-key"))
        )
        accepted = await self.runner.admit(self.runner.prepare(incoming, environment))
        self.runner.finish_later(accepted)
        return json_answer(201, {"id": accepted.id, "run": f"/runs/{accepted.id}"})

    # Webhooks of others

    async def webhook(self, request: Request, name: str) -> Answer:
        """`POST /sources/NAME`: a provider's webhook, whose signature is its key. One that is refused is told here, too."""
        plan = self.runner.source_plans.get(name)
        if plan is None or not KINDS[plan.source.kind].is_webhook:
            raise Refusal("not-found", f'There is no webhook "{name[:64]}" here.')
        try:
            return await self.receive(plan, request)
        except EventwireError as error:
            wrong = "; ".join(f"{path} {sentence}" for path, sentence in getattr(error, "violations", ()))
            self.runner.tell(one_line(f"The source {name} refused a request: {error.message} {wrong}".rstrip()))
            raise

    async def receive(self, plan: SourcePlan, request: Request) -> Answer:
        """Verify a webhook and raise its event. Raises EventwireError."""
        body = await request.body(LIMIT_BYTES)
        source, store, project = plan.source, self.runner.store, self.runner.project
        secrets = await asyncio.to_thread(find_source_secrets, source, project.name, self.runner.environ)
        received = receive_webhook(plan, secrets, store, request.headers, body, time.time())
        if received.answer is not None:
            return json_answer(200, received.answer)
        if received.event is None:
            return json_answer(200, {"raised": None, "why": received.nothing})
        try:
            accepted = await self.runner.raise_event(received.event)
        except KeyReused:
            return json_answer(200, {"raised": None, "why": "duplicate"})
        # noted only now: an id that is noted, and whose event a crash kept out of the journal, would never be raised
        if received.id is not None:
            store.claim_id(source.name, received.id, time.time(), KEEP_SECONDS)
        if accepted.first is not None:
            return json_answer(200, {"raised": None, "why": "duplicate"})
        return json_answer(202, self.noted({"raised": received.event.name, "id": accepted.id}, accepted))

    # Documents

    async def openapi(self, request: Request, rest: str) -> Answer:
        """`GET /openapi.json`."""
        return json_answer(200, openapi(self.runner.project, address_of(request), samples=self.has_key(request)))

    async def asyncapi(self, request: Request, rest: str) -> Answer:
        """`GET /asyncapi.json`."""
        return json_answer(200, asyncapi(self.runner.project, address_of(request), samples=self.has_key(request)))

    # Who may

    def check_key(self, request: Request) -> ApiKey:
        """The key that a request brings. Raises KeyRefused, and Refusal where it comes too often."""
        return self.check_token(bearer_key(request.headers.get("authorization")))

    def has_key(self, request: Request) -> bool:
        """Whether a request brings a key that counts. Raises Refusal where it comes too often."""
        try:
            self.check_key(request)
        except KeyRefused:
            return False
        return True

    def check_token(self, token: str | None) -> ApiKey:
        """Whose key a text is. Raises KeyRefused, and Refusal where it comes too often."""
        now = time.monotonic()
        found = self._keys.get(token) if token else None
        if found is None or found[1] < now:
            key = check_key(self.runner.store, token)
            if len(self._keys) >= MOST_KEYS:
                self._keys.clear()
            self._keys[token or ""] = found = (key, now + KEY_SECONDS)
        if self._rates is not None:
            self._rates.take(found[0].id, now)
        return found[0]

    def check_name(self, name: str) -> None:
        """Raise Refusal for an event that the project does not have."""
        if name not in self.runner.project.events:
            hint = did_you_mean(name, self.runner.project.events)
            raise Refusal(
                "not-found",
                f'There is no event "{name[:64]}".',
                next_step=hint or "See the events with: eventwire list",
            )


def matches(path: str, prefix: str) -> bool:
    """Whether an address is a route's: `/events/` stands for everything one level below it."""
    if prefix.endswith("/"):
        return path.startswith(prefix) and "/" not in path[len(prefix) :] and len(path) > len(prefix)
    return path == prefix


def address_of(request: Request) -> str | None:
    """Where the server was reached at."""
    host = request.headers.get("host", "")
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else "http"
    return f"{scheme}://{host}" if HOST.fullmatch(host) else None
