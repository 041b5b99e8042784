"""ReactiveHub's actions, each as it becomes one of eventwire's."""

from __future__ import annotations

import pytest

from eventwire.importing.templates import ACTIONS
from eventwire.services.catalog import find_service
from tests.importing.sources import fields, imported, left_out, messages, with_action

POSTGRESQL = "type: POSTGRESQL\naction: {}\ntemplate:\n  table: orders\n"

MAPPED = {
    POSTGRESQL.format("INSERT") + "  payload: {id: '{id}', n: 5}": {
        "action": "insert",
        "table": "orders",
        "values": {"id": "{id}", "n": 5},
    },
    POSTGRESQL.format("update")
    + "  schema: shop\n  payload: {n: 5}\n  condition: [{field: id, operator: '=', value: '{id}'}]": {
        "action": "update",
        "table": "shop.orders",
        "values": {"n": 5},
        "where": {"id": "{id}"},
    },
    "type: postgres\naction: DELETE\ntemplate:\n  table: orders\n  condition: {field: id, value: 7}": {
        "action": "delete",
        "table": "orders",
        "where": {"id": 7},
    },
    "type: POSTGRESQL\naction: QUERY\ntemplate: {query: \"UPDATE t SET n = '{name}' WHERE id = {id}\"}": {
        "action": "execute",
        "statement": "UPDATE t SET n = {name} WHERE id = {id}",
    },
    "type: REDIS\naction: SET\ntemplate: {key: 'k:{id}', stringify: false, value: '{name}'}": {
        "action": "set",
        "key": "k:{id}",
        "value": "{name}",
    },
    "type: REDIS\naction: SETNX\ntemplate: {key: 5, stringify: true, value: {a: '{name}'}}": {
        "action": "setnx",
        "key": "5",
        "value": {"a": "{name}"},
    },
    "type: REDIS\naction: HSET\ntemplate: {key: k, field: f, stringify: false, value: v}": {
        "action": "hset",
        "key": "k",
        "values": {"f": "v"},
    },
    "type: REDIS\naction: HSETNX\ntemplate: {key: k, field: '{name}', value: v}": {
        "action": "hsetnx",
        "key": "k",
        "field": "{name}",
        "value": "v",
    },
    "type: REDIS\naction: DEL\ntemplate: {key: k}": {"action": "del", "keys": ["k"]},
    "type: REDIS\naction: HDEL\ntemplate: {key: k, field: f}": {"action": "hdel", "key": "k", "fields": ["f"]},
    "type: REDIS\naction: INCR\ntemplate: {key: k}": {"action": "incr", "key": "k"},
    "type: REDIS\naction: INCRBY\ntemplate: {key: k, value: '3'}": {"action": "incrby", "key": "k", "by": 3},
    "type: REDIS\naction: INCRBYFLOAT\ntemplate: {key: k, value: '{total}'}": {
        "action": "incrbyfloat",
        "key": "k",
        "by": "{total}",
    },
    "type: REDIS\naction: HINCRBY\ntemplate: {key: k, field: f, value: 1}": {
        "action": "hincrby",
        "key": "k",
        "field": "f",
        "by": 1,
    },
    "type: REDIS\naction: HINCRBYFLOAT\ntemplate: {key: k, field: f, value: 1.5}": {
        "action": "hincrbyfloat",
        "key": "k",
        "field": "f",
        "by": 1.5,
    },
    "type: REDIS\naction: RPOP\ntemplate: {key: k}": {"action": "rpop", "key": "k"},
    "type: REDIS\naction: RPUSH\ntemplate: {key: k, value: '{id}'}": {
        "action": "rpush",
        "key": "k",
        "values": ["{id}"],
    },
    "type: HTTP\naction: GET\ntemplate: {path: '/c/{id}', query: {name: '{name}'}}": {
        "action": "request",
        "method": "GET",
        "url": "/c/{id}",
        "query": {"name": "{name}"},
    },
    "type: API\naction: POST\ntemplate: {path: /c, headers: {X-Name: '{name}'}, payload: {a: [1, '{id}']}}": {
        "action": "request",
        "method": "POST",
        "url": "/c",
        "headers": {"X-Name": "{name}"},
        "json": {"a": [1, "{id}"]},
    },
    "type: HTTP\naction: PUT\ntemplate: {path: /c, payload: '{name} came'}": {
        "action": "request",
        "method": "PUT",
        "url": "/c",
        "body": "{name} came",
    },
    "type: HTTP\naction: DELETE\ntemplate: {path: /c}": {"action": "request", "method": "DELETE", "url": "/c"},
    "type: SLACK\naction: WEBHOOK\ntemplate: {text: '{name} {x, y}', channel: '#c'}": {
        "action": "post-message",
        "text": "{name} {{x, y}}",
        "channel": "#c",
    },
    "type: STRIPE\naction: CREATE_CUSTOMER\ntemplate: {email: '{name}', coupon: C, metadata: {id: '{id}'}}": {
        "action": "create-customer",
        "email": "{name}",
        "metadata": {"id": "{id}"},
        "parameters": {"coupon": "C"},
    },
    "type: STRIPE\naction: UPDATE_CUSTOMER\ntemplate: {customerId: '{name}', payload: {description: d}}": {
        "action": "update-customer",
        "id": "{name}",
        "description": "d",
    },
    "type: STRIPE\naction: CREATE_CHARGE\ntemplate: {capture: 'false', payload: {amount: '1999', currency: usd}}": {
        "action": "create-charge",
        "capture": False,
        "amount": 1999,
        "currency": "usd",
    },
    "type: STRIPE\naction: CAPTURE_CHARGE\ntemplate: {chargeId: '{name}', amount: 5}": {
        "action": "capture-charge",
        "id": "{name}",
        "amount": 5,
    },
}


