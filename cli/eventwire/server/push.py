"""Notifications by web push: to browsers that asked for them, through their makers' push services, which cannot read them.

Encrypted as RFC 8291 says, and sent in this server's name as RFC 8292 (VAPID) says. The address of a push service comes
from a browser: it never leads to a private network.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct

from eventwire.errors import EventwireError, MissingExtra
from eventwire.language.payloads import encode_json_bytes
from eventwire.server.outgoing import post
from eventwire.server.problems import Refusal

if TYPE_CHECKING:
    from eventwire.server.entries import Entry
    from eventwire.server.store import Store
    from eventwire.server.timeline import Timeline

KEPT_SECONDS = 86_400
"""For so long a push service keeps a notification for a device that is off."""
CLAIM_SECONDS = 12 * 3600
LONGEST_ADDRESS = 2048
MOST_SUBSCRIPTIONS = 200
AT_ONCE = 16
GONE = (404, 410)
LONGEST_BODY = 300
CONTACT = "mailto:push@eventwire.example"


class Subscription(Struct, frozen=True):
    """A browser that wants notifications."""

    endpoint: str
    public_key: str
    secret: str
    actor: str


class Pusher:
    """Sends notifications to those who want them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subscriptions = list_subscriptions(store)
        self._slots = asyncio.Semaphore(AT_ONCE)

    @property
    def is_wanted(self) -> bool:
        """Whether any browser wants them."""
        return bool(self._subscriptions)

    def subscribe(self, subscription: Subscription) -> None:
        """From now on, a browser gets notifications. Raises Refusal."""
        check(subscription)
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise Refusal("conflict", f"{MOST_SUBSCRIPTIONS} browsers get notifications already.")
        save_subscription(self._store, subscription)
        self._subscriptions = list_subscriptions(self._store)

    def is_subscribed(self, endpoint: str, actor: str) -> bool:
        """Whether a browser gets notifications for somebody."""
        return any((each.endpoint, each.actor) == (endpoint, actor) for each in list_subscriptions(self._store))

    def unsubscribe(self, endpoint: str) -> None:
        """A browser gets none any more."""
        remove_subscription(self._store, endpoint)
        self._subscriptions = list_subscriptions(self._store)

    async def push_all(self, timeline: Timeline, runs: Sequence[str]) -> None:
        """Notify of those entries that ask for it."""
        entries = await asyncio.to_thread(timeline.entries, runs)
        wanted = [each for each in entries if each.notify]
        if wanted:
            # a command may have removed a user meanwhile
            self._subscriptions = await asyncio.to_thread(list_subscriptions, self._store)
        await asyncio.gather(*(self.push(each, one) for each in wanted for one in self._subscriptions))

    async def push(self, entry: Entry, subscription: Subscription) -> None:
        """Notify one browser of one entry. One that is gone is forgotten; what else goes wrong is not worth a retry."""
        async with self._slots:
            try:
                body, headers = await asyncio.to_thread(sealed, self._store, subscription, notification(entry))
                answer = await post(subscription.endpoint, body, headers, trusted=False)
            except EventwireError:
                return
        if answer.status in GONE:
            self.unsubscribe(subscription.endpoint)


def notification(entry: Entry) -> bytes:
    """What a browser shows."""
    text = entry.content if entry.kind == "text" and isinstance(entry.content, str) else entry.category or entry.event
    title = f"{entry.avatar} {entry.title}" if entry.avatar else entry.title
    return encode_json_bytes(
        {
            "title": title,
            "body": text[:LONGEST_BODY],
            "url": f"/event/{entry.run}",
            "tag": entry.context or entry.run,
            "environment": entry.environment,
        }
    )


def sealed(store: Store, subscription: Subscription, data: bytes) -> tuple[bytes, dict[str, str]]:
    """A notification that only its browser can read, and the headers that go with it. Raises MissingExtra."""
    pywebpush, vapid = import_libraries()
    keys = {"p256dh": subscription.public_key, "auth": subscription.secret}
    encrypted = pywebpush.WebPusher({"endpoint": subscription.endpoint, "keys": keys}).encode(data, "aes128gcm")
    parts = urlsplit(subscription.endpoint)
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "sub": CONTACT, "exp": int(time.time()) + CLAIM_SECONDS}
    headers = vapid.Vapid02.from_pem(private_key(store).encode()).sign(claims)
    more = {"content-encoding": "aes128gcm", "content-type": "application/octet-stream", "ttl": str(KEPT_SECONDS)}
    return bytes(encrypted["body"]), {**headers, **more, "urgency": "high"}


def public_key(store: Store) -> str:
    """The key by which a browser's push service will know this server, as the browser wants it. Raises MissingExtra."""
    from base64 import urlsafe_b64encode

    _, vapid = import_libraries()
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = vapid.Vapid02.from_pem(private_key(store).encode()).public_key
    raw = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def private_key(store: Store) -> str:
    """This server's key, made when it is first needed. Raises MissingExtra."""
    _, vapid = import_libraries()
    made = None
    row = store.first("SELECT private_key FROM push_keys WHERE id = 1")
    if row is None:
        made = vapid.Vapid02()
        made.generate_keys()
        with store.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO push_keys VALUES (1, ?)", (made.private_pem().decode(),))
        row = store.first("SELECT private_key FROM push_keys WHERE id = 1")
    assert row is not None, "it was just written"
    return str(row[0])


def check(subscription: Subscription) -> None:
    """Raise Refusal for what cannot be a browser's."""
    from base64 import urlsafe_b64decode

    parts = urlsplit(subscription.endpoint)
    fits = parts.scheme == "https" and parts.hostname and len(subscription.endpoint) <= LONGEST_ADDRESS
    try:
        sizes = [len(urlsafe_b64decode(each + "===")) for each in (subscription.public_key, subscription.secret)]
    except ValueError:
        sizes = []
    if not fits or sizes != [65, 16]:
        raise Refusal(
            "bad-request", "This is not what a browser's push service gives.", next_step="Load the page again."
        )


def list_subscriptions(store: Store) -> list[Subscription]:
    """The browsers that want notifications."""
    rows = store.rows("SELECT endpoint, public_key, secret, actor FROM push_subscriptions ORDER BY created_at")
    return [Subscription(*row) for row in rows]


def save_subscription(store: Store, subscription: Subscription) -> None:
    """Keep that a browser wants notifications."""
    values = (subscription.endpoint, subscription.public_key, subscription.secret, subscription.actor, time.time())
    with store.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO push_subscriptions VALUES (?, ?, ?, ?, ?)", values)


def remove_subscription(store: Store, endpoint: str) -> None:
    """Forget a browser."""
    with store.transaction() as connection:
        connection.execute("DELETE FROM push_subscriptions WHERE endpoint = ?", (endpoint,))


def import_libraries() -> tuple[Any, Any]:
    """What encrypts and signs. Raises MissingExtra."""
    try:
        import py_vapid
        import pywebpush
    except ImportError as error:
        raise MissingExtra("server", "server", "Notifications need a library") from error
    return pywebpush, py_vapid
