"""The pages in a real browser: watch an event arrive, open it, press, be refused, replay; phones, darkness, keys, and axe.

With EVENTWIRE_WRITE_IMAGES=1, the screenshots of the docs are written anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.project.projects import write
from tests.server.pages.serving import BAKERY, CUSTOMER, Served, served, until
from tests.servers import absent
from tests.services.answering import answering
from tests.tools import EVENTWIRE, environment, process, tool

ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
AXE = Path(__file__).parent / "axe" / "axe-4.14.1.min.js"
IMAGES = Path(__file__).parents[2] / "docs" / "images"
SHOWN = ("timeline-light-desk", "event-light-desk", "pipelines-light-desk", "timeline-dark-phone", "press-dark-desk")
BIG = {**CUSTOMER, "name": "Carla Dias", "amount": 300}
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 375, "height": 760}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("EVENTWIRE_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        absent("chromium is not installed; install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def answers():
    with answering() as state:
        yield state


@pytest.fixture
def server(tmp_path, answers) -> Iterator[Served]:
    project = BAKERY.replace("http://127.0.0.1:9/ban", f"{answers.url}/ban")
    with served(tmp_path, project) as running:
        running.address = running.listen()
        yield running


class Window:
    """A browser's window, of somebody who is signed in. What its console complains of fails the test."""

    def __init__(self, browser: Browser, server: Served, **options: Any) -> None:
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self.context: BrowserContext = browser.new_context(viewport=DESK, base_url=server.address, **options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", lambda told: self.note(told.type, told.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(server.link())

    def note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(each in text for each in self.expected):
            self.complaints.append(text)

    def check(self) -> None:
        """See that a page is as wide as the window, and that axe finds nothing serious."""
        # a script of the test, in a page that allows none but its own
        found = self.page.evaluate(
            AXE.read_text(encoding="utf-8")
            + "\n;axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations.map((each) =>"
            " ({id: each.id, impact: each.impact, where: each.nodes.map((node) => node.html.slice(0, 200))})))"
        )
        assert [each for each in found if each["impact"] in ("serious", "critical")] == []
        if self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            outside = "[...document.querySelectorAll('body *')].filter((each) => each.getBoundingClientRect().right >"
            outside += " window.innerWidth).map((each) => each.outerHTML.slice(0, 100))"
            raise AssertionError(self.page.evaluate(outside))

    def picture(self, name: str) -> None:
        """A screenshot for the docs, where they are to be written."""
        if os.environ.get("EVENTWIRE_WRITE_IMAGES") == "1" and name in SHOWN:
            IMAGES.mkdir(exist_ok=True)
            self.page.screenshot(path=IMAGES / f"{name}.png")


@pytest.fixture
def window(browser, server) -> Iterator[Window]:
    opened = Window(browser, server)
    yield opened
    opened.context.close()
    assert opened.complaints == []


def log(server: Served, **body: Any) -> str:
    return server.log(json.dumps(body).encode()).id


def fill(server: Served) -> str:
    """A timeline with something of everything; returns a run in which an action failed."""
    for name in ("Bruno Alves", "Dora Lima"):
        server.run("new-customer", {**CUSTOMER, "name": name})
    failed = server.run("new-customer", BIG).id
    rows = [{"label": "version", "content": "2.4.1"}, {"label": "took", "content": "48 s"}]
    roll = {"key": "roll", "buttonText": "Roll back", "url": "https://deploy.example/back", "type": "danger"}
    log(
        server,
        name="Deploy finished",
        avatar="🚀",
        category="ops",
        type="rows",
        content=rows,
        contextId="deploy-41",
        actions=[roll],
    )
    log(
        server,
        name="Smoke tests passed",
        avatar="✅",
        category="ops",
        content="42 checks in 12 seconds",
        contextId="deploy-41",
    )
    log(server, name="Nightly report", avatar="📊", category="reports", type="json", content={"orders": 182})
    return failed


def test_an_event_arrives_is_opened_pressed_once_and_replayed(window, server, answers):
    page = window.page
    expect(page.get_by_role("heading", name="No test events yet")).to_be_visible()
    expect(page.get_by_text("watching", exact=True)).to_be_visible()
    server.run("new-customer", BIG)
    arrived = page.get_by_role("link", name="Carla Dias signed up")
    expect(arrived).to_be_visible()
    expect(page.locator(".entry", has=arrived)).to_contain_text("partial")
    arrived.click()
    expect(page.get_by_text("HTTP: Connection refused").first).to_be_visible()

    page.get_by_role("link", name="Ban user").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"POST {answers.url}/ban")
    dialog.get_by_role("button", name="Ban user").click()
    expect(page.locator(".presses")).to_contain_text("completed")
    expect(page.get_by_role("link", name="Ban user")).to_have_count(0)
    assert len(answers.received) == 1

    page.get_by_role("link", name="Replay…").click()
    expect(dialog).to_contain_text("done")
    dialog.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("listitem").filter(has_text="A replay of")).to_be_visible()
    page.reload()
    expect(page.get_by_role("listitem").filter(has_text="A replay of")).to_be_visible()


