"""Redis, and servers that speak its protocol: Valkey, KeyDB, Dragonfly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

from eventwire.errors import Refused, Rejected, ServiceError, Unavailable
from eventwire.fields import Context, Field, FieldType
from eventwire.language.payloads import encode_json
from eventwire.services.declare import (
    Credentials,
    Operation,
    Repetition,
    Request,
    Service,
    Target,
    Values,
    import_client,
)
from eventwire.services.reasons import plain_reason
from eventwire.services.tls import BESIDE, ca_field, ca_file, certificate_problem, not_trusted

CONNECT_SECONDS = 15.0
POOL_SIZE = 100
LONGEST_EXPIRY_SECONDS = 10 * 365 * 86_400

# Errors that may pass by themselves, by the first word of Redis's answer.
PASSING = ("LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "OOM", "READONLY", "NOREPLICAS")
CREDENTIALS = ("WRONGPASS", "NOAUTH", "NOPERM")


class Server(Struct, frozen=True):
    """A pool of connections to a server."""

    client: Any
    address: str

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()


async def connect(credentials: Credentials) -> Server:
    """Open a pool and prove that the credentials work, by PING."""
    client_library = import_client("redis.asyncio", "redis", "redis")
    settings = credentials.settings
    # one that waits for its turn, where more are under way: redis-py's own pool fails them
    pool = client_library.BlockingConnectionPool(
        timeout=None,
        **security_of(credentials, client_library),
        host=settings["host"],
        port=settings["port"],
        db=settings["database"],
        username=settings.get("user"),
        password=credentials.get("password"),
        socket_connect_timeout=CONNECT_SECONDS,
        max_connections=POOL_SIZE,
        # retries are the engine's: it knows what may be repeated
        retry=import_client("redis.asyncio.retry", "redis", "redis").Retry(
            import_client("redis.backoff", "redis", "redis").NoBackoff(), 0
        ),
        client_name="eventwire",
        # with RESP3, redis-py 8 takes a connection that has ended for one with news, and fails the next command on it
        protocol=2,
    )
    server = Server(client_library.Redis.from_pool(pool), f"{settings['host']}:{settings['port']}")
    try:
        await perform(server, ["PING"], sent=False)
    except BaseException:
        await server.close()
        raise
    return server


def security_of(credentials: Credentials, client_library: Any) -> dict[str, Any]:
    """How the pool's connections are made; with TLS the certificate and its name are proved. Raises Rejected."""
    if not credentials.settings["tls"]:
        return {"connection_class": client_library.Connection}
    path = ca_file(credentials)
    return {
        "connection_class": client_library.SSLConnection,
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": str(path) if path else None,
    }


async def verify(server: Server) -> str:
    """Asks for the server's version."""
    try:
        information = await server.client.info("server")
    except Exception as error:
        raise translate(error, server.address) from error
    return f"Redis {information.get('redis_version', '?')} at {server.address}"


async def send(server: Server, request: Request) -> Any:
    """Run one command. Raises Unavailable, Rejected."""
    return {"reply": readable(await perform(server, request["command"]))}


async def perform(server: Server, command: list[str], *, sent: bool = True) -> Any:
    """Run a command; `sent` is whether it may have had an effect where the connection is lost."""
    try:
        return await server.client.execute_command(*command)
    except Exception as error:
        raise translate(error, server.address, sent=sent) from error


async def run_many(server: Server, requests: Sequence[tuple[Operation, Request]]) -> list[Any]:
    """Run the commands in one pipeline: written together, then each reply read, which is an error of its own or none."""
    pool = server.client.connection_pool
    try:
        connection = await pool.get_connection()
    except Exception as error:
        return [translate(error, server.address, sent=False) for _ in requests]
    try:
        return await pipeline(server, connection, [request["command"] for _, request in requests])
    except BaseException:
        await connection.disconnect(nowait=True)  # replies are on their way that nobody waits for
        raise
    finally:
        await pool.release(connection)


