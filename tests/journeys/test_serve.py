"""The event API as a process, with real clients and real servers behind it: what it has acknowledged happens, whatever
happens to the server; and nobody who sends rubbish, slowly or much of it holds up the others.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import signal
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from tests.journeys.served import Load, Server, answer_of, make_key, until
from tests.journeys.test_crash import ACTIONS, UNSAFE, Shop
from tests.server.serving import until as comes
from tests.servers import POSTGRESQL, REDIS, closed_port, require
from tests.tools import process

ROUNDS = 3
EVENTS = 3000
LINES = """
[project]
name = "shop"

[service-accounts.lines]
service = "file"
test = { folder = "out" }
live = { folder = "out-live" }

[events.e]
model = { id = "integer" }

[events.e.filters.on-event.actions.store]
service-account = "lines"
action = "append"
file = "events.ndjson"
line = { id = "{id}" }
"""
HOOK = """
[project]
name = "shop"

[service-accounts.hook]
service = "http"
test = {{ base-url = "http://127.0.0.1:{port}" }}

[events.e]
model = {{ id = "integer" }}

[events.e.filters.on-event.actions.call]
service-account = "hook"
action = "request"
method = "POST"
url = "/"
{more}
"""


def project(folder, text=LINES):
    (folder / "eventwire.toml").write_text(text)
    return folder


def lines(folder, name="out"):
    path = folder / name / "events.ndjson"
    return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []


def statuses(folder):
    with closing(sqlite3.connect(folder / ".eventwire" / "journal.sqlite3")) as journal:
        return dict(journal.execute("SELECT json_extract(payload, '$.id'), status FROM runs").fetchall())


class Hook:
    """A server that answers when it is told to."""

    def __init__(self, status=200):
        self.came, self.go, self.status, self.bodies = Event(), Event(), status, []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                hook.bodies.append(self.rfile.read(int(self.headers.get("content-length") or 0)))
                hook.came.set()
                hook.go.wait(60)
                self.send_response(hook.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.go.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def shop(tmp_path):
    require("postgresql", POSTGRESQL)
    require("redis", REDIS)
    shop = Shop(tmp_path)
    shop.make_tables()
    yield shop
    shop.remove()


# Sending


def test_send_with_a_test_and_a_live_key_and_look_at_the_run(tmp_path):
    folder = project(tmp_path)
    test, live = make_key(folder), make_key(folder, "live")
    with Server(folder) as server:
        report = server.post("/events/e", {"id": 1}, test)
        assert (report.status_code, report.json()["status"], report.json()["environment"]) == (201, "succeeded", "test")
        accepted = server.post("/events/e", {"id": 2}, live, prefer="respond-async")
        assert (accepted.status_code, accepted.headers["preference-applied"]) == (202, "respond-async")
        until(lambda: server.get(accepted.headers["location"], live).json()["status"] == "succeeded")
        assert server.get(accepted.headers["location"], test).status_code == 404
        assert (lines(folder), lines(folder, "out-live")) == ([1], [2])
        assert server.post("/events/e", {"id": 3}, test[:-1] + "x").status_code == 401
        assert server.stop() == 0
    inspected = process("inspect", report.json()["id"], "--json", folder=folder)
    assert inspected.document["source"] == "http" if "source" in inspected.document else inspected.exit_code == 0
    assert (tmp_path / ".eventwire").stat().st_mode & 0o077 == 0
    assert test not in server.said


def test_a_test_key_never_gets_at_live_however_it_asks(tmp_path):
    folder = project(tmp_path, LINES + '[events.log]\nmodel = { name = "string" }\n')
    key = make_key(folder)
    live = key.replace("ew_test_", "ew_live_")
    with Server(folder) as server:
        for path, headers in (
            ("/events/e?environment=live", {}),
            ("/events/e", {"environment": "live", "x_environment": "live", "eventwire_environment": "live"}),
            (
                "/events/e",
                {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/x", "ce_type": "e", "ce_environment": "live"},
            ),
            ("/api/v1/log", {}),
        ):
            answer = server.post(path, {"id": 1, "name": "x", "test": False, "environment": "live"}, key, **headers)
            assert answer.status_code == 201, answer.text
            assert server.get(f"/runs/{answer.json()['id']}", key).json()["environment"] == "test"
        for path in ("/events/e", "/api/v1/log"):
            refused = server.post(path, {"id": 2, "name": "x"}, live)
            assert (refused.status_code, "checksum" in refused.json()["detail"]) == (401, True)
        assert server.stop() == 0
    assert (lines(folder), lines(folder, "out-live")) == ([1, 1, 1], [])


def test_keys_of_every_kind_are_told_apart_and_rotated_while_the_server_runs(tmp_path):
    from eventwire.project.locate import state_folder
    from eventwire.server.keys import add_key
    from eventwire.server.keys import make_key as unknown_key
    from eventwire.server.store import Store

    folder = project(tmp_path)
    old = make_key(folder, name="old")
    with Server(folder) as server:

        def used(name):
            listed = process("list", "keys", "--json", folder=folder).document
            return next(each["last_used_at"] for each in listed["keys"] if each["name"] == name)

        def refusal(key):
            answer = server.post("/events/e", {"id": 9}, key)
            return (answer.status_code, answer.json().get("detail"))

        assert used("old") is None
        assert server.post("/events/e", {"id": 1}, old).status_code == 201
        with Store(state_folder(folder)) as store:
            soon = add_key(store, "soon", "test", expires_in_days=4 / 86_400)
        assert server.post("/events/e", {"id": 2}, soon).status_code == 201
        assert used("old") > time.time() - 60
        new = make_key(folder, name="new")
        assert server.post("/events/e", {"id": 3}, new).status_code == 201
        assert process("remove:key", "old", "--yes", folder=folder).exit_code == 0
        until(lambda: refusal(old) == (401, 'The key "old" has been removed.'), seconds=5)
        until(lambda: refusal(soon) == (401, 'The key "soon" has expired.'), seconds=10)
        assert refusal(unknown_key("test")) == (401, "The key is not known here.")
        assert refusal(new[:-1]) == (401, "The key is not whole: its checksum is wrong.")
        assert refusal("hello") == (401, "What was sent is no key of eventwire's.")
        assert refusal(None) == (401, "The request has no key.")
        assert server.post("/events/e", {"id": 4}, new).status_code == 201
        assert server.stop() == 0
        assert not any(each in server.said for each in (old, new, soon))
    assert [each for each in lines(folder) if each != 9] == [1, 2, 3, 4]


# Crashes


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_was_acknowledged_happens_though_the_server_is_killed(shop, seed):
    key = make_key(shop.folder)
    chance = random.Random(seed)
    acknowledged = {}
    with Server(shop.folder) as server:
        load = Load(server.url, key, range(EVENTS))

        async def kill():
            sending = asyncio.create_task(load.run())
            await comes(lambda: len(load.acknowledged) >= 50)
            await asyncio.sleep(chance.uniform(0, 0.4))
            server.signal(signal.SIGKILL)
            await sending

        asyncio.run(kill())
        acknowledged |= load.acknowledged
    with Server(shop.folder) as server:
        until(lambda: "running" not in statuses(shop.folder).values(), server.log)
        assert server.stop() == 0
    journaled = shop.examine()
    for number in acknowledged:
        for name in ACTIONS:
            status = journaled[name, number]
            assert status == "succeeded" or (status, name in UNSAFE) == ("unknown", True), (name, number, status)


# Stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_stopped_under_load_ends_what_it_took(shop, number):
    key = make_key(shop.folder)
    with Server(shop.folder) as server:
        load = Load(server.url, key, range(1_000_000))

        async def stop():
            sending = asyncio.create_task(load.run())
            await comes(lambda: len(load.acknowledged) >= 100)
            server.signal(number)
            await sending

        asyncio.run(stop())
        assert server.end() == 0, server.said
        assert "Traceback" not in server.said
    assert set(load.refused) <= {503}
    journaled = shop.examine()
    assert all(journaled[name, each] == "succeeded" for each in load.acknowledged for name in ACTIONS)


def test_a_running_action_ends_within_its_grace_and_its_sender_gets_the_report(tmp_path):
    with Hook() as hook:
        folder = project(tmp_path, HOOK.format(port=hook.port, more=""))
        key = make_key(folder)
        with Server(folder) as server, ThreadPoolExecutor() as pool:
            waiting = pool.submit(server.post, "/events/e", {"id": 1}, key)
            assert hook.came.wait(10)
            idle = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            half = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            half.sendall(b"POST /events/e HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
            server.signal(signal.SIGTERM)
            server.wait_for("Stopping")
            with pytest.raises(OSError):  # refused or reset, as the kernel likes
                answer_of_new(server)
            hook.go.set()
            assert waiting.result().status_code == 201
            assert server.end() == 0
            idle.close()
            half.close()


def answer_of_new(server):
    """What somebody gets who connects now; raises OSError where nobody listens."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = answer_of(connection)
        if not answer:
            raise ConnectionResetError
        return answer


