"""What a server answers, to an action or to a button, is text on the pages, whatever it holds."""

from __future__ import annotations

import pytest

from tests.server.pages.conftest import Visitor
from tests.server.pages.serving import BAKERY, CUSTOMER, served
from tests.services.answering import answering

HOSTILE = "</pre></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


@pytest.mark.parametrize("status", [200, 302, 400, 500])
def test_nothing_that_a_server_answers_becomes_markup(tmp_path, status):
    with answering() as answers:
        answers.answers = [(status, {"location": f"javascript:alert(1)//{HOSTILE}", "x-more": HOSTILE}, HOSTILE)]
        with served(tmp_path, BAKERY.replace("http://127.0.0.1:9", answers.url)) as server:
            visitor = Visitor(server, server.listen())
            visitor.client.get(server.link())
            run = server.run("new-customer", {**CUSTOMER, "amount": 300}).id
            visitor.post(f"/event/{run}/press/ban-user")
            assert {each.path for each in answers.received} == {"/sales", "/ban"}
            event = visitor.get(f"/event/{run}")
            assert event.count("alert(1)") >= 2  # both answers are shown
            for page in (event, visitor.get("/"), visitor.get("/accounts"), visitor.get("/pipelines")):
                assert "<script>alert" not in page and "<img src=x" not in page and 'href="javascript' not in page
                assert "}49" not in page