async def pipeline(server: Server, connection: Any, commands: Sequence[list[str]]) -> list[Any]:
    """The outcomes of commands sent together.

    redis-py's own Pipeline does the same at half the speed, and fails all for one that cannot be encoded.
    """
    answers = import_client("redis.exceptions", "redis", "redis")
    answered = (answers.ResponseError, answers.BusyLoadingError)
    outcomes: list[Any] = pack(server, commands)
    lost: Exception | None = None
    try:
        await connection.send_packed_command(b"".join([each for each in outcomes if isinstance(each, bytes)]))
    except Exception as error:
        lost = error
    next_reply, nothing = replies_at_hand(connection)
    callbacks = server.client.response_callbacks
    for position, command in enumerate(commands):
        if not isinstance(outcomes[position], bytes):
            continue
        if lost is None:
            try:
                reply = next_reply()
                if reply is nothing:
                    reply = await connection.read_response(disconnect_on_error=False)
                elif isinstance(reply, Exception):
                    raise reply
                # as `execute_command` makes it
                callback = callbacks.get(command[0])
                outcomes[position] = {"reply": readable(reply if callback is None else callback(reply))}
                continue
            except answered as error:
                outcomes[position] = translate(error, server.address)
                continue
            except Exception as error:
                lost = error
                await connection.disconnect(nowait=True)
        outcomes[position] = translate(lost, server.address)
    return outcomes


def pack(server: Server, commands: Sequence[list[str]]) -> list[bytes | ServiceError]:
    """Each command as it goes over the line, or why it cannot."""
    pack_command = import_client("hiredis", "redis", "redis").pack_command
    packed: list[bytes | ServiceError] = []
    for command in commands:
        try:
            packed.append(pack_command(tuple(command)))
        except Exception as error:
            packed.append(translate(error, server.address, sent=False))
    return packed


def replies_at_hand(connection: Any) -> tuple[Callable[[], Any], Any]:
    """What gives the next reply that has come and was not read yet, and what it gives where there is none.

    redis-py reads a reply through four coroutines, which is more than half of what a command costs, and has no other way. So this
    takes what came with the reply before out of its parser; of a redis-py that keeps it elsewhere, it finds none.
    """
    reader = getattr(getattr(connection, "_parser", None), "_reader", None)
    if isinstance(reader, import_client("hiredis", "redis", "redis").Reader):
        return reader.gets, reader.gets()
    nothing = object()
    return lambda: nothing, nothing


def translate(error: Exception, address: str, *, sent: bool = True) -> ServiceError:
    """What the server or the way to it said, as one that may pass or one that will not."""
    words = str(error).rstrip(".")
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"AuthenticationError", "NoPermissionError", "AuthorizationError"} or words.startswith(CREDENTIALS):
        return Refused(f"Redis: {words}.", next_step="Give other credentials with: eventwire add:service-account")
    if problem := certificate_problem(error):
        return not_trusted("Redis", address, problem)
    if "BusyLoadingError" in kinds or words.startswith(PASSING):
        return Unavailable(f"Redis: {words}.", sent=False)
    if kinds & {"ConnectionError", "TimeoutError", "OSError"}:
        # redis-py connects when a command runs, so that it can fail before anything was sent
        refused = "connecting to" in words or "Connect call failed" in words
        return Unavailable(
            f"Redis at {address}: {plain_reason(words)}.",
            sent=sent and not refused,
            next_step=f"Is a server running at {address}?",
        )
    return Rejected(f"Redis: {words}.", response={"error": words})


def readable(reply: Any) -> Any:
    """Redis's reply as JSON data; bytes that are no UTF-8 as hexadecimal."""
    if isinstance(reply, bytes):
        try:
            return reply.decode()
        except UnicodeDecodeError:
            return reply.hex()
    if isinstance(reply, list | tuple):
        return [readable(each) for each in reply]
    return {str(readable(key)): readable(value) for key, value in reply.items()} if isinstance(reply, dict) else reply


def argument(value: Any, name: str) -> str:
    """A value as one argument: text as it is, numbers as written, structures as JSON. Raises Rejected for null."""
    if value is None:
        raise Rejected(f'"{name}" is null, which Redis cannot store.', next_step="Give it a default: {… | default: …}")
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float | Decimal) else encode_json(value)


