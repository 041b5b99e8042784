"""The documents of the event API: valid, complete, and true to the project."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from eventwire.project.read import read_project
from eventwire.project.sources import KINDS
from eventwire.server.asyncapi import asyncapi
from eventwire.server.openapi import PROBLEMS, openapi
from eventwire.server.problems import TITLES
from tests.project.projects import SHOP, write
from tests.tools import tool

NODES = {
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "id": {"type": "integer"}}}},
    "$id": "https://shop.example/tree",
    "$ref": "#/$defs/node",
    "type": "object",
    "properties": {"kind": {"enum": ["#/x", "#"]}, "children": {"type": "array", "items": {"$ref": "#"}}},
}
MORE = """
[events.tree]
schema = "node.json"

[events.welcomed]
group = "customers"
model = { id = "integer", at = "date-time?" }

[events.new-customer.filters.on-event.actions.keep.on-success.welcomed]
id = "{id}"

[sources.nightly]
kind = "schedule"
event = "welcomed"
schedule = "0 3 * * *"
values = { id = 1 }
"""
WEBHOOKS = "".join(
    f'\n[sources.by-{kind.name}]\nkind = "{kind.name}"\nevent = "tree"\n'
    + ('header = "X-Signature"\n' if kind.name == "hmac" else "")
    for kind in KINDS.values()
    if kind.is_webhook
)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "node.json").write_text(json.dumps(NODES))
    (tmp_path / "samples").mkdir()
    sample = {"id": 7, "name": "Ana", "plan": "pro", "address": {"city": "Recife", "country": "BR"}}
    (tmp_path / "samples" / "new-customer.json").write_text(json.dumps(sample))
    return read_project(write(tmp_path, SHOP + MORE + WEBHOOKS))


def references(node: Any):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def at(document, reference):
    for part in reference.removeprefix("#/").split("/"):
        document = document[part.replace("~1", "/")]
    return document


def test_openapi_is_valid(project):
    document = json.loads(json.dumps(openapi(project, "https://events.shop.example")))
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "https://events.shop.example"}]
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_every_event_has_a_path_and_its_model(project):
    document = openapi(project)
    for name, event in project.events.items():
        operation = document["paths"][f"/events/{name}"]["post"]
        content = operation["requestBody"]["content"]
        assert content["application/json"]["schema"] == {"$ref": f"#/components/schemas/{name}"}
        assert content["application/cloudevents+json"]["schema"]["allOf"][1]["properties"]["data"] == {
            "$ref": f"#/components/schemas/{name}"
        }
        schema = document["components"]["schemas"][name]
        assert list(schema["properties"]) == list(event.model.schema["properties"])
    example = document["paths"]["/events/new-customer"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert jsonschema_rs.Draft202012Validator(document["components"]["schemas"]["new-customer"]).is_valid(example)
    assert document["paths"]["/events/welcomed"]["post"]["tags"] == ["customers"]


@pytest.mark.parametrize("make", [openapi, asyncapi])
def test_a_schema_that_refers_to_itself_still_does(project, make):
    document = json.loads(json.dumps(make(project)))
    tree = {"$ref": "#/components/schemas/tree", "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(tree)
    assert validator.is_valid({"next": {"next": {"id": 1}}})
    assert not validator.is_valid({"next": {"next": {"id": "x"}}})
    assert document["components"]["schemas"]["tree"]["properties"]["kind"]["enum"] == ["#/x", "#"]
    for reference in references(document):
        assert at(document, reference)


def test_every_webhook_has_a_path_and_schedules_have_none(project):
    paths = openapi(project)["paths"]
    webhooks = {path.removeprefix("/sources/by-") for path in paths if path.startswith("/sources/")}
    assert webhooks == {kind.name for kind in KINDS.values() if kind.is_webhook}
    assert paths["/sources/by-stripe"]["post"]["security"] == []


def test_every_status_of_a_problem_is_documented():
    usual = {status for status, _ in TITLES.values()}
    # those of the pages, and our own bug, are no part of the event API
    assert usual - {403, 405, 409, 410, 500} <= set(PROBLEMS)


def test_asyncapi_names_channels_messages_and_what_raises_an_event(project):
    document = json.loads(json.dumps(asyncapi(project, "https://events.shop.example/in")))
    assert document["asyncapi"] == "3.0.0"
    assert document["servers"]["eventwire"]["host"] == "events.shop.example"
    assert document["servers"]["eventwire"]["pathname"] == "/in"
    assert set(document["channels"]) == set(project.events)
    for reference in references({key: value for key, value in document.items() if key != "components"}):
        assert at(document, reference)
    assert document["components"]["messages"]["tree"]["payload"] == {"$ref": "#/components/schemas/tree"}
    raised = document["operations"]["raise-welcomed"]
    assert raised["action"] == "send"
    assert raised["description"] == ("Raised by success of new-customer, on-event/keep, the source nightly (schedule).")
    assert document["operations"]["receive-tree"]["action"] == "receive"
    assert "raise-new-customer" not in document["operations"]


@pytest.mark.parametrize("command", ["openapi", "asyncapi"])
def test_commands(tmp_path, command):
    write(tmp_path)
    result = tool(command, "--server", "https://events.shop.example/", folder=tmp_path)
    assert result.exit_code == 0, result.output
    assert result.document[command].startswith("3.")
    assert "https://events.shop.example" in result.stdout or '"events.shop.example"' in result.stdout
    assert "example/" not in json.dumps(result.document.get("servers"))
    for wrong in ("events.shop.example", "ftp://x", "https://", "https://x?y=1"):
        refused = tool(command, "--server", wrong, folder=tmp_path)
        assert (refused.exit_code, "is no address of a server" in refused.stderr) == (2, True)


def test_a_project_without_events_is_valid_too(tmp_path):
    project = read_project(write(tmp_path, '[project]\nname = "shop"\n'))
    OpenAPIV31SpecValidator(json.loads(json.dumps(openapi(project)))).validate()
    assert asyncapi(project)["channels"] == {}
