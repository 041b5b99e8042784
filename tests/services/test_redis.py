"""Redis: a real server."""

from __future__ import annotations

import asyncio
import uuid
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import redis as library

from eventwire.errors import Refused, Rejected, Unavailable
from eventwire.services.declare import Credentials, Repetition, Target
from eventwire.services.redis import SERVICE
from tests.own_servers import own_redis
from tests.servers import REDIS, closed_port, require

TARGET = Target({}, "test", "ew_1")
HOSTILE = ["a b", "a\r\nSET x 1", "\0", "ü🤖", '"', "*3\r\n$3\r\nDEL", "", "{}", "%s", "' OR 1=1"]


def settings(**changes):
    parts = urlsplit(REDIS)
    given = {"host": parts.hostname, "port": parts.port, "database": int(parts.path.lstrip("/") or 0), "tls": False}
    return Credentials({**given, **changes}, {"password": changes.pop("password")} if "password" in changes else {})


@pytest.fixture
def prefix():
    require("redis", REDIS)
    name = f"ew:{uuid.uuid4().hex[:10]}:"
    yield name
    client = library.Redis.from_url(REDIS)
    keys = client.keys(f"{name}*")
    if keys:
        client.delete(*keys)
    client.close()


@pytest.fixture
def server(prefix):
    client = library.Redis.from_url(REDIS)
    yield client
    client.close()


def perform(*steps, credentials=None):
    """Run operations one after the other; returns the replies."""

    async def run():
        connection = await SERVICE.connect(credentials or settings())
        try:
            replies = []
            for name, values in steps:
                operation = SERVICE.operation(name)
                filled = {each.name: each.default for each in operation.fields if each.default is not None} | values
                replies.append((await operation.send(connection, operation.build(filled, TARGET)))["reply"])
            return replies
        finally:
            await connection.close()

    return asyncio.run(run())


def test_set_with_expiry_and_conditions(prefix, server):
    key = prefix + "a"
    replies = perform(
        ("set", {"key": key, "value": 1, "when": "present"}),
        ("set", {"key": key, "value": Decimal("19.90"), "expire-seconds": 100}),
        ("set", {"key": key, "value": "no", "when": "missing"}),
    )
    assert replies == [None, "OK", None] or replies == [None, True, None]
    assert server.get(key) == b"19.90"
    assert 90 < server.ttl(key) <= 100


def test_every_operation(prefix, server):
    k, h, li, s = (prefix + name for name in ("k", "h", "l", "s"))
    replies = perform(
        ("setnx", {"key": k, "value": "1"}),
        ("setnx", {"key": k, "value": "2"}),
        ("incr", {"key": k}),
        ("incrby", {"key": k, "by": 5}),
        ("incrbyfloat", {"key": k, "by": 0.5}),
        ("hset", {"key": h, "values": {"name": "Ana", "tags": ["a"], "n": 5, "yes": True}}),
        ("hsetnx", {"key": h, "field": "name", "value": "x"}),
        ("hincrby", {"key": h, "field": "n", "by": 2}),
        ("hincrbyfloat", {"key": h, "field": "n", "by": 0.5}),
        ("hdel", {"key": h, "fields": ["yes", "no"]}),
        ("lpush", {"key": li, "values": ["b", "a"]}),
        ("rpush", {"key": li, "values": ["c"]}),
        ("rpop", {"key": li}),
        ("publish", {"channel": prefix + "channel", "message": {"a": 1}}),
        ("expire", {"key": li, "seconds": 50}),
        ("del", {"keys": [k, prefix + "nothing"]}),
    )
    assert [int(each) if isinstance(each, bool) else each for each in replies[:4]] == [1, 0, 2, 7]
    assert float(replies[4]) == 7.5
    assert server.hgetall(h) == {b"name": b"Ana", b"tags": b'["a"]', b"n": b"7.5"}
    assert server.lrange(li, 0, -1) == [b"a", b"b"]
    assert replies[12] == "c"
    assert 0 < server.ttl(li) <= 50
    assert not server.exists(k)
    perform(("xadd", {"key": s, "values": {"name": "Ana"}, "max-length": 100}))
    ((_, entry),) = server.xrange(s)
    assert entry == {b"name": b"Ana"}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_any_value_stays_one_argument(prefix, server, hostile):
    perform(("set", {"key": prefix + hostile, "value": hostile}), ("rpush", {"key": prefix + "l", "values": [hostile]}))
    assert server.get(prefix + hostile) == hostile.encode()
    assert server.lrange(prefix + "l", 0, -1) == [hostile.encode()]
    assert len(server.keys(f"{prefix}*")) == (2 if hostile != "l" else 1)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("incr", {"key": "text"}, "not an integer"),
        ("hset", {"key": "text", "values": {"a": 1}}, "WRONGTYPE|wrong kind of value"),
        ("hset", {"key": "h", "values": {}}, '"values" is empty'),
        ("rpush", {"key": "l", "values": []}, '"values" is empty'),
        ("set", {"key": "k", "value": None}, '"value" is null'),
    ],
)
def test_what_cannot_be_done_is_rejected_in_the_servers_words(prefix, name, values, words):
    with pytest.raises(Rejected, match=words):
        perform(("set", {"key": prefix + "text", "value": "x"}), (name, {**values, "key": prefix + values["key"]}))


