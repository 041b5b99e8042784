"""A payload never chooses the server, the schema, or whom a message pings."""

from __future__ import annotations

import pytest

from eventwire.fields import Context
from eventwire.language.findings import LanguageError
from eventwire.language.wildcards import UnsafeValue, parse_template


def render(text, context, **payload):
    return parse_template(text, context).render(payload, {})


@pytest.mark.parametrize(
    "address",
    ["https://{host}/x", "https://{host}", "https://api.{host}/x", "https://{host}:443/x", "https://{a}.{b}/x"],
)
def test_an_address_whose_server_a_payload_would_choose_is_refused_when_it_is_read(address):
    with pytest.raises(LanguageError, match="names its server"):
        parse_template(address, Context.URL)


@pytest.mark.parametrize("value", ["evil.example/", "evil.example", "a.b", "x@evil", "a:80", "a#", "", "-a"])
def test_a_subdomain_is_one_label(value):
    assert render("https://{t}.shop.example/x", Context.URL, t="north-1") == "https://north-1.shop.example/x"
    with pytest.raises(UnsafeValue):
        render("https://{t}.shop.example/x", Context.URL, t=value)


def test_a_port_is_digits():
    assert render("http://127.0.0.1:{p}/x", Context.URL, p=8080) == "http://127.0.0.1:8080/x"
    with pytest.raises(UnsafeValue, match="is no port"):
        render("http://127.0.0.1:{p}/x", Context.URL, p="80@evil.example")


def test_a_path_may_hold_any_value():
    assert render("/customers/{id}", Context.URL, id="a.b/c") == "/customers/a.b%2Fc"


@pytest.mark.parametrize("name", ["log_{k}", "{k}", "public.log_{k}"])
def test_a_table_stays_in_the_schema_that_is_written(name):
    assert render(name, Context.IDENTIFIER, k="users").endswith("users")
    with pytest.raises(UnsafeValue, match="another schema"):
        render(name, Context.IDENTIFIER, k="pg_catalog.pg_authid")


def test_a_message_pings_nobody_that_the_project_does_not():
    text = render("<!here> {n} & co", Context.MRKDWN, n="<!channel> <https://evil.example|click> &")
    assert text == "<!here> &lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; & co"
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "{n}"}}]
    rendered = render(blocks, Context.MRKDWN, n="<!channel>")
    assert rendered == [{"type": "section", "text": {"type": "mrkdwn", "text": "&lt;!channel&gt;"}}]
