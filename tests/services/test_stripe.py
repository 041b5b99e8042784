"""Stripe: against localstripe, and each request checked by a plain server where localstripe lacks it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import urllib.request
from urllib.parse import parse_qsl

import pytest

from eventwire.errors import Refused, Rejected, Unavailable
from eventwire.services.declare import Credentials, Repetition, Target
from eventwire.services.stripe import SERVICE
from tests.servers import closed_port
from tests.services.answering import answering

KEY = "sk_test_12345"


@pytest.fixture(scope="module")
def localstripe(tmp_path_factory):
    port = closed_port()
    command = [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"]
    process = subprocess.Popen(
        command, cwd=tmp_path_factory.mktemp("stripe"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/js.stripe.com/v3/", timeout=5).close()
            break
        except OSError:
            time.sleep(0.05)
    yield url
    process.kill()
    process.wait()


def perform(url, name, values, *, key="ew_1", secret=KEY):
    async def run():
        web = await SERVICE.connect(Credentials({"api-base": url}, {"secret-key": secret}))
        operation = SERVICE.operation(name)
        try:
            return await operation.send(web, operation.build(values, Target({}, "test", key)))
        finally:
            await web.close()

    return asyncio.run(run())["body"]


def card(localstripe):
    """A card's token, as a browser would get it."""
    fields = "card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123&key=pk_test_x"
    request = urllib.request.Request(f"{localstripe}/v1/tokens", fields.encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return parse_token(answer.read())


def parse_token(body):
    import json

    return json.loads(body)["id"]


def test_a_customer_is_made_and_changed(localstripe):
    made = perform(localstripe, "create-customer", {"email": "ana@example.com", "name": "Ana", "metadata": {"id": 7}})
    assert (made["email"], made["metadata"]) == ("ana@example.com", {"id": "7"})
    changed = perform(localstripe, "update-customer", {"id": made["id"], "description": "VIP & more"})
    assert (changed["id"], changed["description"]) == (made["id"], "VIP & more")


def test_a_charge_is_made_and_captured_and_given_back(localstripe):
    customer = perform(localstripe, "create-customer", {"parameters": {"source": card(localstripe)}})
    values = {"amount": 1999, "currency": "usd", "customer": customer["id"], "capture": False}
    charge = perform(localstripe, "create-charge", values)
    assert (charge["amount"], charge["captured"]) == (1999, False)
    captured = perform(localstripe, "capture-charge", {"id": charge["id"]})
    assert captured["captured"] is True
    refund = perform(localstripe, "create-refund", {"charge": charge["id"], "amount": 500})
    assert (refund["amount"], refund["charge"]) == (500, charge["id"])


def test_a_payment_intent_is_made_confirmed_and_another_cancelled(localstripe):
    customer = perform(localstripe, "create-customer", {"parameters": {"source": card(localstripe)}})
    values = {
        "amount": 500,
        "currency": "eur",
        "customer": customer["id"],
        "payment-method": customer["default_source"],
    }
    intent = perform(localstripe, "create-payment-intent", values)
    assert intent["status"] == "requires_confirmation"
    assert perform(localstripe, "confirm-payment-intent", {"id": intent["id"]})["status"] == "succeeded"
    other = perform(localstripe, "create-payment-intent", values)
    assert perform(localstripe, "cancel-payment-intent", {"id": other["id"]})["status"] == "canceled"


def test_what_stripe_rejects_is_told_in_its_words(localstripe):
    with pytest.raises(Rejected, match="Stripe answered 404"):
        perform(localstripe, "update-customer", {"id": "cus_nobody", "name": "x"})


@pytest.mark.parametrize(
    ("name", "values", "path", "form"),
    [
        (
            "capture-payment-intent",
            {"id": "pi_1", "amount-to-capture": 700},
            "/v1/payment_intents/pi_1/capture",
            {"amount_to_capture": "700"},
        ),
        (
            "cancel-payment-intent",
            {"id": "pi_1", "cancellation-reason": "abandoned"},
            "/v1/payment_intents/pi_1/cancel",
            {"cancellation_reason": "abandoned"},
        ),
        (
            "create-payment-intent",
            {
                "amount": 1,
                "currency": "usd",
                "metadata": {"a b": "ü&="},
                "parameters": {"payment_method_types": ["card"]},
            },
            "/v1/payment_intents",
            {"amount": "1", "currency": "usd", "metadata[a b]": "ü&=", "payment_method_types[0]": "card"},
        ),
        ("create-refund", {"payment-intent": "pi_1"}, "/v1/refunds", {"payment_intent": "pi_1"}),
    ],
)
def test_requests_are_as_stripe_documents_them(name, values, path, form):
    with answering() as server:
        perform(server.url, name, values, key="ew_abc")
        (received,) = server.received
    assert (received.method, received.path) == ("POST", path)
    assert dict(parse_qsl(received.body.decode())) == form
    assert received.header("authorization") == f"Bearer {KEY}"
    assert received.header("idempotency-key") == "ew_abc"
    assert received.header("content-type") == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("identifier", ["", "../customers", "cus_1/sources", "cus 1"])
def test_an_id_cannot_change_the_path(identifier):
    with pytest.raises(Rejected, match="is no id of Stripe's"):
        SERVICE.operation("update-customer").build({"id": identifier}, Target({}, "test", "k"))


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (402, Rejected), (429, Unavailable), (500, Unavailable)])
def test_stripes_statuses(status, error):
    with answering() as server, pytest.raises(error):
        server.answers = [(status, {}, {"error": {"message": "because"}})]
        perform(server.url, "create-customer", {})


@pytest.mark.parametrize(
    ("environment", "key", "sentence"),
    [
        ("test", "sk_test_1", None),
        ("test", "rk_test_1", None),
        ("live", "sk_live_1", None),
        ("test", "sk_live_1", "the key is a live key."),
        ("live", "rk_test_1", "the key is a test key."),
        ("test", "pk_test_1", "a test key begins with sk_test_ or rk_test_."),
    ],
)
def test_test_keys_and_live_keys_are_told_apart(environment, key, sentence):
    assert SERVICE.check_credentials(Credentials({}, {"secret-key": key}, environment)) == sentence


def test_every_operation_may_be_repeated_since_it_carries_a_key():
    assert {each.repetition_of({}) for each in SERVICE.operations} == {Repetition.KEYED}


def test_a_key_that_is_still_at_work_may_be_free_later():
    with answering() as server:
        server.answers = [(409, {}, {"error": {"code": "idempotency_key_in_use", "message": "in progress"}})]
        with pytest.raises(Unavailable, match="in progress"):
            perform(server.url, "create-customer", {"name": "Ana"})
