"""The JSON Schema for editors: it accepts what `check` accepts, and points at what is plainly wrong."""

from __future__ import annotations

import jsonschema_rs
import pytest
import tomli

from eventwire.project import schema
from eventwire.project.scaffold import template_folder
from tests.project.projects import SHOP


@pytest.fixture
def validator(monkeypatch):
    monkeypatch.setattr(schema, "service_names", lambda: ["file", "postgresql", "sqlite"])
    return jsonschema_rs.Draft202012Validator(schema.project_schema())


def test_the_template_and_a_project_are_valid(validator):
    assert validator.is_valid(tomli.loads(SHOP))
    assert validator.is_valid(tomli.loads((template_folder() / "eventwire.toml").read_text()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"file"', '"flie"'),
        ("folder =", "flder ="),
        ('"append"', '"apend"'),
        ("description", "descripton"),
        ("filters.big]", 'filters."Big one"]'),
        ("where = 'amount > 100'", "where = 5"),
        ('action = "append"', 'action = "append"\nretry = { attempts = 0 }'),
        ('action = "append"', 'action = "append"\nretry = { max-age-seconds = 0 }'),
        ('name = "shop"', 'name = "shop"\nretention-days = 0'),
        ('service = "file"', 'service = "file"\nmax-concurrent = 0'),
        ('service = "file"', 'service = "file"\nmax-per-second = 0'),
        ('action = "append"\nfile = "customers.ndjson"', 'action = "append"'),
    ],
)
def test_what_is_wrong_is_marked(validator, old, new):
    assert old in SHOP
    assert not validator.is_valid(tomli.loads(SHOP.replace(old, new, 1)))


def test_secrets_are_no_part_of_it(validator):
    text = (
        SHOP + '[service-accounts.db]\nservice = "postgresql"\ntest = { database = "d", user = "u", password = "p" }\n'
    )
    assert not validator.is_valid(tomli.loads(text))
    assert validator.is_valid(tomli.loads(text.replace(', password = "p"', "")))


def test_every_key_of_the_catalogue_is_described():
    append = schema.find_service("file").operation("append")
    described = schema.fields_schema(append.fields, wildcards=True)["properties"]
    assert set(described) == {each.name for each in append.fields}
    assert all(each["description"] for each in described.values())