def text(name: str, label: str, example: str, **more: Any) -> Field:
    """A field that becomes one argument."""
    return Field(name, label, context=Context.TEXT, required=True, example=example, **more)


def value_field(name: str, label: str, example: Any, kind: FieldType = FieldType.ANY) -> Field:
    """A field whose value becomes one argument."""
    return Field(name, label, type=kind, context=Context.VALUE, required=True, example=example)


def many(name: str, label: str, example: list[str]) -> Field:
    """A field whose values become an argument each."""
    return Field(name, label, type=FieldType.LIST, context=Context.VALUE, required=True, example=example)


KEY = text("key", "Key", "customer:{id}")
VALUE = value_field("value", "Value", "{name}")
FIELD = text("field", "Field of the hash", "city")
FIELDS = Field(
    "values",
    "Fields and values",
    type=FieldType.TABLE,
    context=Context.VALUE,
    required=True,
    example={"name": "{name}", "city": "{address.city}"},
)
EXPIRE = Field(
    "expire-seconds",
    "Expires after, in seconds",
    type=FieldType.INTEGER,
    context=Context.VALUE,
    example=3600,
    minimum=1,
    maximum=LONGEST_EXPIRY_SECONDS,
)
WHEN = Field(
    "when",
    "Only set it",
    choices=("always", "missing", "present"),
    default="always",
    help="missing: only where the key is not there yet (NX); present: only where it is (XX).",
)
WHEN_ONLY = {"missing": "NX", "present": "XX"}
BY = value_field("by", "By how much", 1, FieldType.INTEGER)
BY_FLOAT = value_field("by", "By how much", 1.5, FieldType.NUMBER)

Command = Callable[[Values], list[str]]


def simple(name: str, *fields: str) -> Command:
    """A command whose arguments are these fields in order; a list gives an argument each, a table two."""

    def command(values: Values) -> list[str]:
        parts = [name]
        for field in fields:
            parts += arguments(values[field], field)
        return parts

    return command


def arguments(value: Any, name: str) -> list[str]:
    """A field's value as arguments. Raises Rejected for a list or table with nothing in it."""
    if isinstance(value, Mapping) and name == "values":
        if not value:
            raise Rejected('"values" is empty.', next_step="Give it at least one field.")
        return [part for key, each in value.items() for part in (str(key), argument(each, key))]
    if name in ("values", "keys", "fields"):
        parts = [argument(each, name) for each in (value if isinstance(value, list | tuple) else [value])]
        if not parts:
            raise Rejected(f'"{name}" is empty.', next_step="Give it at least one value.")
        return parts
    return [argument(value, name)]


def set_command(values: Values) -> list[str]:
    """SET key value [NX|XX] [EX seconds]."""
    parts = ["SET", argument(values["key"], "key"), argument(values["value"], "value")]
    if condition := WHEN_ONLY.get(values["when"]):
        parts.append(condition)
    expiry = values.get("expire-seconds")
    return parts if expiry is None else [*parts, "EX", str(expiry)]


def xadd_command(values: Values) -> list[str]:
    """XADD key [MAXLEN ~ n] * field value …"""
    length = values.get("max-length")
    limit = [] if length is None else ["MAXLEN", "~", str(length)]
    return ["XADD", argument(values["key"], "key"), *limit, "*", *arguments(values["values"], "values")]


def expire_command(values: Values) -> list[str]:
    """EXPIRE key seconds."""
    return ["EXPIRE", argument(values["key"], "key"), argument(values["seconds"], "seconds")]


def operation(
    name: str,
    summary: str,
    command: Command,
    *fields: Field,
    repetition: Repetition = Repetition.UNSAFE,
) -> Operation:
    """An operation of this service."""

    def build(values: Values, target: Target) -> Request:
        return {"command": command(values)}

    example = {each.name: each.example for each in fields if each.required}
    return Operation(name, summary, fields, build, send, repetition=repetition, example=example)


SAFE = Repetition.SAFE

