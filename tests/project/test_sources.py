"""`[sources.NAME]` in the project file: read, checked with a place and a next step, and described for editors."""

from __future__ import annotations

import jsonschema_rs
import pytest
import tomli

from eventwire.project.read import check_project, read_project
from eventwire.project.schema import project_schema
from eventwire.project.sources import KINDS
from tests.project.projects import write

PAID = """\
[project]
name = "shop"

[events.paid.model]
id = "string"
amount = "integer"
note = "string?"

"""
STRIPE = (
    PAID
    + """\
[sources.payments]
kind = "stripe"
event = "paid"
environment = "live"
where = 'body.type = "charge.succeeded" AND header.`stripe-version` IS NOT NULL'
values = { id = "{body.data.object.id}", amount = "{body.data.object.amount}" }
"""
)
NIGHTLY = (
    PAID
    + """\
[sources.nightly]
kind = "schedule"
event = "paid"
schedule = "0 3 * * MON-FRI"
time-zone = "Europe/Lisbon"
values = { id = "{body.time}", amount = "{body.missed}" }
"""
)
INBOX = (
    PAID
    + """\
[sources.inbox]
kind = "folder"
event = "paid"
folder = "inbox"
values = { id = "{file.name}:{file.line}", amount = "{body.total}" }
"""
)
HOOK = (
    PAID
    + """\
[sources.hook]
kind = "hmac"
event = "paid"
header = "X-Signature"
"""
)


def errors(folder, text):
    found = check_project(write(folder, text))
    return [problem for problem in found if problem.severity == "error"]


def test_a_webhook_is_read_with_its_kinds_defaults(tmp_path):
    source = read_project(write(tmp_path, STRIPE)).sources["payments"]
    assert (source.kind, source.event, source.environment) == ("stripe", "paid", "live")
    assert source.values == {"id": "{body.data.object.id}", "amount": "{body.data.object.amount}"}
    assert source.condition is not None
    assert source.settings == {"tolerance-seconds": 300}


@pytest.mark.parametrize("text", [STRIPE, NIGHTLY, INBOX, HOOK])
def test_good_sources_have_no_problem_but_that_the_event_has_no_action(tmp_path, text):
    assert [problem.rule for problem in check_project(write(tmp_path, text))] == ["no-actions"]
    assert jsonschema_rs.Draft202012Validator(project_schema()).is_valid(tomli.loads(text))


def test_what_came_in_is_the_payload_where_no_values_are_given(tmp_path):
    source = read_project(write(tmp_path, HOOK)).sources["hook"]
    assert source.values is None
    assert source.environment == "test"


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "column", "message", "next_step"),
    [
        (STRIPE, '"stripe"', '"stipe"', 10, 8, 'There is no kind of source called "stipe".', "Did you mean stripe?"),
        (STRIPE, '"paid"', '"paidd"', 11, 9, 'The source raises "paidd", and there is no such event.', None),
        (STRIPE, '"live"', '"prod"', 12, 15, '"environment" has to be test or live.', "Make it test or live."),
        (STRIPE, "body.type", "bdy.type", 13, 10, "The model has no property bdy.type.", "The model has body, header."),
        (STRIPE, "{body.data.object.id}", "{bdy.id}", 14, 18, "{bdy.id}: the model has no bdy.id.", None),
        (STRIPE, "amount =", "amout =", 14, None, None, None),
        (STRIPE, ', amount = "{body.data.object.amount}"', "", 14, 1, 'The event "paid" needs amount.', None),
        (STRIPE, 'event = "paid"', 'event = "paid"\nskedule = 1', 12, 1, '"skedule" is no field of Stripe.', None),
        (STRIPE, 'event = "paid"', 'event = "paid"\ntolerance-seconds = 0', 12, 21, None, "Make it at least 1 and at most 86400."),
        (NIGHTLY, "0 3 * * MON-FRI", "0 25 * * *", 12, 12, '"0 25 * * *" is no cron expression: bad hour.', None),
        (NIGHTLY, "0 3 * * MON-FRI", "0 0 31 2 *", 12, 12, None, None),
        (NIGHTLY, "Lisbon", "Lisbn", 13, 13, 'There is no time zone "Europe/Lisbn".', "Did you mean Europe/Lisbon?"),
        (NIGHTLY, 'schedule = "0 3 * * MON-FRI"\n', "", 9, 10, None, 'Give it. For example: schedule = "0 3 * * *"'),
        (NIGHTLY, "{body.missed}", "{body.time}", 14, None, None, None),
        (NIGHTLY, 'values = { id = "{body.time}", amount = "{body.missed}" }', "", 9, 10, 'The event "paid" needs id, amount.', None),
        (INBOX, 'folder = "inbox"', 'folder = "inbox"\ndelimiter = ";;"', 13, 13, None, 'Write for example: delimiter = ";"'),
        (INBOX, "{file.line}", "{file.size}", 13, None, None, None),
        (HOOK, 'header = "X-Signature"', 'header = "X"\nalgorithm = "md5"', 13, 13, None, None),
        (HOOK, '[sources.hook]', '[sources."The hook"]', 9, 10, None, "For example: the-hook"),
        (HOOK, 'event = "paid"\n', "", 9, 10, '[sources.hook] has no "event".', "Give it: event = …"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_place_and_next_step(tmp_path, text, old, new, line, column, message, next_step):
    changed = text.replace(old, new, 1)
    assert changed != text
    found = errors(tmp_path, changed)
    error = found[0]
    assert error.place.line == line
    assert column is None or error.place.column == column
    assert message is None or error.message == message
    assert error.next_step
    assert next_step is None or error.next_step == next_step


def test_a_secret_in_the_file_is_never_shown_and_names_the_way_to_keep_it(tmp_path):
    (error,) = errors(tmp_path, STRIPE + 'secret = "hunter2"\n')
    assert error.rule == "secret-in-project"
    assert "hunter2" not in str(error)
    assert error.next_step.endswith("eventwire add:source")


def test_a_source_is_not_called_as_a_service_account_is(tmp_path):
    account = '[service-accounts.hook]\nservice = "file"\ntest = { folder = "out" }\n'
    (error,) = errors(tmp_path, HOOK + account)
    assert error.rule == "name-taken"
    assert error.place.line == 9
    (error,) = errors(tmp_path, HOOK.replace("sources.hook", "sources.buttons"))
    assert error.message == (
        'The source "buttons" is called as what signs the presses of buttons is, and would share its secrets.'
    )


def test_every_kind_is_described_for_editors(tmp_path):
    validator = jsonschema_rs.Draft202012Validator(project_schema())
    for kind in KINDS.values():
        settings = {each.name: each.example for each in kind.fields if each.required and not each.secret}
        source = {"kind": kind.name, "event": "paid", **settings}
        assert validator.is_valid({"project": {"name": "x"}, "sources": {"x": source}}), kind.name
        assert not validator.is_valid({"project": {"name": "x"}, "sources": {"x": {**source, "colour": "red"}}})
        assert all(each.label for each in kind.fields)
