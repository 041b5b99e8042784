"""When an attempt that failed is made again."""

from __future__ import annotations

from eventwire.errors import Unavailable
from eventwire.project.model import Retry
from eventwire.services.declare import Repetition


def may_repeat(error: Exception, repetition: Repetition) -> bool:
    """Whether repeating may help and cannot do the same thing twice."""
    if not isinstance(error, Unavailable):
        return False
    return repetition is not Repetition.UNSAFE or not may_have_happened(error)


def may_have_happened(error: Exception) -> bool:
    """Whether the request may have had its effect although no answer came back."""
    return isinstance(error, Unavailable) and error.sent and error.response is None


def longest_delay_seconds(retry: Retry, attempt: int) -> float:
    """The longest wait after the given attempt (from 1), as long as no server asks for more."""
    return min(retry.max_delay_seconds, retry.first_delay_seconds * retry.factor ** (attempt - 1))


def delay_seconds(retry: Retry, attempt: int, error: Exception) -> float:
    """How long to wait after the given attempt (from 1): exponential backoff with full jitter, at least Retry-After.

    Full jitter: a uniform choice between 0 and the exponential bound (Brooker, "Exponential Backoff And Jitter",
    AWS Architecture Blog, 2015).
    """
    import random

    asked = error.retry_after_seconds if isinstance(error, Unavailable) else None
    return max(asked or 0.0, random.uniform(0, longest_delay_seconds(retry, attempt)))  # noqa: S311 - spreads load


def patience_seconds(retry: Retry, attempts: int) -> float:
    """How long a delivery waits for an account that is paused: as long as its further attempts might have taken."""
    return sum(longest_delay_seconds(retry, attempt) for attempt in range(attempts + 1, retry.attempts))
