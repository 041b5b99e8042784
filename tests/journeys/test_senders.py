"""Senders that others have written: CloudEvents' own SDK, and the samples of Operational's documentation."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.journeys.served import Server, make_key
from tests.journeys.test_serve import lines, project
from tests.servers import absent
from tests.tools import SECONDS, environment, process

SAMPLE = Path(__file__).with_name("operational.mjs")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("path", ["/events", "/events/e"])
def test_what_cloudevents_own_sdk_sends_arrives(tmp_path, path):
    key = make_key(project(tmp_path))
    with Server(tmp_path) as server:
        for number, to_http in enumerate((to_binary, to_structured)):
            attributes = {"type": "com.shop.e", "source": "/shop", "id": f"a-{number}", "subject": "caf\u00e9"}
            event = CloudEvent({**attributes, "datacontenttype": "application/json"}, {"id": number})
            message = to_http(event, JSONFormat())
            for _ in range(2):  # the second has the same source and id
                headers = {**message.headers, "authorization": f"Bearer {key}"}
                answer = httpx.post(server.url + path, content=message.body, headers=headers, timeout=SECONDS)
                assert answer.status_code == 201, answer.text
        assert server.stop() == 0
    assert lines(tmp_path) == [0, 1]


def test_the_samples_of_operationals_documentation_send_and_are_pressed(tmp_path):
    node = shutil.which("node")
    if node is None:
        absent("node is not installed; install it with: apt-get install nodejs")
    key = make_key(project(tmp_path))
    secret = environment(tmp_path, EVENTWIRE_BUTTONS_TEST_SECRET=SECRET)
    with Server(tmp_path) as server:
        sample = subprocess.Popen([node, SAMPLE, f"{server.url}/api/v1/log", key], stdout=subprocess.PIPE)
        try:
            sent = json.loads(sample.stdout.readline())
            assert sent["status"] == 201, sent
            run = sent["answer"]["id"]
            press = ("press", run, "press_me", "--yes", "--json")
            refused = process(*press, folder=tmp_path, environ=secret)
            assert (refused.exit_code, "no public address" in refused.output) == (5, True), refused.output
            pressed = process(*press, "--allow-host", "127.0.0.1", folder=tmp_path, environ=secret)
            assert (pressed.exit_code, pressed.document["state"]) == (0, "completed"), pressed.output
            assert json.loads(pressed.document["answer"]) == {"status": "success", "received": {}}
            called = json.loads(sample.stdout.readline())
        finally:
            sample.kill()
            sample.wait()
            sample.stdout.close()
        assert server.stop() == 0
    assert (called["method"], called["path"]) == ("POST", "/ops/action")
    assert {name: called["event"][name] for name in ("id", "key", "meta")} == {
        "id": run,
        "key": "press_me",
        "meta": {"name": "Shash", "id": 1},
    }
