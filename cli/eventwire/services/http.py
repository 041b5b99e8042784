"""Any API or webhook over HTTP."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from eventwire.errors import Rejected
from eventwire.fields import Context, Field, FieldType
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.payloads import encode_json
from eventwire.services.declare import Credentials, Operation, Repetition, Request, Service, Target, Values
from eventwire.services.tls import BESIDE, NOT_TRUSTED, ca_field, certificates
from eventwire.services.web import Web, call, merged, open_client, secrets_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
# Methods whose second call changes nothing more (RFC 9110, section 9.2.2).
IDEMPOTENT = ("GET", "HEAD", "PUT", "DELETE")
# Headers that say where a request ends and what becomes of its connection (RFC 9110, section 7.6.1; RFC 9112, section 6):
# a second one beside the client's own would let a server read one request as two. Host is not among them: it chooses
# among the sites of the one server that the address names.
FRAMING = ("connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
# Every answer proves that there is a server, but these two refuse the credentials.
NO_REFUSAL = frozenset(range(100, 600)) - {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
TOKEN = lazy_pattern(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, section 5.6.2
WHOLE = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]*://")


class HttpWeb(Web, frozen=True):
    """The client, and the address that the account's authentication is for."""

    base: str = ""


async def connect(credentials: Credentials) -> HttpWeb:
    """A client that adds the account's authentication to its own server's requests; nothing is sent yet.

    Raises Rejected for a broken `ca-file`.
    """
    base = str(credentials.settings.get("base-url") or "")
    client = open_client(certificates(credentials))
    headers = authentication(credentials)
    secrets = secrets_of(credentials, *headers.values())
    return HttpWeb(client, "HTTP", headers, untrusted=NOT_TRUSTED, secrets=secrets, base=base)


def is_own(base: str, url: str) -> bool:
    """Whether an address is at the account's server: its credentials go nowhere else."""
    return not base or origin(base) == origin(url)


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454)."""
    parts = urlsplit(url)
    port = parts.port if has_port(parts) else None
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme)


def authentication(credentials: Credentials) -> dict[str, str]:
    """The header that the account's authentication adds."""
    kind = credentials.settings.get("authentication", "none")
    if kind == "basic":
        pair = f"{credentials.settings.get('username', '')}:{credentials.get('password', '')}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    if kind == "bearer":
        return {"authorization": f"Bearer {credentials.get('token', '')}"}
    if kind == "header":
        return {str(credentials.settings.get("header-name")): str(credentials.get("header-value", ""))}
    return {}


async def verify(web: HttpWeb) -> str:
    """Sends HEAD to the base URL, where there is one: any answer counts that does not refuse the credentials."""
    if not web.base:
        return "settings are complete; there is no base-url, so that nothing was called"
    status = (await call(web, "HEAD", web.base, expect=NO_REFUSAL))["status"]
    return f"{web.base} answered {status}{phrase_of(status)}"


def phrase_of(status: int) -> str:
    """What a status means, to stand behind it: ` Not Found`. Nothing for one that no standard knows."""
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def check_credentials(credentials: Credentials) -> str | None:
    """What is wrong with the settings, seen without connecting."""
    base = credentials.settings.get("base-url")
    if base and not is_address(urlsplit(str(base))):
        return f'the base URL "{base}" is no http or https address.'
    for name, value in authentication(credentials).items():
        if any(char in name + value for char in "\r\n\0"):
            return "a credential holds a line end."
    return None


def build(values: Values, target: Target) -> Request:
    """The request as it is sent, but for the account's authentication, which is shown masked."""
    headers = {str(name): str(value) for name, value in (values.get("headers") or {}).items() if value is not None}
    body, content_type = body_of(values)
    if content_type and not any(name.lower() == "content-type" for name in headers):
        headers["content-type"] = content_type
    if values.get("idempotency-header"):
        headers = merged(headers, {str(values["idempotency-header"]): target.idempotency_key})
    url = address(values, target)
    own = is_own(str(target.settings.get("base-url") or ""), url)
    request = {
        "method": values["method"],
        "url": url,
        "headers": checked(merged(headers, masked(target.settings)) if own else headers),
        "body": body,
        "expect": [int(each) for each in as_list(values.get("expect"))],
    }
    return {name: value for name, value in request.items() if value not in (None, [])}


def checked(headers: dict[str, str]) -> dict[str, str]:
    """The headers, each with a name that is one. Raises Rejected."""
    for name in headers:
        if not TOKEN.fullmatch(name):
            raise Rejected(f"{name!r} cannot be the name of a header.", next_step="Write it as in X-Event.")
    return headers


def address(values: Values, target: Target) -> str:
    """The whole URL: joined to the base, with its query. Raises Rejected for one that leads elsewhere or nowhere."""
    base, url = str(target.settings.get("base-url") or ""), str(values["url"])
    whole = joined(base, url) if base and not WHOLE.match(url) else url
    parts = urlsplit(whole)
    if not is_address(parts):
        raise Rejected(
            f'"{whole}" is no http or https address.', next_step="Write it whole, or give the account a base-url."
        )
    whole = parts._replace(fragment="").geturl()  # a fragment is never sent, and a query after it would be lost
    query = urlencode(pairs(values.get("query") or {}))
    return f"{whole}{'&' if parts.query else '?'}{query}" if query else whole