def test_a_server_that_is_down_may_be_up_later_and_nothing_was_sent():
    port = closed_port()
    with pytest.raises(Unavailable, match=f"Redis at 127.0.0.1:{port}") as raised:
        perform(credentials=settings(host="127.0.0.1", port=port))
    assert raised.value.sent is False


def test_a_wrong_password_is_refused(prefix, server):
    server.execute_command("ACL", "SETUSER", prefix + "user", "on", ">right", "~*", "+@all")
    try:
        with pytest.raises(Refused, match="WRONGPASS|invalid username-password"):
            parts = settings()
            perform(credentials=Credentials({**parts.settings, "user": prefix + "user"}, {"password": "wrong"}))
    finally:
        server.execute_command("ACL", "DELUSER", prefix + "user")


STEPS = [
    ("set", {"key": "a", "value": "1"}),
    ("set", {"key": "a", "value": "1", "when": "missing"}),
    ("set", {"key": "a", "value": "1", "when": "present"}),
    ("set", {"key": "there", "value": "1", "when": "missing"}),
    ("set", {"key": "there", "value": "1", "when": "present"}),
    ("setnx", {"key": "a", "value": "1"}),
    ("setnx", {"key": "there", "value": "1"}),
    ("hset", {"key": "h", "values": {"name": "Ana"}}),
    ("hsetnx", {"key": "h", "field": "name", "value": "Ana"}),
    ("hsetnx", {"key": "hash", "field": "city", "value": "Natal"}),
    ("hdel", {"key": "hash", "fields": ["city"]}),
    ("del", {"keys": ["there"]}),
    ("incr", {"key": "n"}),
    ("incrby", {"key": "n", "by": 2}),
    ("incrbyfloat", {"key": "n", "by": 0.5}),
    ("hincrby", {"key": "hash", "field": "n", "by": 2}),
    ("hincrbyfloat", {"key": "hash", "field": "n", "by": 0.5}),
    ("lpush", {"key": "l", "values": ["x"]}),
    ("rpush", {"key": "l", "values": ["x"]}),
    ("rpop", {"key": "list"}),
    ("xadd", {"key": "s", "values": {"name": "Ana"}}),
]


@pytest.mark.parametrize(("name", "values"), STEPS, ids=[f"{name}-{number}" for number, (name, _) in enumerate(STEPS)])
def test_what_is_declared_of_a_repetition_is_so(prefix, server, name, values):
    """Safe is what leaves all keys after the second time as they were after the first."""
    own = {**values, **({"keys": [prefix + each for each in values["keys"]]} if "keys" in values else {})}
    own |= {"key": prefix + values["key"]} if "key" in values else {}
    server.set(f"{prefix}there", "0")
    server.hset(f"{prefix}hash", mapping={"city": "Recife"})
    server.rpush(f"{prefix}list", "x", "y", "z")
    perform((name, own))
    after_one = contents(server, prefix)
    perform((name, own))
    declared = SERVICE.operation(name).repetition_of(own)
    assert declared is (Repetition.SAFE if contents(server, prefix) == after_one else Repetition.UNSAFE)


def contents(server, prefix):
    """Every key with its value, as the server itself writes it down."""
    return {key: server.dump(key) for key in server.keys(f"{prefix}*")}


def test_verify_says_what_answered(prefix):
    async def run():
        connection = await SERVICE.connect(settings())
        try:
            return await SERVICE.verify(connection)
        finally:
            await connection.close()

    assert asyncio.run(run()).startswith("Redis 7")


def test_commands_run_at_once_over_a_pool(prefix, server):
    async def run():
        connection = await SERVICE.connect(settings())
        send, build = SERVICE.operation("incr").send, SERVICE.operation("incr").build
        await asyncio.gather(*(send(connection, build({"key": prefix + "n"}, TARGET)) for _ in range(80)))
        await connection.close()

    asyncio.run(run())
    assert server.get(prefix + "n") == b"80"


def test_more_at_once_than_there_are_connections_wait_their_turn(prefix, server):
    async def run():
        connection = await SERVICE.connect(settings())
        incr = SERVICE.operation("incr")
        built = incr.build({"key": f"{prefix}n"}, TARGET)
        try:
            return await asyncio.gather(*(incr.send(connection, built) for _ in range(300)))
        finally:
            await connection.close()

    assert sorted(each["reply"] for each in asyncio.run(run())) == list(range(1, 301))


def test_a_connection_that_ended_while_nobody_used_it_is_made_anew():
    async def run(port):
        connection = await SERVICE.connect(settings(host="127.0.0.1", port=port, database=0))
        incr = SERVICE.operation("incr")
        built = incr.build({"key": "n"}, TARGET)
        try:
            await incr.send(connection, built)
            with library.Redis(port=port) as server:
                server.client_kill_filter(_type="normal")
            await asyncio.sleep(0.1)
            return await incr.send(connection, built)
        finally:
            await connection.close()

    with own_redis() as port:
        assert asyncio.run(run(port)) == {"reply": 2}