@pytest.mark.parametrize("action", MAPPED)
def test_an_action_and_its_fields(tmp_path, action):
    assert fields(tmp_path, action) == MAPPED[action]


def test_every_operation_that_is_mapped_to_exists_and_is_tried():
    tried = {each["action"] for each in MAPPED.values()}
    for (service, _), (operation, _) in ACTIONS.items():
        assert find_service(service).operation(operation) is not None
        assert operation in tried


@pytest.mark.parametrize(
    "action",
    [
        "type: AWS\naction: SQS\noperation: Publish FIFO Queue",
        "type: MYSQL\naction: INSERT\ntemplate: {table: t, payload: {a: 1}}",
        "type: MAILCHIMP\naction: ADD_MEMBER",
        "type: REDIS\naction: FLUSHALL",
        "type: STRIPE\naction: CREATE_CARD\ntemplate: {customerId: c}",
        "type: NONSENSE\naction: X",
    ],
)
def test_what_has_no_counterpart_is_left_out(tmp_path, action):
    assert left_out(tmp_path, action).endswith("has no counterpart yet.")


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (POSTGRESQL.format("UPDATE") + "  payload: {n: 1}", 'update needs "where"'),
        (POSTGRESQL.format("DELETE"), 'delete needs "where"'),
        (POSTGRESQL.format("DELETE") + "  condition: [{field: n, operator: '<', value: 1}]", "more than columns"),
        (POSTGRESQL.format("DELETE") + "  condition: id = 5", "more than columns"),
        (POSTGRESQL.format("INSERT") + "  payload: {'{name}': 1}", "holds a wildcard; only values may"),
        (POSTGRESQL.format("INSERT") + "  payload: {a: '{nmae}'}", "the model has no nmae"),
        ("type: POSTGRESQL\naction: EXECUTE\ntemplate: {query: \"SELECT '%{name}%'\"}", "no value can be bound"),
        ("type: REDIS\naction: INCRBY\ntemplate: {key: k, value: '{total}'}", "is a number, but by takes an integer"),
        ("type: REDIS\naction: SET\ntemplate: {key: k}", 'set needs "value"'),
        (POSTGRESQL.format("INSERT") + "  database: '{name}'\n  payload: {a: 1}", "Its database is {name}"),
        ("type: HTTP\naction: POST\ntemplate: {payload: {}}", 'request needs "url"'),
        ("type: HTTP\naction: POST\ntemplate: {path: 'https://{name}/x'}", "a payload must not choose"),
        ("type: HTTP\naction: POST\ntemplate: {path: /x, payload: {apiToken: hush}}", "A secret is written out"),
        ("type: REDIS\naction: SET\ntemplate: {key: k, value: sk_live_hush}", "A secret is written out"),
        ("type: HTTP\naction: POST\ntemplate: {path: /x, payload: [1, null]}", "holds null"),
    ],
)
def test_what_would_not_be_right_is_left_out_with_the_reason(tmp_path, action, why):
    assert why in left_out(tmp_path, action)


