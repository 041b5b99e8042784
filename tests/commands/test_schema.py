"""`eventwire schema`."""

from __future__ import annotations

import tomllib

import jsonschema_rs

from tests.tools import toml_of, tool


def test_accepts_the_template_and_refuses_what_check_refuses(shop):
    schema = tool("schema", folder=shop).document
    project = tomllib.loads(toml_of(shop))
    assert jsonschema_rs.is_valid(schema, project)
    assert not jsonschema_rs.is_valid(schema, {**project, "evnts": {}})
    project["events"]["new-customer"]["filters"]["on-event"]["actions"]["remember"]["action"] = 5
    assert not jsonschema_rs.is_valid(schema, project)