def test_a_client_that_keeps_its_connection_alive_is_told_that_the_server_stops(tmp_path):
    with Hook() as hook:
        folder = project(tmp_path, HOOK.format(port=hook.port, more=""))
        key = make_key(folder)
        with Server(folder) as server, ThreadPoolExecutor() as pool:
            request = (
                f"POST /events/e HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
                'content-type: application/json\r\ncontent-length: 8\r\n\r\n{"id":2}'
            ).encode()
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as kept:
                kept.sendall(request.replace(b"/events/e", b"/events/nothing"))
                assert answer_of(kept).startswith(b"HTTP/1.1 404")
                waiting = pool.submit(server.post, "/events/e", {"id": 1}, key)
                assert hook.came.wait(10)
                server.signal(signal.SIGTERM)
                server.wait_for("Stopping")
                kept.sendall(request)
                answer = answer_of(kept)
                assert answer.startswith(b"HTTP/1.1 503"), answer
                assert b"connection: close" in answer.lower()
                assert kept.recv(10) == b""
            hook.go.set()
            assert waiting.result().status_code == 201
            assert server.end() == 0
    assert len(hook.bodies) == 1


def test_a_second_ctrl_c_cuts_off_and_exits_with_130(tmp_path):
    with Hook() as hook:
        folder = project(tmp_path, HOOK.format(port=hook.port, more=""))
        key = make_key(folder)
        with Server(folder) as server, ThreadPoolExecutor() as pool:
            waiting = pool.submit(server.post, "/events/e", {"id": 1}, key)
            assert hook.came.wait(10)
            server.signal(signal.SIGINT)
            server.wait_for("Stopping")
            server.signal(signal.SIGINT)
            assert server.end() == 130
            waiting.exception()
    run = process("history", "--json", folder=folder)
    assert run.exit_code == 0, run.output
    assert statuses(folder) == {1: "failed"}