def test_events_arrive_on_top_of_those_that_are_there(window, server):
    page = window.page
    log(server, name="first")
    expect(page.get_by_role("link", name="first")).to_be_visible()
    page.evaluate("window.isTheSamePage = true")
    for number in range(3):
        log(server, name=f"later {number}", contextId="thread")
        expect(page.get_by_role("link", name=f"later {number}")).to_be_visible()
    expect(page.locator(".title").first).to_have_text("later 2")
    assert page.evaluate("window.isTheSamePage"), "nothing was loaded anew"


def test_what_a_command_runs_arrives_as_well(window, server, tmp_path):
    page, other = window.page, window.context.new_page()
    expect(page.get_by_text("watching", exact=True)).to_be_visible()
    other.goto("/pipelines")
    for name in ("Rita", "Rui"):
        done = process("run", "welcomed", "--set", f"name={name}", folder=tmp_path)
        assert done.exit_code == 0, done.output
        expect(page.get_by_role("link", name=f"{name} was welcomed")).to_be_visible()
    expect(other.get_by_role("region", name="Drawing of welcomed")).to_contain_text("2 runs")


def test_what_comes_in_before_the_page_watches_is_there_as_well(window, server):
    page, held = window.page, []
    page.route(re.compile("/live"), lambda route: held.append(route))
    page.goto("/")
    until(lambda: page.wait_for_timeout(50) or held)
    log(server, name="in between")
    page.wait_for_timeout(1500)  # by then everyone who watches was told
    held[0].continue_()
    expect(page.get_by_role("link", name="in between")).to_be_visible()


def test_a_button_is_pressed_from_the_timeline(window, server, answers):
    page = window.page
    server.run("new-customer", CUSTOMER)
    page.get_by_role("link", name="Ban user").click()
    page.get_by_role("dialog").get_by_role("button", name="Ban user").click()
    expect(page.locator(".presses")).to_contain_text("completed")
    page.get_by_role("link", name="← Timeline").click()
    expect(page.locator(".entry-buttons")).to_contain_text("completed Ban user")
    expect(page.get_by_role("link", name="Ban user", exact=True)).to_have_count(0)


def test_a_second_press_in_another_window_is_refused(browser, window, server, answers):
    run = server.run("new-customer", CUSTOMER).id
    second = Window(browser, server)
    second.expected = ["409"]
    for each in (window, second):
        each.page.goto(f"/event/{run}")
        each.page.get_by_role("link", name="Ban user").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Ban user").click()
    expect(window.page.locator(".presses")).to_contain_text("completed")
    second.page.get_by_role("dialog").get_by_role("button", name="Ban user").click()
    expect(second.page.get_by_role("alert")).to_contain_text("was pressed already")
    second.context.close()
    assert len(answers.received) == 1 and second.complaints == []


def test_what_a_slow_server_answers_arrives_on_the_page(window, server, answers):
    answers.answers = [(500, {}, "no such user")]
    run = server.run("new-customer", CUSTOMER).id
    window.page.goto(f"/event/{run}")
    window.page.get_by_role("link", name="Ban user").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Ban user").click()
    expect(window.page.locator(".presses")).to_contain_text("The server answered 500")
    expect(window.page.get_by_role("link", name="Ban user")).to_be_visible()


def test_a_button_expires_while_one_looks(window, server):
    run = log(server, name="x", actions=[{"key": "go", "buttonText": "Go", "url": "https://x.example", "expireIn": 1}])
    window.page.goto(f"/event/{run}")
    window.expected = ["410"]
    window.page.get_by_role("link", name="Go", exact=True).click()
    go = window.page.get_by_role("dialog").get_by_role("button", name="Go")
    expect(go).to_be_visible()
    change = "UPDATE runs SET received_at = received_at - 61 WHERE id = ?"

    async def age() -> None:
        await server.runner.journal.change(lambda connection: connection.execute(change, (run,)))

    server.wait(age())
    go.click()
    expect(window.page.get_by_role("alert")).to_contain_text("expired")


