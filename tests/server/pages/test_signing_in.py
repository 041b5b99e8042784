"""Who sees pages, who may do what, and what a page lets a browser do."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from eventwire.project.locate import state_folder
from eventwire.server.pages import SignIn
from eventwire.server.users import ATTEMPTS, Role, save_user
from tests.server.pages.conftest import Visitor
from tests.server.pages.serving import CUSTOMER, served

PASSWORD = "correct horse battery"


def sign_in(visitor, name="ana", password=PASSWORD, **more):
    page = visitor.get("/sign-in")
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    return visitor.client.post("/sign-in", data={"csrf": token, "name": name, "password": password, **more})


@pytest.mark.parametrize("path", ["/", "/pipelines", "/accounts", "/dead-letters", "/event/x", "/nothing", "/live"])
def test_nothing_is_seen_without_signing_in(stranger, path):
    answer = stranger.client.get(path)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")


def test_a_link_signs_in_once(stranger):
    link = stranger.server.link()
    first = stranger.client.get(link)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert "httponly" in first.headers["set-cookie"].lower() and "samesite=lax" in first.headers["set-cookie"].lower()
    assert "Signed in as local" in stranger.get("/")
    assert "used already" in stranger.get(link, 410)


def test_a_name_and_a_password_sign_in_and_lead_back(stranger):
    save_user(stranger.server.runner.store, "ana", Role.VIEWER, PASSWORD)
    answer = sign_in(stranger, next="/pipelines")
    assert (answer.status_code, answer.headers["location"]) == (303, "/pipelines")
    assert "Signed in as ana" in stranger.get("/")


@pytest.mark.parametrize("where", ["//evil.example", "https://evil.example", "/\\evil.example", "/\r\nx: y"])
def test_signing_in_never_leads_elsewhere(stranger, where):
    save_user(stranger.server.runner.store, "ana", Role.VIEWER, PASSWORD)
    assert sign_in(stranger, next=where).headers["location"] == "/"


def test_passwords_cannot_be_tried_for_long(stranger):
    save_user(stranger.server.runner.store, "ana", Role.VIEWER, PASSWORD)
    for _ in range(ATTEMPTS):
        assert sign_in(stranger, password="wrong password").status_code == 401
    answer = sign_in(stranger)
    assert answer.status_code == 401
    assert "failed too often" in answer.text


def test_signing_in_needs_the_form_of_this_browser(stranger):
    save_user(stranger.server.runner.store, "ana", Role.VIEWER, PASSWORD)
    answer = stranger.client.post("/sign-in", data={"csrf": "0" * 64, "name": "ana", "password": PASSWORD})
    assert answer.status_code == 403


def test_signing_out_ends_the_session(visitor):
    visitor.post("/sign-out")
    assert visitor.client.get("/").status_code == 303


def test_a_viewer_sees_buttons_and_neither_presses_nor_replays(stranger):
    save_user(stranger.server.runner.store, "vera", Role.VIEWER, PASSWORD)
    sign_in(stranger, "vera")
    run = stranger.server.run("new-customer", CUSTOMER).id
    assert "pressing needs the role operator" in stranger.get(f"/event/{run}")
    assert "needs the role operator" in stranger.get(f"/event/{run}/press/ban-user", 403)
    stranger.post(f"/event/{run}/press/ban-user", 403)
    stranger.post(f"/event/{run}/replay", 403)
    stranger.post("/dead-letters/replay", 403, run=run)


@pytest.mark.parametrize("path", ["press/ban-user", "replay", "resolve"])
def test_a_form_without_the_sessions_token_changes_nothing(visitor, path):
    run = visitor.server.run("new-customer", CUSTOMER).id
    answer = visitor.client.post(f"/event/{run}/{path}", data={"csrf": "0" * 64, "as": "done"})
    assert answer.status_code == 403
    assert "not of your session" in answer.text


def test_every_answer_forbids_what_the_pages_do_not_need(visitor):
    for path in ("/", "/sign-in", "/nothing", "/static/app.js"):
        headers = visitor.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_a_foreign_name_that_leads_to_this_machine_is_refused(tmp_path):
    with served(tmp_path, sign_in=SignIn(hosts=("127.0.0.1", "localhost"))) as server:
        visitor = Visitor(server, server.listen())
        assert visitor.client.get("/sign-in").status_code == 200
        assert visitor.client.get("/sign-in", headers={"host": "evil.example:8030"}).status_code == 421


def signed_out_by_the_page(visitor):
    visitor.post("/sign-out")


def removed(visitor):
    # in a process of its own, as `eventwire remove:user` is
    code = "import sys; from pathlib import Path; from eventwire.server.store import Store;"
    code += "from eventwire.server.users import remove_user; remove_user(Store(Path(sys.argv[1])), 'ana')"
    subprocess.run([sys.executable, "-c", code, state_folder(visitor.server.runner.folder)], check=True)


def given_another_role(visitor):
    save_user(visitor.server.runner.store, "ana", Role.VIEWER, None)


@pytest.mark.parametrize("end", [signed_out_by_the_page, removed, given_another_role])
def test_whoever_is_signed_out_watches_nothing_any_more(stranger, end):
    save_user(stranger.server.runner.store, "ana", Role.ADMIN, PASSWORD)
    sign_in(stranger)
    with stranger.client.stream("GET", "/live?environment=test", headers={"accept": "text/event-stream"}) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        began = time.monotonic()
        end(stranger)
        assert [line for line in lines if line.startswith("event:")] == ["event: signed-out"]
        assert time.monotonic() - began < 10
    answer = stranger.client.get("/live?environment=test", headers={"accept": "text/event-stream"})
    assert answer.status_code == 401