def test_retries_are_left_and_go_on_at_the_next_start(tmp_path):
    more = "retry = { attempts = 50, first-delay-seconds = 1, factor = 1, max-delay-seconds = 1 }"
    with Hook(503) as hook:
        hook.go.set()
        folder = project(tmp_path, HOOK.format(port=hook.port, more=more))
        key = make_key(folder)
        with Server(folder) as server:
            run = server.post("/events/e", {"id": 1}, key, prefer="respond-async").headers["location"]
            until(lambda: server.get(run, key).json()["filters"][0]["actions"][0]["attempts"] >= 1)
            assert server.stop() == 0
        assert statuses(folder) == {1: "running"}
        hook.status = 200
        with Server(folder) as server:
            until(lambda: statuses(folder) == {1: "succeeded"}, server.log)
            assert server.stop() == 0


def test_the_server_makes_the_retries_of_run_detach(tmp_path):
    more = "retry = { attempts = 50, first-delay-seconds = 1, factor = 1, max-delay-seconds = 1 }"
    with Hook(503) as hook:
        hook.go.set()
        folder = project(tmp_path, HOOK.format(port=hook.port, more=more))
        done = process("run", "e", "--data", '{"id": 1}', "--detach", "--json", folder=folder)
        assert statuses(folder) == {1: "running"}, done.output
        hook.status = 200
        with Server(folder) as server:
            until(lambda: statuses(folder) == {1: "succeeded"}, server.log)
            server.wait_for("had not ended; it has now: succeeded")


# Starting


