"""The pages of the project itself: its pipelines drawn, its service accounts, and the waterfall's scale."""

from __future__ import annotations

import json
import re
import time
from xml.etree import ElementTree

from eventwire.engine.inspected import look_at
from eventwire.engine.stored import record_of
from eventwire.journal.rows import AccountState
from eventwire.project.model import ServiceAccount
from eventwire.server.pages.accounts import plain_settings
from eventwire.server.pages.waterfall import lines_of
from tests.server.pages.conftest import Visitor
from tests.server.pages.serving import BAKERY, CUSTOMER, served


def drawings(page):
    """The drawings of a page, each with the texts in it, by the event."""
    found = {}
    for text in re.findall(r"<svg width.*?</svg>\s*</div>", page, re.DOTALL):
        svg = ElementTree.fromstring(text.removesuffix("</div>").strip())
        space = "{http://www.w3.org/2000/svg}"
        found[svg.get("aria-label").partition(":")[0]] = [each.text for each in svg.iter(f"{space}text")]
    return found


def test_every_event_is_drawn_with_what_happened_lately(visitor):
    visitor.server.run("new-customer", CUSTOMER)
    visitor.server.run("new-customer", {**CUSTOMER, "amount": 300})
    drawn = drawings(visitor.get("/pipelines"))
    assert set(drawn) == {"new-customer", "welcomed"}
    assert drawn["new-customer"] == [
        *("shop-hooks", "token"),
        *("new-customer", "2 runs, 1 failed"),
        *("on-event", "always"),
        *("big", "amount > 100 AND (add…"),
        *("keep", "append · 2"),
        *("tell-till", "request · 1, 1 failed"),
        *("lines", "file"),
        *("till", "http"),
        *("welcomed", "on success of keep"),
    ]
    assert "new-customer" in drawn["welcomed"] and "on-event/keep" in drawn["welcomed"]
    assert "2 runs" not in visitor.get("/pipelines?environment=live")


def test_an_event_that_a_failure_raises_is_drawn_so(tmp_path):
    raising = BAKERY.replace("keep.on-success.welcomed", "keep.on-failure.welcomed")
    with served(tmp_path, raising) as server:
        visitor = Visitor(server, server.listen())
        visitor.client.get(server.link())
        page = visitor.get("/pipelines")
    assert page.count('class="edge failure"') == 2 and 'class="edge success"' not in page


def test_a_paused_account_says_so_and_why(visitor):
    now = time.time()
    state = AccountState("till", "test", "open", 5, now + 60, "HTTP: Connection refused", now)
    visitor.server.wait(visitor.server.runner.journal.note_account(state))
    page = visitor.get("/accounts")
    assert "paused" in page and "after 5 failures in a row" in page and "HTTP: Connection refused" in page
    assert "at most 50 a second" in page and "http://127.0.0.1:9" in page


def test_an_account_tells_its_last_error_before_it_is_paused_too(visitor):
    assert "Last error" not in visitor.get("/accounts")
    visitor.server.run("new-customer", {**CUSTOMER, "amount": 300})
    page = visitor.get("/accounts")
    assert page.count("Last error") == 1
    till = page.partition('id="account-till"')[2]
    assert "Last error" in till and "Connection refused" in till and "in use" in till


def test_a_secret_is_never_among_the_settings():
    account = ServiceAccount("till", "http", test={"base-url": "https://x.example", "token": "s3cret", "other": "?"})
    assert plain_settings(account, "test") == {"base-url": "https://x.example"}
    assert plain_settings(account, "live") is None


def test_bars_are_to_scale(visitor):
    run = visitor.server.run("new-customer", {**CUSTOMER, "amount": 300}).id
    change = "UPDATE deliveries SET started_ms = ?, duration_ms = ? WHERE run = ? AND name = ?"
    journal = visitor.server.runner.journal

    async def set_times():
        def write(connection):
            connection.execute(change, (0, 25, run, "keep"))
            connection.execute(change, (50, 50, run, "tell-till"))
            connection.execute("UPDATE runs SET duration_ms = 100 WHERE id = ?", (run,))

        await journal.change(write)

    visitor.server.wait(set_times())
    inspected = look_at(journal, journal.run(run))
    lines = lines_of(record_of(inspected.row, inspected.deliveries), inspected)
    assert [(line.name, [(bar.x, bar.width) for bar in line.bars]) for line in lines] == [
        ("on-event/keep", [(0.0, 250.0)]),
        ("big/tell-till", [(500.0, 500.0)]),
    ]


def test_attempts_that_failed_are_listed_and_drawn(tmp_path):
    retried = BAKERY.replace("retry = { attempts = 1 }", "retry = { attempts = 2, first-delay-seconds = 0.01 }")
    with served(tmp_path, retried) as server:
        run = server.run("new-customer", {**CUSTOMER, "amount": 300}).id
        journal = server.runner.journal
        inspected = look_at(journal, journal.run(run))
        line = lines_of(record_of(inspected.row, inspected.deliveries), inspected)[1]
    assert [each.number for each in line.attempts] == [1]
    assert [bar.status for bar in line.bars] == ["waited", "retried", "failed last"]
    assert all(bar.x >= 0 and bar.x + bar.width <= 1000.1 for bar in line.bars)


def test_of_two_buttons_with_one_key_the_projects_counts(visitor):
    actions = json.dumps([{"key": "ban-user", "buttonText": "Fake", "url": "https://evil.example"}])
    run = visitor.server.run("new-customer", CUSTOMER, extensions={"actions": actions}).id
    page = visitor.get(f"/event/{run}")
    assert "Ban user" in page and "Fake" not in page


def test_a_button_whose_key_is_odd_can_be_pressed(visitor):
    body = {"name": "x", "actions": [{"key": "a/b?c#d é", "buttonText": "Go", "url": "https://127.0.0.1:9"}]}
    run = visitor.server.log(json.dumps(body).encode()).id
    address = re.search(r'href="(/event/[^"]+/press/[^"]+)"', visitor.get(f"/event/{run}"))[1]
    assert "Go?" in visitor.get(address)
    visitor.post(address)
    assert "no public address" in visitor.get(f"/event/{run}")