def test_search_and_categories_narrow_the_timeline_as_one_types(window, server):
    fill(server)
    page = window.page
    page.reload()
    page.get_by_role("searchbox").fill("dora")
    expect(page.locator(".title")).to_have_text(["Dora Lima was welcomed", "Dora Lima signed up"])
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Category").select_option("reports")
    expect(page.locator(".title")).to_have_text(["Nightly report"])
    page.reload()
    expect(page.locator(".title")).to_have_text(["Nightly report"])


def test_the_keyboard_is_enough(window, server):
    fill(server)
    page = window.page
    page.reload()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(".title").first).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nightly report")).to_be_visible()


def test_live_cannot_be_taken_for_test(window, server):
    server.run("new-customer", CUSTOMER, "live")
    page = window.page
    expect(page.get_by_text("real effects")).to_have_count(0)
    page.get_by_role("group", name="Environment").get_by_role("link", name="Live").click()
    expect(page.get_by_text("These events had real effects")).to_be_visible()
    expect(page.get_by_role("link", name="Ana Souza signed up")).to_be_visible()


def test_two_windows_look_at_test_and_live_side_by_side(window, server):
    log(server, name="only a test")
    server.run("new-customer", CUSTOMER, "live")
    page, other = window.page, window.context.new_page()
    page.goto("/")
    other.goto("/?environment=live")
    expect(other.get_by_text("watching", exact=True)).to_be_visible()
    log(server, name="another test", contextId="one")
    expect(page.get_by_role("link", name="another test")).to_be_visible()
    page.evaluate("look()")
    page.evaluate("look()")
    expect(page.get_by_role("link", name="only a test")).to_be_visible()
    expect(page.get_by_text("Ana Souza")).to_have_count(0)
    other.get_by_role("link", name="Dead letters").click()
    expect(other.get_by_text("real effects")).to_be_visible()
    other.goto("/")
    expect(other.get_by_text("real effects")).to_be_visible()


def test_pipelines_count_what_happens_while_one_looks(window, server):
    page = window.page
    page.goto("/pipelines")
    drawing = page.get_by_role("region", name="Drawing of new-customer")
    expect(drawing).to_contain_text("0 runs")
    for count in ("1 run", "2 runs"):
        server.run("new-customer", BIG)
        expect(drawing).to_contain_text(f"{count}, {count[0]} failed")
    page.goto("/accounts")
    till = page.get_by_role("region", name="till")
    expect(till).to_contain_text("2 deliveries, 2 failed")
    server.run("new-customer", BIG)
    expect(till).to_contain_text("3 deliveries, 3 failed")


def test_older_events_follow_on_the_same_page(window, server):
    for number in range(90):
        log(server, name=f"n{number}")
    page = window.page
    page.reload()
    expect(page.locator(".title")).to_have_count(40)
    page.get_by_role("link", name="Older events").click()
    expect(page.locator(".title")).to_have_count(80)
    page.get_by_role("link", name="Older events").click()
    expect(page.locator(".title")).to_have_count(90)
    expect(page.get_by_role("link", name="Older events")).to_have_count(0)


def test_older_events_that_were_asked_for_stay_when_the_page_looks_again(window, server):
    for number in range(90):
        log(server, name=f"n{number}")
    page = window.page
    page.reload()
    page.get_by_role("link", name="Older events").click()
    expect(page.locator(".title")).to_have_count(80)
    page.locator(".title").nth(60).focus()
    page.evaluate("look()")
    log(server, name="newest")
    expect(page.get_by_role("link", name="newest", exact=True)).to_be_visible()
    page.evaluate("look()")
    page.evaluate("look()")
    page.wait_for_timeout(500)
    expect(page.locator(".title")).to_have_count(81)
    expect(page.locator(".title").nth(61)).to_be_focused()
    expect(page.locator(".day")).to_have_count(1)
    page.get_by_role("link", name="Older events").click()
    expect(page.locator(".title")).to_have_text(["newest", *(f"n{number}" for number in reversed(range(90)))])