def test_a_port_that_is_taken_says_what_to_do(tmp_path):
    folder = project(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = process("serve", "--port", str(taken.getsockname()[1]), "--json", folder=folder)
    assert done.exit_code == 1
    assert "Address already in use" in done.error["message"]
    assert "--port" in done.error["next_step"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_public_address_is_refused_without_users(tmp_path, host):
    done = process("serve", "--host", host, "--port", str(closed_port()), "--json", folder=project(tmp_path))
    assert done.exit_code == 2
    assert "has no users" in done.error["message"]
    assert "add:user" in done.error["next_step"]


def test_two_servers_on_one_project_share_the_work(tmp_path):
    folder = project(tmp_path, LINES + '\n[sources.drop]\nkind = "folder"\nevent = "e"\nfolder = "in"\n')
    (folder / "in").mkdir()
    key = make_key(folder)
    with Server(folder) as one, Server(folder) as other:
        assert one.post("/events/e", {"id": 1}, key, idempotency_key="a").status_code == 201
        assert other.post("/events/e", {"id": 1}, key, idempotency_key="a").status_code == 201
        (folder / "in" / "a.ndjson").write_text("".join(json.dumps({"id": each}) + "\n" for each in range(2, 40)))
        until(lambda: len(lines(folder)) >= 39)
        time.sleep(1.5)  # the other has looked at the folder by then, too
        assert (one.stop(), other.stop()) == (0, 0)
        assert "Traceback" not in one.said + other.said
    assert sorted(lines(folder)) == list(range(1, 40))


# The project's file


def test_the_project_is_exchanged_under_load_and_nothing_in_flight_is_disturbed(tmp_path):
    folder = project(tmp_path)
    key = make_key(folder)
    with Server(folder) as server:
        load = Load(server.url, key, range(1_000_000))

        async def change():
            sending = asyncio.create_task(load.run(16))
            for text, words in (
                (LINES + "\n# once more\n", "served as it is now"),
                (LINES + "\nwhere = 'nothing > 1'\n", "goes on as it was"),
                (LINES + "\n[events.new.model]\nid = 'integer'\n", "served as it is now"),
            ):
                said = server.said.count(words)
                (folder / "eventwire.toml").write_text(text)
                await comes(lambda words=words, said=said: server.said.count(words) > said)
            load.numbers = iter(())
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

        asyncio.run(change())
        assert (load.refused, load.lost) == ([], 0)
        assert server.post("/events/new", {"id": 1}, key).status_code == 201
        assert server.stop() == 0
    wrote = lines(folder)
    assert len(wrote) == len(set(wrote))
    assert set(load.acknowledged) <= set(wrote)
    assert set(statuses(folder).values()) == {"succeeded"}


# Clients that misbehave


def head(key, length, *more):
    lines = ["POST /events/e HTTP/1.1", "host: x", f"authorization: Bearer {key}", "content-type: application/json"]
    return "\r\n".join([*lines, f"content-length: {length}", *more, "", ""]).encode()


def test_half_sent_requests_and_two_thousand_connections_hold_up_nobody(tmp_path):
    folder = project(tmp_path)
    key = make_key(folder)
    with Server(folder) as server, ExitStack() as stack:
        for number in range(2000):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            slow.sendall([b"", b"POST /ev", head(key, 500), head(key, 500) + b'{"id":'][number % 4])
        assert server.post("/events/e", {"id": 1}, key).status_code == 201
        slow.sendall(b"1}" + b" " * 492)
        assert answer_of(slow).startswith(b"HTTP/1.1 201")
        assert server.stop() == 0
    assert lines(folder) == [1, 1]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b" " * (1024 * 1024 + 1), {}, 413),
        (b'{"id": 1}' + b" " * (1024 * 1024 - 9), {}, 201),
        (b'{"a":' * 100_000, {}, 400),
        (b"[" * 1_000_000, {}, 400),
        (gzip.compress(b" " * 200_000_000), {"content_encoding": "gzip"}, 413),
        (gzip.compress(gzip.compress(b" " * 10_000_000)), {"content_encoding": "gzip"}, 400),
        (b'{"id": 1e999999999}', {}, 400),
        (b'{"id": ' + b"9" * 100_000 + b"}", {}, None),
    ],
    ids=[
        "a byte too long",
        "as long as it may be",
        "deep objects",
        "deep lists",
        "a bomb",
        "a bomb in a bomb",
        "huge",
        "long",
    ],
)
def test_bodies_that_are_too_much(tmp_path, body, headers, status):
    folder = project(tmp_path)
    key = make_key(folder)
    with Server(folder) as server:
        answer = server.post("/events/e", body, key, **headers)
        assert answer.status_code == status if status else answer.status_code < 500, answer.text
        assert server.post("/events/e", {"id": 5}, key).status_code == 201
        assert "failed with" not in server.said, server.said