def test_keys_that_no_field_takes_are_listed_and_kept_beside_the_action(tmp_path):
    action = "type: REDIS\naction: SET\ntemplate:\n  key: k\n  value: v\n  stringify: true\n  ttl: 60\n"
    result = imported(with_action(tmp_path, action))
    assert 'events/order.yaml:22:11: The action "a": No field of redis set takes "stringify".' in messages(result)
    assert 'events/order.yaml:23:11: The action "a": No field of redis set takes "ttl".' in messages(result)
    ((_, _, _, translated),) = result.actions
    assert translated.left == {"stringify": True, "ttl": 60}


def test_null_inside_a_value_is_left_out_and_listed(tmp_path):
    action = POSTGRESQL.format("INSERT") + "  payload: {a: 1, b: null}\n  returning: null"
    assert fields(tmp_path, action)["values"] == {"a": 1}
    assert any('"b" of values is null; it was left out.' in each for each in messages(imported(tmp_path)))


def test_what_a_template_tells_of_its_account_stands_in_the_command(tmp_path):
    action = POSTGRESQL.format("INSERT") + "  database: bakery\n  payload: {a: 1}\nserviceAccountId: Orders DB"
    (account,) = imported(with_action(tmp_path, action)).accounts
    assert (account.name, account.id, account.service) == ("orders-db", "Orders DB", "postgresql")
    assert "--test database=bakery --test user=USER" in account.command


def test_a_header_with_a_secret_becomes_the_accounts(tmp_path):
    action = "type: HTTP\naction: POST\ntemplate: {path: /x, headers: {Authorization: Basic aHVzaA==, X-A: '{name}'}}"
    result = imported(with_action(tmp_path, action))
    ((_, _, _, translated),) = result.actions
    assert translated.fields["headers"] == {"X-A": "{name}"}
    assert "header-name=Authorization" in result.accounts[0].command
    assert "aHVzaA" not in str(result.as_dict())


def test_one_account_of_two_services_becomes_two(tmp_path):
    folder = with_action(tmp_path, "type: REDIS\naction: INCR\ntemplate: {key: k}")
    path = folder / "events" / "order.yaml"
    more = "      - {id: b, type: HTTP, action: GET, serviceAccountId: mine, template: {path: /x}}\n"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    result = imported(folder)
    assert [(each.name, each.service) for each in result.accounts] == [("mine", "redis"), ("mine-2", "http")]
    assert any("The name mine is taken already" in each for each in messages(result))


def test_one_account_with_two_databases_becomes_two(tmp_path):
    folder = with_action(tmp_path, POSTGRESQL.format("INSERT") + "  payload: {a: 1}")
    path = folder / "events" / "order.yaml"
    more = "".join(
        f"      - {{id: {name}, type: POSTGRESQL, action: INSERT, serviceAccountId: mine, "
        f"template: {{database: {database}, table: t, payload: {{a: 1}}}}}}\n"
        for name, database in (("b", "one"), ("c", "two"), ("d", "one"))
    )
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    result = imported(folder)
    assert [(each.name, each.settings) for each in result.accounts] == [
        ("mine", {"database": "one"}),
        ("mine-2", {"database": "two"}),
    ]
    assert [action.account for _, _, action, _ in result.actions] == ["mine", "mine", "mine-2", "mine"]
