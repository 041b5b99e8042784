"""The timeline as it is seen: titles, content, threads, search, categories, and the switch between test and live."""

from __future__ import annotations

import json
import re

import pytest

from eventwire.server.problems import Refusal
from eventwire.server.timeline import A_PAGE
from tests.server.pages.serving import CUSTOMER


def titles(page):
    return re.findall(r'class="title" href="/event/[^"]+">([^<]*)<', page)


def log(server, environment="test", **body):
    return server.log(json.dumps(body).encode(), environment)


def test_an_event_is_shown_by_its_display_templates(visitor):
    visitor.server.run("new-customer", CUSTOMER)
    page = visitor.get("/")
    assert titles(page) == ["Ana Souza was welcomed", "Ana Souza signed up"]
    assert "🥐" in page and "growth" in page and "1 of 2 filters" in page


def test_a_log_entry_is_shown_as_it_says(visitor):
    rows = [{"label": "version", "content": "2.4.1"}]
    log(visitor.server, name="Deployed", avatar="🚀", type="rows", content=rows, category="ops", notify=True)
    page = visitor.get("/")
    assert titles(page) == ["Deployed"]
    assert "🚀" in page and "ops" in page and "2.4.1" in page and "It notifies" in page


def test_test_and_live_are_never_mixed_and_the_choice_is_remembered(visitor):
    log(visitor.server, name="only a test")
    log(visitor.server, "live", name="for real")
    assert titles(visitor.get("/")) == ["only a test"]
    page = visitor.get("/?environment=live")
    assert titles(page) == ["for real"] and "real effects" in page
    assert titles(visitor.get("/")) == ["for real"]


def test_what_a_page_asks_for_by_itself_chooses_no_environment(visitor):
    visitor.get("/?environment=live")
    for path in ("/?environment=test", "/live?environment=test&run=x"):
        with visitor.client.stream("GET", path, headers={"sec-fetch-mode": "cors"}) as answer:
            assert answer.status_code == 200
    assert "real effects" in visitor.get("/")


def test_an_event_is_shown_in_its_own_environment(visitor):
    run = visitor.server.run("new-customer", CUSTOMER, "live").id
    refused = visitor.get(f"/event/{run}/press/nothing", 404)
    for page in (visitor.get(f"/event/{run}"), visitor.get(f"/event/{run}/replay"), refused):
        assert "These events had real effects" in page
    assert "real effects" not in visitor.get("/")


def test_entries_of_a_context_are_a_thread(visitor):
    for number in (1, 2):
        log(visitor.server, name=f"step {number}", contextId="order-7", contextStart=number == 1)
    log(visitor.server, name="something else")
    page = visitor.get("/")
    assert 'data-thread="order-7"' in page and "2 events" in page
    assert titles(visitor.get("/?context=order-7")) == ["step 2", "step 1"]


@pytest.mark.parametrize("indexed", [False, True])
def test_search_category_and_status(visitor, indexed):
    visitor.server.run("new-customer", CUSTOMER)
    visitor.server.run("new-customer", {**CUSTOMER, "name": "Carla", "amount": 300})
    log(visitor.server, name="Déjà vu", category="odd", content="found by: needle-42")
    if indexed:
        index(visitor.server)
    assert titles(visitor.get("/?search=lisb")) == ["Carla signed up", "Ana Souza signed up"]
    assert titles(visitor.get("/?search=needle-42")) == ["Déjà vu"]
    assert titles(visitor.get("/?search=carla+signed")) == ["Carla signed up"]
    assert titles(visitor.get("/?category=odd")) == ["Déjà vu"]
    assert titles(visitor.get("/?status=partial")) == ["Carla signed up"]
    assert titles(visitor.get("/?event=welcomed")) == ["Carla was welcomed", "Ana Souza was welcomed"]
    assert "Nothing is found" in visitor.get("/?search=%22*+OR+NEAR(")


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("deja", ["Déjà vu 🚀"]),
        ("DÉJÀ - VU", ["Déjà vu 🚀"]),
        ("🚀", ["Déjà vu 🚀"]),
        ("مرح", ["مرحبا بالعالم"]),
        ("eja", []),
        ("needle-4", ["Déjà vu 🚀"]),
        ("- & (", []),
    ],
)
def test_search_finds_the_beginnings_of_words_in_any_script(visitor, indexed, search, found):
    log(visitor.server, name="Déjà vu 🚀", content="found by: needle-42")
    log(visitor.server, name="مرحبا بالعالم")
    if indexed:
        index(visitor.server)
    answer = visitor.client.get("/", params={"search": search})
    assert (answer.status_code, titles(answer.text)) == (200, found)


def index(server):
    """Index everything, as if it were older."""
    timeline = server.pages.site.timeline
    while timeline.index_some(now=4_000_000_000.0):
        pass


