"""A payload is never a command: each value is one argument, and the server runs as many commands as there are actions."""

from __future__ import annotations

import pytest
import redis

from tests.own_servers import own_redis
from tests.safety.hostile import NIGHTLY, NORMAL, any_text, each_hostile
from tests.safety.wired import Wired, account, action, sent

COMMANDS = {"set", "setnx", "hset", "rpush", "lpush", "xadd", "publish", "del"}
ACTIONS = "".join(
    [
        action("set", "cache", "set", key="set:{text}", value="{text}"),
        action("lone", "cache", "setnx", key="{text}", value="<{text}>"),
        action("hset", "cache", "hset", key="hset", values={"field": "{text}", "other": "{text}{text}"}),
        action("hash", "cache", "hset", key="hash:{text}", values={"field": {"text": "{text}"}}),
        action("rpush", "cache", "rpush", key="rpush", values=["{text}", "x", "{text}"]),
        action("lpush", "cache", "lpush", key="lpush", values="{text}"),
        action("xadd", "cache", "xadd", key="xadd", values={"field": "{text}"}),
        action("publish", "cache", "publish", channel="channel", message="{text}"),
        action("del", "cache", "del", keys=["missing:{text}"]),
    ]
)


class Cache:
    """A server of the test's own, with one key that has to stay."""

    def __init__(self, folder, port):
        self.wired = Wired(folder, account("cache", "redis", host="127.0.0.1", port=port) + ACTIONS)
        self.client = redis.Redis(port=port)
        self.listener = self.client.pubsub()
        self.listener.subscribe("channel")
        assert self.listener.get_message(timeout=5)["type"] == "subscribe"
        self.wired.send("the connection's own commands come now")
        assert self.listener.get_message(timeout=5)["type"] == "message"

    def check(self, text):
        self.client.flushall()
        self.client.set("sentinel", "1")
        self.client.config_resetstat()
        records = self.wired.send(text)
        calls = {
            name.removeprefix("cmdstat_"): each["calls"] for name, each in self.client.info("commandstats").items()
        }
        assert all(map(sent, records.values()))
        own = {"config|resetstat", "info", "client|setinfo", "client|setname", "ping"}
        assert {name: calls[name] for name in calls if name not in own} == {
            **dict.fromkeys(COMMANDS, 1),
            "hset": 2,
        }
        assert self.contents() == self.expected(text)
        assert self.listener.get_message(timeout=5)["data"] == text.encode()
        assert self.listener.get_message() is None

    def expected(self, text):
        data = text.encode()
        return {
            b"sentinel": b"1",
            b"set:" + data: data,
            data: b"<" + data + b">",
            b"hset": {b"field": data, b"other": data + data},
            b"hash:" + data: {b"field": self.as_json(text)},
            b"rpush": [data, b"x", data],
            b"lpush": [data],
            b"xadd": [{b"field": data}],
        }

    def as_json(self, text):
        import json

        found = self.client.hget(b"hash:" + text.encode(), "field")
        assert json.loads(found) == {"text": text}
        return found

    def contents(self):
        read = {
            b"string": self.client.get,
            b"hash": self.client.hgetall,
            b"list": lambda key: self.client.lrange(key, 0, -1),
            b"stream": lambda key: [entry for _, entry in self.client.xrange(key)],
        }
        keys = self.client.keys()
        assert self.client.dbsize() == len(keys)
        return {key: read[self.client.type(key)](key) for key in keys}

    def close(self):
        self.wired.close()
        self.listener.close()
        self.client.close()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with own_redis() as port:
        made = Cache(tmp_path_factory.mktemp("cache"), port)
        yield made
        made.close()


@each_hostile
def test_a_hostile_text_is_one_argument(cache, text):
    cache.check(text)


@any_text(NORMAL)
def test_any_text_is_one_argument(cache, text):
    cache.check(text)


@pytest.mark.nightly
@any_text(NIGHTLY)
def test_any_text_is_one_argument_at_length(cache, text):
    cache.check(text)