def test_a_body_of_a_hundred_megabytes_is_refused_before_it_is_read(tmp_path):
    folder = project(tmp_path)
    key = make_key(folder)
    with Server(folder) as server:
        assert server.talk(head(key, 100_000_000), b"{" * 1000).startswith(b"HTTP/1.1 413")
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        chunked = head(key, 1).replace(b"content-length: 1", b"transfer-encoding: chunked")
        assert server.talk(chunked, chunk * 17).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (
            b"POST /events/e HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /events/e HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\ncontent-length: 9\r\n\r\n{}", 400),
        (b"POST /events/e HTTP/1.1\r\nhost: x\r\ncontent-length: +8\r\n\r\n{}", 400),
        (b"POST /events/e HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n{}", 400),
        (b"POST /events/e HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n{}", 400),
        (b"POST /events/e HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        (b"POST /events/e HTTP/1.1\r\nhost : x\r\n\r\n", 400),
        (b"POST /events/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"POST /events/e HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\n\r\n", 400),
        (b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /events/%2e%2e HTTP/1.1\r\nhost: x\r\n\r\n", 405),
        (b"GET //events/e HTTP/1.1\r\nhost: x\r\n\r\n", 421),
        (b"GET /runs/..%2f..%2feventwire.toml HTTP/1.1\r\nhost: x\r\n\r\n", 421),
        (b"GET /runs/%00 HTTP/1.1\r\nhost: x\r\n\r\n", 401),
        (b"POST /events/e;x HTTP/1.1\r\nhost: x\r\n\r\n", 401),
        (b"POST /events/%E2%80%AE%1b[2J HTTP/1.1\r\nhost: x\r\n\r\n", 401),
        (b"POST /events/e HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \xff\r\n\r\n", 401),
        (b"POST /sources/%1b[2J HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (b"GET /" + b"a" * 200_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 30_000, 431),
    ],
)
def test_requests_that_want_to_be_read_otherwise(tmp_path, request_bytes, status):
    folder = project(tmp_path)
    with Server(folder) as server:
        head, _, body = server.talk(request_bytes).partition(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status}".encode())
        if status != 421:  # which is the pages' own answer
            assert b"application/problem+json" in head
            assert json.loads(body)["status"] == status
        assert lines(folder) == []
        assert "\x1b" not in server.said
        assert "Traceback" not in server.said


def test_requests_that_are_sent_at_once_are_answered_in_order_whatever_is_in_their_bodies(tmp_path):
    folder = project(tmp_path)
    key = make_key(folder)
    with Server(folder) as server:
        inner = (head(key, 9).decode() + '{"id": 99}').replace('"', "'").replace("\r\n", "\\r\\n")
        asked = []
        for number, length in enumerate([0, 700_000, 10, 300_000, 0, 70_000]):
            text = (inner * (1 + length // len(inner)))[:length]
            body = json.dumps({"id": number if length != 10 else "x", "text": text}).encode()
            asked.append(head(key, len(body)) + body)
        wrong = head(key[:-1], 8) + b'{"id":98}'[:8]
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            sending = Thread(target=connection.sendall, args=(b"".join([*asked, wrong, asked[0]]),))
            sending.start()
            got = b""
            while got.count(b"HTTP/1.1 ") < 8 and (more := connection.recv(65536)):
                got += more
            sending.join()
        statuses = [int(each[:3]) for each in got.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [201, 201, 422, 201, 201, 201, 401, 201]
        assert server.stop() == 0
    assert lines(folder) == [0, 1, 3, 4, 5, 0]


def test_a_header_cannot_be_smuggled_into_an_answer(tmp_path):
    folder = project(tmp_path)
    key = make_key(folder)
    with Server(folder) as server:
        answer = server.talk(head(key, 8, "idempotency-key: a%0d%0ax-evil: 1", "prefer: respond-async") + b'{"id":1}')
        assert answer.startswith(b"HTTP/1.1 202")
        assert b"\r\nx-evil" not in answer.lower()
        document = server.talk(
            b'GET /openapi.json HTTP/1.1\r\nhost: x/evil"><\r\nx-forwarded-proto: javascript\r\n\r\n'
        )
        assert b"evil" not in document
        assert b"javascript:" not in document


def test_what_the_environment_holds_is_in_no_file_of_the_project(tmp_path):
    folder = project(tmp_path)
    key = make_key(folder)
    with Server(folder, environ={"EVENTWIRE_HOOK_TEST_TOKEN": "s3cr3t-t0ken"}) as server:
        server.post("/events/e", {"id": 1}, key)
        assert server.stop() == 0
    for path in (folder / ".eventwire").rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path
            assert b"s3cr3t-t0ken" not in path.read_bytes(), path
            assert path.name == ".gitignore" or path.stat().st_mode & 0o077 == 0, path
