"""Stripe: customers, payments, charges and refunds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from eventwire.errors import Rejected, Unavailable
from eventwire.fields import Context, Field, FieldType
from eventwire.language.payloads import encode_json
from eventwire.services.declare import Credentials, Operation, Repetition, Request, Service, Target, Values
from eventwire.services.web import Web, call, open_client, secrets_of

API = "https://api.stripe.com"
KEY_PREFIXES = {"test": ("sk_test_", "rk_test_"), "live": ("sk_live_", "rk_live_")}


async def connect(credentials: Credentials) -> Web:
    """A client with the account's key; nothing is sent yet."""
    headers = {"authorization": f"Bearer {credentials.get('secret-key', '')}"}
    if version := credentials.settings.get("api-version"):
        headers["stripe-version"] = str(version)
    base = str(credentials.settings["api-base"]).rstrip("/")
    return StripeWeb(open_client(), "Stripe", headers, secrets=secrets_of(credentials), base=base)


class StripeWeb(Web, frozen=True):
    """The client, and where the API is."""

    base: str = API


async def verify(web: StripeWeb) -> str:
    """Asks for at most one customer, which any key may that can make one."""
    await call(web, "GET", f"{web.base}/v1/customers?limit=1")
    return f"Stripe at {web.base}"


def check_credentials(credentials: Credentials) -> str | None:
    """A test key is told from a live key by its prefix: neither may stand in for the other."""
    key = str(credentials.get("secret-key", ""))
    expected = KEY_PREFIXES[credentials.environment]
    if key.startswith(expected):
        return None
    other = "live" if credentials.environment == "test" else "test"
    if key.startswith(KEY_PREFIXES[other]):
        return f"the key is a {other} key."
    return f"a {credentials.environment} key begins with {' or '.join(expected)}."


async def send(web: StripeWeb, request: Request) -> Any:
    """Send the request; Stripe answers with the object."""
    content = urlencode(list(flatten(request["form"]))).encode()
    headers = {**request["headers"], "content-type": "application/x-www-form-urlencoded"}
    try:
        return await call(web, "POST", f"{web.base}{request['path']}", headers=headers, content=content)
    except Rejected as error:
        # the same key is still at work, or another request holds the object: https://docs.stripe.com/api/errors
        if (error.response or {}).get("status") == 409:
            raise Unavailable(error.message, response=error.response) from error
        raise


