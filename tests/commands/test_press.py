"""`eventwire press`: what it calls, what it says, and what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.project.projects import SHOP, write
from tests.server.pages.serving import accepted
from tests.services.answering import answering
from tests.tools import environment, tool

SIGNED = {"EVENTWIRE_BUTTONS_TEST_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "USER": "mira"}
BUTTONS = """
[events.new-customer.buttons.ban]
text = "Ban {name}"
url = "URL/ban"
meta = { id = "{id}" }

[events.new-customer.buttons.profile]
text = "Profile"
url = "https://shop.example/{id}"
external = true
"""
CUSTOMER = {"id": 7, "name": "Ana", "plan": "pro", "address": {"city": "Lisboa", "country": "PT"}}


@pytest.fixture
def answers():
    with answering() as state:
        yield state


@pytest.fixture
def run(tmp_path, answers):
    """A run whose event has buttons."""
    write(tmp_path, SHOP + BUTTONS.replace("URL", answers.url))
    done = tool("run", "new-customer", "--data", json.dumps(CUSTOMER), "--json", folder=tmp_path)
    assert done.exit_code == 0, done.output
    return done.document["id"]


def press(folder, *arguments, environ=SIGNED):
    return tool("press", *arguments, folder=folder, environ=environ)


def test_a_press_is_signed_and_kept_and_there_is_one_only(run, tmp_path, answers):
    done = press(tmp_path, run[:20], "ban", "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert (done.document["state"], done.document["status"], done.document["actor"]) == ("completed", 200, "mira")
    (received,) = answers.received
    body = received.json()["event"]
    assert (body["id"], body["key"], body["meta"], body["pressedBy"]) == (run, "ban", {"id": 7}, "mira")
    assert received.header("webhook-signature").startswith("v1,")
    second = press(tmp_path, run, "ban", "--yes")
    assert second.exit_code == 1
    assert '"Ban Ana" was pressed already' in second.stderr
    assert len(answers.received) == 1


def test_what_came_back_is_said(run, tmp_path, answers):
    answers.answers = [(500, {}, "no such user")]
    done = press(tmp_path, run, "ban", "--yes")
    assert done.exit_code == 5
    assert "The server answered 500; 200 or 201 would complete it." in done.stdout and "no such user" in done.stdout


def test_nobody_is_there_to_confirm_it(run, tmp_path, answers):
    done = press(tmp_path, run, "ban")
    assert done.exit_code == 2
    assert f"calls {answers.url}/ban" in done.stderr and "--yes" in done.stderr
    assert not answers.received


@pytest.mark.parametrize(
    ("button", "said"), [("bann", "Did you mean"), ("profile", "is a link"), ("nothing", "It has: ban, profile")]
)
def test_what_cannot_be_pressed(run, tmp_path, button, said):
    done = press(tmp_path, run, button, "--yes")
    assert done.exit_code in (1, 2)
    assert said in done.stderr


def test_without_a_secret_nothing_is_sent(run, tmp_path, answers):
    done = press(tmp_path, run, "ban", "--yes", environ=environment(tmp_path))
    assert done.exit_code == 4
    assert "EVENTWIRE_BUTTONS_TEST_SECRET" in done.stderr
    assert not answers.received


def test_a_button_that_came_with_the_event_needs_a_public_address_or_an_allowed_one(tmp_path, answers):
    write(tmp_path, SHOP)
    actions = [{"key": "go", "buttonText": "Go", "url": answers.url}]

    run = accepted(tmp_path, CUSTOMER, {"actions": actions})
    refused = press(tmp_path, run, "go", "--yes")
    assert refused.exit_code == 5
    assert "no public address" in refused.stdout and not answers.received
    assert press(tmp_path, run, "go", "--yes", "--allow-host", "127.0.0.1").exit_code == 0
    assert len(answers.received) == 1
