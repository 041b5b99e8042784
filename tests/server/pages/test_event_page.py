"""One event's page: why, what was sent, its buttons, and replaying it."""

from __future__ import annotations

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest

from eventwire.accounts import keyring
from eventwire.engine.run import IncomingEvent
from eventwire.server.buttons import list_presses
from eventwire.server.pages.live import MOST_ENTRIES, OTHERS_SECONDS
from tests.server.pages.conftest import Visitor
from tests.server.pages.serving import BAKERY, CUSTOMER, SECRET, served, until
from tests.services.answering import answering

BIG = {**CUSTOMER, "amount": 300}


def words(page):
    """A page's text, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.fixture
def answers():
    with answering() as state:
        yield state


@pytest.fixture
def pressing(tmp_path, answers):
    """A visitor of a project whose button calls a server that answers."""
    with served(tmp_path, BAKERY.replace("http://127.0.0.1:9/ban", f"{answers.url}/ban")) as server:
        visitor = Visitor(server, server.listen())
        visitor.client.get(server.link())
        yield visitor


def test_each_filter_is_explained_clause_by_clause(visitor):
    run = visitor.server.run("new-customer", CUSTOMER).id
    page = words(visitor.get(f"/event/{run}"))
    assert "big – did not match" in page
    assert "does not hold: amount > 100 amount" in page and "70" in page
    assert 'address.country = "PT"' in page
    assert "It has no condition, so it always matches." in page


def test_requests_responses_and_errors_are_shown_and_what_follows(visitor):
    run = visitor.server.run("new-customer", BIG).id
    page = visitor.get(f"/event/{run}")
    assert "127.0.0.1:9/sales" in page and "<rect" in page
    assert "on-event/keep on success raised welcomed" in words(page)
    child = re.search(r'raised <a href="/event/([^"]+)"', page)[1]
    assert "Raised by on-event/keep on success of new-customer" in words(visitor.get(f"/event/{child}"))


def test_an_event_that_is_not_there(visitor):
    assert "There is no run" in visitor.get("/event/nothing", 404)


# Buttons


def test_a_button_says_what_is_called_then_is_pressed_once(pressing, answers):
    run = pressing.server.run("new-customer", CUSTOMER).id
    asked = pressing.get(f"/event/{run}/press/ban-user")
    assert f"POST {answers.url}/ban" in asked
    pressing.post(f"/event/{run}/press/ban-user")
    page = words(pressing.get(f"/event/{run}"))
    assert "✓ completed local" in page and "answer 200" in page
    assert "was pressed already" in pressing.post(f"/event/{run}/press/ban-user", 409).text
    assert len(answers.received) == 1


def test_of_clicks_at_the_same_moment_one_is_sent(pressing, answers):
    run = pressing.server.run("new-customer", CUSTOMER).id
    token = pressing.token()

    def click(_):
        return pressing.client.post(f"/event/{run}/press/ban-user", data={"csrf": token}).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(click, range(8)))
    assert codes.count(303) == 1 and set(codes) == {303, 409}
    assert len(answers.received) == 1


def test_what_came_back_is_said_and_the_button_stays_pressable(visitor):
    run = visitor.server.run("new-customer", CUSTOMER).id
    visitor.post(f"/event/{run}/press/ban-user")
    page = visitor.get(f"/event/{run}")
    assert "cannot be reached" in page
    assert f'href="/event/{run}/press/ban-user" data-dialog' in page


def test_an_expired_button_is_refused(visitor):
    body = {"name": "x", "actions": [{"key": "go", "buttonText": "Go", "url": "https://x.example", "expireIn": 1}]}
    run = visitor.server.log(json.dumps(body).encode()).id
    change = "UPDATE runs SET received_at = ? WHERE id = ?"

    async def age():
        await visitor.server.runner.journal.change(
            lambda connection: connection.execute(change, (time.time() - 61, run))
        )

    visitor.server.wait(age())
    assert "expired" in visitor.get(f"/event/{run}")
    assert "expired at" in visitor.post(f"/event/{run}/press/go", 410).text


def test_an_address_that_came_with_an_event_never_leads_to_this_machine(visitor, answers):
    body = {"name": "x", "actions": [{"key": "go", "buttonText": "Go", "url": answers.url}]}
    run = visitor.server.log(json.dumps(body).encode()).id
    visitor.post(f"/event/{run}/press/go")
    assert "no public address" in visitor.get(f"/event/{run}")
    assert not answers.received


def test_buttons_come_with_a_cloud_event_too(visitor):
    actions = json.dumps([{"key": "call", "buttonText": "Call them", "url": "tel:+351", "external": True}])
    run = visitor.server.run("new-customer", CUSTOMER, extensions={"actions": actions}).id
    page = visitor.get(f"/event/{run}")
    assert "Call them" in page and 'href="tel:+351" rel="noopener noreferrer"' in page
    wrong = visitor.server.run("new-customer", CUSTOMER, extensions={"actions": "[{}]"}).id
    assert "own buttons cannot be shown" in visitor.get(f"/event/{wrong}")


def test_a_missing_signing_secret_is_told(tmp_path):
    with served(tmp_path, environ={}) as server:
        visitor = Visitor(server, server.listen())
        visitor.client.get(server.link())
        run = server.run("new-customer", CUSTOMER).id
        assert "EVENTWIRE_BUTTONS_TEST_SECRET" in visitor.post(f"/event/{run}/press/ban-user", 503).text
        assert not list_presses(server.runner.store, run)


def test_a_replay_is_no_second_chance_to_press(pressing, answers):
    run = pressing.server.run("new-customer", BIG).id
    again = pressing.post(f"/event/{run}/replay").headers["location"]
    until(lambda: pressing.server.runner.journal.run(again.removeprefix("/event/"))["status"] != "running")
    assert "/press/ban-user" not in pressing.get(again)
    assert pressing.get("/").count("/press/ban-user") == 1
    assert f"is a replay, and has no buttons. Press those of the run that came in: {run}" in words(
        pressing.post(f"{again}/press/ban-user", 404).text
    )
    assert not [each for each in answers.received if each.path == "/ban"]


def test_a_keyring_that_asks_first_holds_up_nobody_else(tmp_path, answers, monkeypatch):
    asking, answered = threading.Event(), threading.Event()

    def read_secrets(*_):
        asking.set()
        assert answered.wait(20), "the page came only after the keyring had answered"
        return {"secret": SECRET}

    monkeypatch.setattr(keyring, "read_secrets", read_secrets)
    project = BAKERY.replace("http://127.0.0.1:9/ban", f"{answers.url}/ban")
    with served(tmp_path, project, environ={}) as server:
        visitor = Visitor(server, server.listen())
        visitor.client.get(server.link())
        run = server.run("new-customer", CUSTOMER).id
        visitor.post(f"/event/{run}/press/ban-user")
        assert asking.is_set()
        visitor.get("/")
        answered.set()
        until(lambda: answers.received)


# Replaying


def test_a_replay_shows_its_plan_then_sends_what_is_not_done(visitor):
    run = visitor.server.run("new-customer", BIG).id
    plan = words(visitor.get(f"/event/{run}/replay"))
    assert "done on-event/keep" in plan and "again big/tell-till" in plan
    after = visitor.post(f"/event/{run}/replay").headers["location"]
    assert after != f"/event/{run}"
    assert f"A replay of {run}" in words(visitor.get(after))
    journal = visitor.server.runner.journal
    until(lambda: journal.run(after.removeprefix("/event/"))["status"] == "failed")
    assert "Replayed" in visitor.get(f"/event/{run}")


def test_where_everything_is_done_nothing_is_replayed(visitor):
    run = visitor.server.run("new-customer", CUSTOMER).id
    assert "There is nothing to send." in visitor.get(f"/event/{run}/replay")
    visitor.post(f"/event/{run}/replay", 409)


def test_somebody_says_what_became_of_the_unknown(visitor):
    run = visitor.server.run("new-customer", BIG).id
    change = "UPDATE deliveries SET status = 'unknown' WHERE run = ? AND name = 'tell-till'"

    async def forget():
        await visitor.server.runner.journal.change(lambda connection: connection.execute(change, (run,)))

    visitor.server.wait(forget())
    assert "Look at the service" in visitor.get(f"/event/{run}")
    visitor.post(f"/event/{run}/resolve", **{"as": "done", "action": "big/tell-till"})
    page = words(visitor.get(f"/event/{run}"))
    assert "local said at" in page and "✓ succeeded" in page
    visitor.post(f"/event/{run}/resolve", 404, **{"as": "done"})


# Dead letters


def test_dead_letters_are_replayed_together(visitor):
    runs = [visitor.server.run("new-customer", {**BIG, "name": f"c{number}"}).id for number in range(3)]
    page = visitor.get("/dead-letters")
    assert all(run in page for run in runs) and "Connection refused" in page
    plan = visitor.get("/dead-letters/replay?" + "&".join(f"run={run}" for run in runs[:2]))
    assert "Replay 2 runs" in plan and runs[2] not in plan
    answer = visitor.client.post("/dead-letters/replay", data={"csrf": visitor.token(), "run": runs[:2]})
    assert answer.status_code == 303
    journal = visitor.server.runner.journal
    until(
        lambda: all(
            each["status"] != "running" for run in runs[:2] for each in journal.replays(run) or [{"status": "running"}]
        )
    )
    assert not journal.replays(runs[2])


def test_no_run_chosen_is_said(visitor):
    assert "No run is chosen" in visitor.get("/dead-letters/replay", 400)


# Watching


def test_who_watches_is_told_of_what_arrives(visitor):
    with visitor.client.stream("GET", "/live?environment=test", headers={"accept": "text/event-stream"}) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        incoming = IncomingEvent("new-customer", CUSTOMER, "http")
        visitor.server.wait(visitor.server.runner.pipelines["test"].run(incoming))
        told = next(line for line in lines if line.startswith("event:"))
        assert told == "event: entries"
        assert "Ana Souza" in next(line for line in lines if "signed up" in line or "welcomed" in line)


def test_what_this_process_has_run_is_told_once(visitor):
    with visitor.client.stream("GET", "/live?environment=test", headers={"accept": "text/event-stream"}) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        time.sleep(1.5 * OTHERS_SECONDS)
        visitor.server.run("welcomed", {"name": "Rita"})
        time.sleep(3 * OTHERS_SECONDS)
        visitor.post("/sign-out")
        told = [line for line in lines if line.startswith("event:")]
    assert set(told) == {"event: entries", "event: signed-out"}


def test_of_very_many_the_newest_are_told_and_how_many_more(visitor):
    with visitor.client.stream("GET", "/live?environment=test", headers={"accept": "text/event-stream"}) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        feed = visitor.server.runner.feed
        runs = [visitor.server.run("welcomed", {"name": f"n{number}"}).id for number in range(MOST_ENTRIES)]

        def publish():
            for number in range(500):
                feed.publish("accepted", runs[number % len(runs)], "welcomed", "test")

        visitor.server.loop.call_soon_threadsafe(publish)
        assert "more events</span> came in meanwhile" in next(line for line in lines if "left-out" in line)