def flatten(form: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Nested parameters as Stripe's form fields: `metadata[id]`, `items[0][price]`."""
    for name, value in form.items():
        yield from flatten_value(name, value)


def flatten_value(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """One parameter's form fields; null is left out."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from flatten_value(f"{name}[{key}]", each)
    elif isinstance(value, list | tuple):
        for position, each in enumerate(value):
            yield from flatten_value(f"{name}[{position}]", each)
    elif value is not None:
        yield name, value if isinstance(value, str) else encode_json(value)


def builder(path: str, fields: tuple[Field, ...]) -> Callable[[Values, Target], Request]:
    """The `build` of an operation: `{id}` in the path is the field `id`, all other fields are parameters."""

    def build(values: Values, target: Target) -> Request:
        given = {name: values[name] for name in (each.name for each in fields) if values.get(name) is not None}
        extra = given.pop("parameters", {})
        identifier = str(given.pop("id", ""))
        if "{id}" in path and (not identifier or not identifier.replace("_", "").isalnum()):
            raise Rejected(f'"{identifier}" is no id of Stripe\'s.', next_step="Give it a value such as cus_… or pi_….")
        form = {name.replace("-", "_"): value for name, value in given.items()} | dict(extra)
        return {
            "path": path.replace("{id}", quote(identifier, safe="")),
            "form": form,
            "headers": {"idempotency-key": target.idempotency_key},
        }

    return build


def parameter(name: str, label: str, example: Any = None, *, required: bool = False, help: str = "") -> Field:
    """A text parameter."""
    return Field(name, label, context=Context.TEXT, required=required, example=example, help=help)


def amount(*, required: bool) -> Field:
    """An amount."""
    return Field(
        "amount",
        "Amount",
        type=FieldType.INTEGER,
        context=Context.VALUE,
        required=required,
        example=1999,
        minimum=0,
        help="In the currency's smallest unit: 1999 is 19.99 in USD.",
    )


METADATA = Field("metadata", "Metadata", type=FieldType.TABLE, context=Context.VALUE, example={"customer": "{id}"})
PARAMETERS = Field(
    "parameters",
    "Further parameters",
    type=FieldType.TABLE,
    context=Context.JSON,
    example={"statement_descriptor": "SHOP"},
    help="Any other of Stripe's parameters, by its own name.",
)
CURRENCY = parameter("currency", "Currency", "usd", required=True, help="Three letters, ISO 4217.")
DESCRIPTION = parameter("description", "Description", "Order {id}")
CUSTOMER = parameter("customer", "Customer's id", "cus_123")
PAYMENT_METHOD = parameter("payment-method", "Payment method's id", "pm_card_visa")
CONFIRM = Field("confirm", "Confirm it at once", type=FieldType.BOOLEAN, context=Context.VALUE, example=True)
PERSON = (
    parameter("email", "E-mail", "{email}"),
    parameter("name", "Name", "{name}"),
    parameter("phone", "Phone", "+1 555 0100"),
    DESCRIPTION,
)


def identifier(what: str, example: str) -> Field:
    """The id of the object that is acted on."""
    return parameter("id", f"{what}'s id", example, required=True)


def operation(name: str, summary: str, path: str, *fields: Field) -> Operation:
    """An operation of this service; Stripe keeps a repeated key from acting twice."""
    example = {each.name: each.example for each in fields if each.required}
    all_fields = (*fields, METADATA, PARAMETERS) if name != "cancel-payment-intent" else (*fields, PARAMETERS)
    build = builder(path, all_fields)
    return Operation(name, summary, all_fields, build, send, repetition=Repetition.KEYED, example=example)


SERVICE = Service(
    name="stripe",
    label="Stripe",
    summary="Makes customers, takes payments and gives them back through Stripe.",
    documentation="https://docs.stripe.com/api",
    extra="stripe",
    modules=("httpx", "pyreqwest.compatibility.httpx"),
    fields=(
        Field("secret-key", "Secret key", secret=True, required=True, help="sk_test_… for test, sk_live_… for live."),
        Field("api-version", "API version", example="2025-06-30", help="Otherwise your account's own."),
        Field("api-base", "Address of the API", default=API),
    ),
    connect=connect,
    verify=verify,
    check_credentials=check_credentials,
    operations=(
        operation("create-customer", "Makes a customer.", "/v1/customers", *PERSON),
        operation(
            "update-customer", "Changes a customer.", "/v1/customers/{id}", identifier("Customer", "cus_123"), *PERSON
        ),
        operation(
            "create-payment-intent",
            "Makes a payment intent.",
            "/v1/payment_intents",
            amount(required=True),
            CURRENCY,
            CUSTOMER,
            PAYMENT_METHOD,
            CONFIRM,
            DESCRIPTION,
        ),
        operation(
            "confirm-payment-intent",
            "Confirms a payment intent.",
            "/v1/payment_intents/{id}/confirm",
            identifier("Payment intent", "pi_123"),
            PAYMENT_METHOD,
        ),
        operation(
            "capture-payment-intent",
            "Captures a payment intent that was authorized.",
            "/v1/payment_intents/{id}/capture",
            identifier("Payment intent", "pi_123"),
            Field(
                "amount-to-capture",
                "Amount to capture",
                type=FieldType.INTEGER,
                context=Context.VALUE,
                example=1999,
                minimum=0,
                help="Otherwise all of it.",
            ),
        ),
        operation(
            "cancel-payment-intent",
            "Cancels a payment intent.",
            "/v1/payment_intents/{id}/cancel",
            identifier("Payment intent", "pi_123"),
            Field(
                "cancellation-reason",
                "Reason",
                choices=("duplicate", "fraudulent", "requested_by_customer", "abandoned"),
                example="abandoned",
            ),
        ),
        operation(
            "create-charge",
            "Charges a card or a customer.",
            "/v1/charges",
            amount(required=True),
            CURRENCY,
            CUSTOMER,
            parameter("source", "Card's token or source", "tok_visa"),
            Field("capture", "Capture it at once", type=FieldType.BOOLEAN, context=Context.VALUE, example=False),
            DESCRIPTION,
        ),
        operation(
            "capture-charge",
            "Captures a charge that was authorized.",
            "/v1/charges/{id}/capture",
            identifier("Charge", "ch_123"),
            amount(required=False),
        ),
        operation(
            "create-refund",
            "Gives a payment back, whole or in part.",
            "/v1/refunds",
            parameter("charge", "Charge's id", "ch_123"),
            parameter("payment-intent", "Payment intent's id", "pi_123"),
            amount(required=False),
            Field(
                "reason", "Reason", choices=("duplicate", "fraudulent", "requested_by_customer"), example="duplicate"
            ),
        ),
    ),
)