SERVICE = Service(
    name="redis",
    label="Redis",
    summary="Sets keys, counts, pushes and publishes in Redis.",
    documentation="https://redis.io/docs/latest/commands/",
    extra="redis",
    modules=("redis.asyncio", "hiredis"),
    fields=(
        Field("host", "Host", default="localhost", example="cache.shop.example"),
        Field("port", "Port", type=FieldType.INTEGER, default=6379, minimum=1, maximum=65535),
        Field("database", "Database number", type=FieldType.INTEGER, default=0, minimum=0),
        Field("user", "User", example="shop"),
        Field("password", "Password", secret=True, help="Where the server asks for none, leave it out."),
        Field("tls", "TLS", type=FieldType.BOOLEAN, default=False),
        ca_field(BESIDE, when=("tls", (True,))),
    ),
    connect=connect,
    verify=verify,
    run_many=run_many,
    operations=(
        # a repeated SET, SETNX or HSETNX leaves what the first has left, although its reply differs
        operation("set", "Sets a key to a value.", set_command, KEY, VALUE, EXPIRE, WHEN, repetition=SAFE),
        operation(
            "setnx",
            "Sets a key, unless it is there already.",
            simple("SETNX", "key", "value"),
            KEY,
            VALUE,
            repetition=SAFE,
        ),
        operation("hset", "Sets fields of a hash.", simple("HSET", "key", "values"), KEY, FIELDS, repetition=SAFE),
        operation(
            "hsetnx",
            "Sets a field of a hash, unless it is there already.",
            simple("HSETNX", "key", "field", "value"),
            KEY,
            FIELD,
            VALUE,
            repetition=SAFE,
        ),
        operation(
            "del", "Deletes keys.", simple("DEL", "keys"), many("keys", "Keys", ["customer:{id}"]), repetition=SAFE
        ),
        operation(
            "hdel",
            "Deletes fields of a hash.",
            simple("HDEL", "key", "fields"),
            KEY,
            many("fields", "Fields", ["city"]),
            repetition=SAFE,
        ),
        operation("incr", "Adds 1 to a key.", simple("INCR", "key"), KEY),
        operation("incrby", "Adds an integer to a key.", simple("INCRBY", "key", "by"), KEY, BY),
        operation("incrbyfloat", "Adds a number to a key.", simple("INCRBYFLOAT", "key", "by"), KEY, BY_FLOAT),
        operation(
            "hincrby", "Adds an integer to a field of a hash.", simple("HINCRBY", "key", "field", "by"), KEY, FIELD, BY
        ),
        operation(
            "hincrbyfloat",
            "Adds a number to a field of a hash.",
            simple("HINCRBYFLOAT", "key", "field", "by"),
            KEY,
            FIELD,
            BY_FLOAT,
        ),
        operation(
            "lpush",
            "Puts values at the head of a list.",
            simple("LPUSH", "key", "values"),
            KEY,
            many("values", "Values", ["{name}"]),
        ),
        operation(
            "rpush",
            "Puts values at the end of a list.",
            simple("RPUSH", "key", "values"),
            KEY,
            many("values", "Values", ["{name}"]),
        ),
        operation("rpop", "Takes the last value off a list.", simple("RPOP", "key"), KEY),
        operation(
            "publish",
            "Publishes a message to a channel.",
            simple("PUBLISH", "channel", "message"),
            text("channel", "Channel", "customers"),
            value_field("message", "Message", "{name} signed up"),
        ),
        operation(
            "xadd",
            "Adds an entry to a stream.",
            xadd_command,
            KEY,
            FIELDS,
            Field(
                "max-length",
                "Keep about this many entries",
                type=FieldType.INTEGER,
                context=Context.VALUE,
                example=10_000,
                minimum=1,
            ),
        ),
        operation(
            "expire",
            "Lets a key expire.",
            expire_command,
            KEY,
            Field(
                "seconds",
                "Seconds",
                type=FieldType.INTEGER,
                context=Context.VALUE,
                required=True,
                example=3600,
                maximum=LONGEST_EXPIRY_SECONDS,
            ),
            repetition=SAFE,
        ),
    ),
)