@pytest.mark.parametrize("indexed", [False, True])
def test_older_events_are_paged_without_gaps(visitor, indexed):
    for number in range(A_PAGE * 2 + 3):
        log(visitor.server, name=f"n{number}")
    if indexed:
        index(visitor.server)
    found, path = [], "/"
    while path:
        page = visitor.get(path)
        found += titles(page)
        older = re.search(r'id="older"><a [^>]*href="([^"]+)"', page)
        path = older and older[1].replace("&amp;", "&")
    # those of one millisecond are in any order
    assert sorted(found) == sorted(f"n{number}" for number in range(A_PAGE * 2 + 3))
    assert (found[0], found[-1]) != ("n0", f"n{A_PAGE * 2 + 2}")


@pytest.mark.parametrize("blank", ["   ", "\u200b", "\u2063\u00ad\n"])
def test_what_nobody_would_see_is_no_name(visitor, blank):
    log(visitor.server, name=blank, avatar=blank, category=blank, content="something")
    visitor.server.run("new-customer", {**CUSTOMER, "name": blank})
    visitor.server.run("welcomed", {"name": "x"})
    page = visitor.get("/")
    assert titles(page)[-1] == "something" and "chip" not in page.partition("something")[2].partition("</li>")[0]
    button = {"key": "go", "buttonText": blank, "url": "https://x.example"}
    with pytest.raises(Refusal) as refused:
        log(visitor.server, name="x", actions=[button])
    assert list(refused.value.violations) == [("actions[0].buttonText", "is missing")]


def test_long_texts_are_begun_and_whole_on_their_own_page(visitor):
    image = f"https://x.example/{'a' * 700}.png"
    rows = [{"label": "log", "content": "l" * 3000}, {"type": "image", "content": image}]
    runs = {
        "lines": log(visitor.server, name="lines", content="\n".join(f"line {n}" for n in range(300))),
        "rows": log(visitor.server, name="rows", type="rows", content=rows),
        "picture": log(visitor.server, name="picture", type="image", content=image),
    }
    page = visitor.get("/")
    assert "line 11…" in page and "line 12" not in page
    assert "l" * 601 not in page and page.count(f'src="{image}"') == 2
    for name in ("lines", "rows"):
        assert f'<a href="/event/{runs[name].id}">All of it</a>' in page
    assert "line 299" in visitor.get(f"/event/{runs['lines'].id}")
    assert f"<td>{'l' * 3000}</td>" in visitor.get(f"/event/{runs['rows'].id}")


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


def test_nothing_of_an_event_becomes_markup(visitor):
    button = {"url": "https://x.example/" + HOSTILE, "buttonText": "<b>press", "key": "'\"><script>", "external": True}
    one = log(
        visitor.server, name=HOSTILE[:48], category="<i>\"'x", contextId=HOSTILE, content=HOSTILE, actions=[button]
    )
    rows = [{"label": HOSTILE, "content": HOSTILE}, {"type": "json", "content": {HOSTILE: HOSTILE}}]
    two = log(visitor.server, name="rows", type="rows", content=rows, avatar="https://x.example/a'\"><script>")
    three = visitor.server.run("new-customer", {**CUSTOMER, "name": HOSTILE, "amount": 300})
    for path in ("/", *(f"/event/{run.id}" for run in (one, two, three)), f"/event/{three.id}/press/ban-user"):
        page = visitor.get(path)
        assert "<script>alert" not in page and "<img src=x" not in page and "<b>press" not in page and "<i>" not in page
        assert "49" not in titles(page)


@pytest.mark.parametrize("image", ["http://x.example/a.png", "https://x.example/a.png"])
def test_only_images_over_https_are_loaded(visitor, image):
    log(visitor.server, name="picture", type="image", content=image, avatar=image)
    page = visitor.get("/")
    assert (f'src="{image}"' in page) == image.startswith("https")


ODD = [
    "%00",
    "a%00b",
    "%22",
    "%22%22",
    "*",
    "-x",
    "%5ea",
    "a:b",
    "(" * 50,
    "%ff%fe",
    "zzz" * 99,
    "'",
    "%E6%97%A5",
    "AND",
    "NEAR(a b)",
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_addresses_are_answered(visitor, odd):
    log(visitor.server, name="x")
    index(visitor.server)
    for name in ("search", "before", "category", "status", "event", "context", "environment"):
        visitor.get(f"/?{name}={odd}")
    for path in (f"/dead-letters?before={odd}&status={odd}&event={odd}", f"/pipelines?environment={odd}"):
        visitor.get(path)
    for path in (f"/event/{odd}", f"/event/{odd}/press/{odd}", f"/event/{odd}/replay"):
        assert visitor.client.get(path).status_code == 404