def is_address(parts: SplitResult) -> bool:
    """Whether it leads to a server over HTTP."""
    return parts.scheme in ("http", "https") and bool(parts.hostname) and has_port(parts)


def has_port(parts: SplitResult) -> bool:
    """Whether the port, where one is written, is one."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def joined(base: str, url: str) -> str:
    """A relative address below the base. `./` keeps `customers:batch` from being read as a scheme."""
    return urljoin(f"{base.rstrip('/')}/", f"./{url.lstrip('/')}")


def pairs(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A table as form fields: a list gives its name once for each value, null gives nothing."""
    return [
        (name, text_of(each))
        for name, value in table.items()
        for each in (value if isinstance(value, list | tuple) else [value])
        if each is not None
    ]


def text_of(value: Any) -> str:
    """A value as text; structures as JSON."""
    return value if isinstance(value, str) else encode_json(value)


def body_of(values: Values) -> tuple[str | None, str | None]:
    """The body and its type, from whichever of json, form and body is given."""
    if "json" in values:
        return encode_json(values["json"]), "application/json"
    if "form" in values:
        return urlencode(pairs(values["form"])), "application/x-www-form-urlencoded"
    return (str(values["body"]), "text/plain; charset=utf-8") if "body" in values else (None, None)


def masked(settings: Mapping[str, Any]) -> dict[str, str]:
    """The account's authentication as it is shown."""
    kind = settings.get("authentication", "none")
    if kind in ("basic", "bearer"):
        return {"authorization": f"{kind.title()} •••"}
    return {str(settings.get("header-name")): "•••"} if kind == "header" else {}


async def send(web: HttpWeb, request: Request) -> Any:
    """Send the request with the account's authentication in place of the mask."""
    body = request.get("body")
    return await call(
        web if is_own(web.base, request["url"]) else Web(web.client, web.label),
        request["method"],
        request["url"],
        headers=request["headers"],
        content=body.encode() if body is not None else None,
        expect=request.get("expect", ()),
    )


def as_list(value: Any) -> list[Any]:
    """A list, or the list of one that a single value stands for."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def repetition(values: Values) -> Repetition:
    """What the method promises; a header with the delivery's key leaves it to the server."""
    if values.get("idempotency-header"):
        return Repetition.KEYED
    return Repetition.SAFE if values.get("method", "POST") in IDEMPOTENT else Repetition.UNSAFE


SERVICE = Service(
    name="http",
    label="HTTP",
    summary="Calls any API or webhook.",
    documentation="https://www.rfc-editor.org/rfc/rfc9110",
    extra="http",
    modules=("httpx", "pyreqwest.compatibility.httpx"),
    fields=(
        Field(
            "base-url",
            "Base URL",
            example="https://api.shop.example/v1",
            help="What an action's url is joined to; credentials go to this server only.",
        ),
        Field("authentication", "Authentication", choices=("none", "basic", "bearer", "header"), default="none"),
        Field("username", "User name", example="shop", when=("authentication", ("basic",))),
        Field("password", "Password", secret=True, when=("authentication", ("basic",))),
        Field("token", "Token", secret=True, required=True, when=("authentication", ("bearer",))),
        Field(
            "header-name",
            "Header",
            required=True,
            example="X-Api-Key",
            when=("authentication", ("header",)),
            refused=FRAMING,
        ),
        Field("header-value", "Header's value", secret=True, required=True, when=("authentication", ("header",))),
        ca_field(BESIDE),
    ),
    connect=connect,
    verify=verify,
    check_credentials=check_credentials,
    operations=(
        Operation(
            name="request",
            summary="Sends a request.",
            fields=(
                Field("method", "Method", choices=METHODS, default="POST"),
                Field(
                    "url",
                    "URL",
                    context=Context.URL,
                    required=True,
                    example="/customers/{id}",
                    help="Whole, or joined to the account's base URL.",
                ),
                Field(
                    "headers",
                    "Headers",
                    type=FieldType.TABLE,
                    context=Context.HEADER,
                    example={"X-Event": "{event.name}"},
                    refused=FRAMING,
                ),
                Field(
                    "query", "Query", type=FieldType.TABLE, context=Context.VALUE, example={"city": "{address.city}"}
                ),
                Field("json", "JSON body", type=FieldType.ANY, context=Context.JSON, example={"name": "{name}"}),
                Field("form", "Form body", type=FieldType.TABLE, context=Context.VALUE, example={"name": "{name}"}),
                Field("body", "Text body", context=Context.TEXT, example="{name} signed up"),
                Field(
                    "expect",
                    "Statuses that count as success",
                    type=FieldType.LIST,
                    example=[200, 404],
                    help="Otherwise every 2xx does. Redirects are not followed: a 3xx is a failure unless it stands here.",
                ),
                Field(
                    "idempotency-header",
                    "Header for the delivery's key",
                    example="Idempotency-Key",
                    refused=FRAMING,
                    help="Where the server keeps a repeated key from acting twice; the request may then be repeated.",
                ),
            ),
            build=build,
            send=send,
            repetition=repetition,
            exclusive=(("json", "form", "body"),),
            example={"method": "POST", "url": "https://hooks.example/customers", "json": {"name": "{name}"}},
        ),
    ),
)
