"""onSuccess and onFailure of ReactiveHub's become triggers."""

from __future__ import annotations

from eventwire.importing.writing import write_import
from tests.importing.sources import imported, messages, source
from tests.tools import tool

ORDER = """
id: order
model:
  id: Number
  name: String
filters:
  - id: onEvent
    condition: null
    actions:
      - id: store
        type: REDIS
        action: SET
        serviceAccountId: cache
        onSuccess: {on_success}
        onFailure: nowhere
        template:
          key: 'order:{{id}}'
          value: '{{name}}'
"""
STORED = """
id: Order Stored
model:
  id: Number
  name: Number
  more: String
filters: []
"""


def test_a_trigger_takes_the_properties_of_the_same_name_and_type(tmp_path):
    order = ORDER.format(on_success="Order Stored")
    result = imported(source(tmp_path / "old", {".rhubrc": "{}", "events/a.yaml": order, "events/b.yaml": STORED}))
    write_import(result, tmp_path / "new")
    text = (tmp_path / "new" / "eventwire.toml").read_text(encoding="utf-8")
    assert '[events.order.filters.on-event.actions.store.on-success.order-stored]\nid = "{id}"\n' in text
    assert "# onFailure: nowhere" in text
    assert "# onSuccess" not in text
    assert [each for each in messages(result) if "raises" in each] == [
        'events/a.yaml:15:9: The action "store" raises nowhere on failure; it is left out: there is no such event.'
    ]
    check = tool("check", "--json", folder=tmp_path / "new").document
    assert check["count"]["error"] == 0, check


def test_a_payload_that_was_given_is_kept_and_one_that_does_not_fit_is_listed(tmp_path):
    given = "[{eventId: Order Stored, payload: {more: 'order {id}'}}]"
    order = ORDER.format(on_success=given)
    result = imported(source(tmp_path / "old", {".rhubrc": "{}", "events/a.yaml": order, "events/b.yaml": STORED}))
    write_import(result, tmp_path / "new")
    text = (tmp_path / "new" / "eventwire.toml").read_text(encoding="utf-8")
    assert '.on-success.order-stored]\nmore = "order {id}"\n' in text
    wrong = ORDER.format(on_success=given.replace("more", "none"))
    result = imported(source(tmp_path / "other", {".rhubrc": "{}", "events/a.yaml": wrong, "events/b.yaml": STORED}))
    assert any('the event that it raises has no property "none".' in each for each in messages(result))


def test_a_loop_is_listed(tmp_path):
    result = imported(source(tmp_path / "old", {".rhubrc": "{}", "events/a.yaml": ORDER.format(on_success="order")}))
    assert any("it closes a loop" in each for each in messages(result))
