"""How many requests each key may send: a bucket of tokens that fills as time passes."""

from __future__ import annotations

from math import ceil

from eventwire.server.problems import Refusal

MOST_KEYS = 100_000


class Rates:
    """A bucket for each key. It holds a second's worth of requests, so that a burst of those goes through."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._room = max(1.0, per_second)
        self._buckets: dict[str, tuple[float, float]] = {}
        """By key: how many requests are left, and when that was so, on the monotonic clock."""

    def take(self, key: str, now: float) -> None:
        """Let one request through. Raises Refusal with the time after which the next will be."""
        left, at = self._buckets.get(key, (self._room, now))
        left = min(self._room, left + (now - at) * self._per_second)
        if left < 1.0:
            wait = ceil((1.0 - left) / self._per_second)
            raise Refusal(
                "too-many-requests",
                f"This key sends more than {self._per_second:g} requests a second.",
                next_step=f"Send it again in {wait} s.",
                headers={"retry-after": str(wait)},
            )
        if len(self._buckets) >= MOST_KEYS:
            self._buckets.clear()
        self._buckets[key] = (left - 1.0, now)