def test_what_a_page_forgets_is_among_the_older_events(window, server):
    for number in range(45):
        log(server, name=f"n{number}")
    page = window.page
    page.reload()
    page.evaluate("stopWatching(); clearTimeout(waiting); looks += 1")  # nothing but what follows arrives
    page.evaluate(
        """for (let number = 0; number < 380; number += 1) {
          const entry = find(".entry").outerHTML.replaceAll(find(".entry").dataset.run, `0z${1e6 + number}`);
          arrive(entry.replace(/>n\\d+</, `>m${number}<`));
        }"""
    )
    expect(page.locator(".entry")).to_have_count(400)
    expect(page.locator(".title").last).to_have_text("n25")
    page.get_by_role("link", name="Older events").click()
    expect(page.locator(".title").last).to_have_text("n0")
    expect(page.locator(".title")).to_have_count(425)


def test_it_is_told_how_many_have_not_come_onto_the_page(window, server):
    page = window.page
    log(server, name="first")
    expect(page.get_by_role("link", name="first")).to_be_visible()
    for number in range(2):
        runs = [server.run("welcomed", {"name": f"n{number}"}).id for number in range(20)]
        for each in range(700):
            changed = ("accepted", runs[each % 20], "welcomed", "test")
            server.loop.call_soon_threadsafe(server.runner.feed.publish, *changed)
        expect(page.get_by_text(re.compile("more events? came in meanwhile"))).to_be_visible()
        until(lambda number=number: page.wait_for_timeout(50) or left_out(page) >= 600 * (number + 1))
    page.get_by_role("link", name="Show the newest").click()
    expect(page.get_by_text("came in meanwhile")).to_have_count(0)


def left_out(page: Page) -> int:
    return int(page.locator(".left-out span").inner_text().split()[0].replace(",", ""))


def test_what_changes_of_an_older_event_brings_it_to_no_page(window, server):
    first = log(server, name="the oldest")
    for number in range(45):
        log(server, name=f"n{number}")
    page = window.page
    page.reload()
    expect(page.get_by_text("watching", exact=True)).to_be_visible()
    changed = ("ended", first, "log", "test", "failed")
    server.loop.call_soon_threadsafe(server.runner.feed.publish, *changed)
    log(server, name="newest")
    expect(page.get_by_role("link", name="newest", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="the oldest")).to_have_count(0)


def test_entries_of_one_context_become_a_thread_as_they_arrive(window, server):
    page = window.page
    log(server, name="something else")
    expect(page.get_by_role("link", name="something else")).to_be_visible()
    for number in (1, 2, 3):
        log(server, name=f"step {number}", contextId="order-7")
        expect(page.get_by_role("link", name=f"step {number}")).to_be_visible()
    thread = page.locator(".thread")
    expect(thread.locator(".title")).to_have_text(["step 3", "step 2", "step 1"])
    expect(thread).to_contain_text("3 events")
    for number in (1, 2):
        log(server, name=f"stage {number}", contextId="order-8")
    expect(page.locator(".thread")).to_have_count(2)


@pytest.mark.parametrize("order", [("bruno", "dora"), ("dora", "bruno")], ids=["in order", "late"])
def test_the_search_that_was_typed_last_is_shown_whichever_is_answered_last(window, server, order):
    fill(server)
    page = window.page
    page.reload()
    held = {"bruno": [], "dora": []}
    for typed, routes in held.items():
        page.route(
            re.compile(f"search={typed}"), lambda route: held[route.request.url.partition("search=")[2]].append(route)
        )
        page.get_by_role("searchbox").fill(typed)
        until(lambda routes=routes: page.wait_for_timeout(50) or routes)
    for typed in order:
        for each in held[typed]:
            each.continue_()
        page.wait_for_timeout(300)
    expect(page.locator(".title")).to_have_text(["Dora Lima was welcomed", "Dora Lima signed up"])


def test_whoever_is_signed_out_elsewhere_sees_nothing_any_more(window, server):
    run = server.run("new-customer", CUSTOMER).id
    other = window.context.new_page()
    for page, address in ((window.page, "/"), (other, f"/event/{run}")):
        page.goto(address)
        expect(page.get_by_text("Ana Souza signed up").first).to_be_visible()
    window.page.get_by_label("Signed in as local").click()
    window.page.get_by_role("button", name="Sign out").click()
    expect(other).to_have_url(re.compile(rf"/sign-in\?next=/event/{run}$"))
    expect(other.get_by_text("Ana Souza")).to_have_count(0)


