"""The command that gives a service account what it waits for."""

from __future__ import annotations

import pytest

from eventwire.services.catalog import find_service
from eventwire.services.setting_up import set_up_command


@pytest.mark.parametrize(
    ("service", "flags"),
    [
        ("postgresql", "--test database=DATABASE --test user=USER --test-secret password=-"),
        ("redis", "--test host=HOST --test-secret password=-"),
        ("slack", "--test-secret webhook-url=-"),
        ("stripe", "--test-secret secret-key=-"),
        ("http", "--test base-url=BASE-URL"),
    ],
)
def test_what_a_service_needs(service, flags):
    assert set_up_command("mine", find_service(service)) == (
        f"eventwire add:service-account mine --service {service} {flags}"
    )


def test_what_is_known_stands_there_in_each_environment():
    command = set_up_command("mine", find_service("postgresql"), ("test", "live"), {"database": "my shop"})
    assert command.count("'database=my shop'") == 2
    assert "--live user=USER" in command


def test_a_field_that_means_something_only_beside_another():
    command = set_up_command("mine", find_service("http"), known={"authentication": "bearer"})
    assert command.endswith("--test authentication=bearer --test-secret token=-")