def test_a_page_that_comes_back_after_it_was_signed_out_leaves(window, server):
    page = window.page
    expect(page.get_by_text("watching", exact=True)).to_be_visible()
    window.expected = ["401"]
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    with server.runner.store.transaction() as connection:
        connection.execute("DELETE FROM sessions")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_notification_is_shown_by_the_service_worker_and_again_for_each_entry_of_a_thread(window, server):
    window.context.grant_permissions(["notifications"], origin=server.address)
    page = window.page
    page.reload()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    protocol = window.context.new_cdp_session(page)
    registrations = []
    protocol.on("ServiceWorker.workerRegistrationUpdated", lambda told: registrations.extend(told["registrations"]))
    protocol.send("ServiceWorker.enable")
    until(lambda: page.wait_for_timeout(50) or registrations)
    told = {"title": "Deployed", "body": "2.4.1", "url": "/event/01hf7", "tag": "deploy-41", "environment": "test"}
    protocol.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": server.address,
            "registrationId": registrations[0]["registrationId"],
            "data": json.dumps(told),
        },
    )
    shown = "navigator.serviceWorker.ready.then((found) => found.getNotifications()).then((all) => all.map((each) => "
    shown += "[each.title, each.body, each.tag, each.renotify, each.data.url]))"
    found = until(lambda: page.wait_for_timeout(50) or page.evaluate(shown))
    assert found == [["Deployed (test)", "2.4.1", "deploy-41", True, "/event/01hf7"]]


def test_a_project_file_that_is_wrong_is_said_on_open_pages(window, server):
    page = window.page
    expect(page.get_by_text("watching", exact=True)).to_be_visible()
    file = server.runner.folder / "eventwire.toml"
    file.write_text(file.read_text() + "\n[events.broken]\nmodel = 7\n")
    server.wait(server.runner.reload())
    expect(page.get_by_role("alert")).to_contain_text("eventwire.toml has changed and is wrong")


def test_without_scripts_everything_can_be_done(browser, server, answers):
    run = server.run("new-customer", BIG).id
    window = Window(browser, server, java_script_enabled=False)
    page = window.page
    page.goto(f"/event/{run}")
    page.get_by_role("link", name="Ban user").click()
    page.get_by_role("button", name="Ban user").click()
    expect(page.locator(".presses")).to_contain_text("completed")
    page.goto("/dead-letters")
    page.get_by_role("button", name="Replay…").click()
    page.get_by_role("button", name="Replay 1 run").click()
    expect(page).to_have_url(f"{server.address}/dead-letters?environment=test")
    window.context.close()
    assert len(answers.received) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_serious_is_found_by_axe_and_nothing_sticks_out(browser, server, scheme, size):
    failed = fill(server)
    server.run("new-customer", CUSTOMER, "live")
    window = Window(browser, server, color_scheme=scheme)
    page = window.page
    page.set_viewport_size(size)
    kind = f"{scheme}-{'desk' if size is DESK else 'phone'}"
    addresses = {
        "timeline": "/",
        "event": f"/event/{failed}",
        "pipelines": "/pipelines",
        "accounts": "/accounts",
        "dead-letters": "/dead-letters",
        "replay": f"/dead-letters/replay?run={failed}",
        "live": "/?environment=live",
    }
    for name, address in addresses.items():
        page.goto(address)
        if name in ("timeline", "live"):
            expect(page.get_by_text("watching", exact=True)).to_be_visible()
        window.check()
        window.picture(f"{name}-{kind}")
    page.goto(f"/event/{failed}?environment=test")
    page.get_by_role("link", name="Ban user").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    window.check()
    window.picture(f"press-{kind}")
    page.context.clear_cookies()
    page.goto("/")
    window.check()
    window.context.close()
    assert window.complaints == []


def fill_with_extremes(server: Served) -> str:
    """Entries of every type, with texts as long and as odd as they may be; returns the run with the most of it."""
    rows = [
        {"label": "version", "content": "2.4.1"},
        {"label": "x" * 128, "content": "y" * 3000},
        {"content": "a row without a label"},
        {"type": "json", "label": "json", "content": {"deep": [{"a": "b" * 900}] * 20}},
        {"type": "json", "content": list(range(50))},
    ]
    actions = [
        {"key": "k" * 128, "buttonText": "W" * 48, "url": f"https://x.example/{'u' * 1500}", "meta": {"m": "m" * 900}},
        {"key": "danger", "buttonText": "Roll the deployment back, all of it, now, please", "url": "https://x.example"},
        {"buttonText": "L" * 48, "url": f"https://{'l' * 60}.example", "external": True},
    ]
    run = log(server, name="R" * 48, category="c" * 24, contextId="t" * 128, type="rows", content=rows, actions=actions)
    log(server, name="thread", contextId="t" * 128, content="w" * 5000)
    log(server, name="many lines", content="\n".join(str(number) for number in range(500)))
    log(server, name="مرحبا بالعالم", category="עברית", content="نص عربي مع English و 123.\nשורה שנייה")
    log(server, name="evil \u202egnp.exe", avatar="\u202e", content="abc \u202e reversed")
    log(server, name="Family 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿", avatar="👩‍👩‍👧‍👦", content="🎉" * 300, notify=True)
    log(server, name="ABC", avatar="ABCDEFGHIJKLMNOP", type="json", content={"list": list(range(3000))})
    log(server, name="plain picture", type="image", content=f"http://x.example/{'a' * 1500}.png")
    log(server, content="z" * 200)
    server.run("new-customer", {**BIG, "name": "N" * 3000, "address": {"city": "C" * 3000, "country": "PT"}})
    return run


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark"), (320, "light")])
def test_whatever_stands_in_an_event_nothing_sticks_out(browser, server, scheme, width):
    run = fill_with_extremes(server)
    window = Window(browser, server, color_scheme=scheme)
    page = window.page
    page.set_viewport_size({"width": width, "height": 760})
    runs = [each.get_attribute("href") for each in page.locator(".title").all()]
    for address in ("/", "/?search=evil", f"/?context={'t' * 128}", "/dead-letters", "/pipelines", *runs):
        page.goto(address)
        window.check()
    assert page.goto(f"/event/{run}")
    for name in ("W" * 48, "Roll the deployment back, all of it, now, please"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        window.check()
        page.keyboard.press("Escape")
    window.context.close()
    assert window.complaints == []


def test_what_is_written_from_right_to_left_keeps_to_itself(window, server):
    fill_with_extremes(server)
    page = window.page
    page.reload()
    side = """(name) => {
      const text = [...document.querySelectorAll('.text')].find((each) => each.textContent.includes(name));
      const range = document.createRange();
      range.selectNodeContents(text);
      const [of, within] = [range.getBoundingClientRect(), text.getBoundingClientRect()];
      return of.left - within.left > within.right - of.right ? 'right' : 'left';
    }"""
    assert page.evaluate(side, "عربي") == "right"
    assert page.evaluate(side, "reversed") == "left"
    button = {"key": "go", "buttonText": "Go \u202e og", "url": "https://x.example"}
    run = log(server, name="evil \u202egnp.exe", actions=[button])
    page.goto(f"/event/{run}/press/go")
    # ", as local. Your server is called:" is read as it is written, whatever stands before it
    order = """() => {
      const [title, actor] = document.querySelectorAll('.ask strong');
      return title.getBoundingClientRect().right <= actor.getBoundingClientRect().left;
    }"""
    assert page.evaluate(order)


def test_the_command_serves_them_and_events_over_http_arrive(browser, tmp_path):
    write(tmp_path, BAKERY)
    key = tool("add:key", "shop", "--environment", "test", "--json", folder=tmp_path).document["key"]
    process = subprocess.Popen(
        [EVENTWIRE, "serve", "--port", "0", "--json"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        told = json.loads(process.stdout.readline())
        context = browser.new_context(viewport=DESK)
        page = context.new_page()
        page.goto(told["sign_in"])
        expect(page.get_by_text("watching", exact=True)).to_be_visible()
        headers = {"authorization": f"Bearer {key}"}
        assert httpx.post(f"{told['url']}/events/new-customer", json=CUSTOMER, headers=headers).status_code == 201
        entry = {"name": "Deploy finished", "avatar": "🚀", "category": "ops"}
        assert httpx.post(f"{told['url']}/api/v1/log", json=entry, headers=headers).status_code == 201
        expect(page.get_by_role("link", name="Ana Souza signed up")).to_be_visible()
        expect(page.get_by_role("link", name="Deploy finished")).to_be_visible()
        context.close()
    finally:
        process.terminate()
        _, complaints = process.communicate(timeout=30)
    assert (process.returncode, b"Traceback" in complaints) == (0, False), complaints
