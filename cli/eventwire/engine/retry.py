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


def delay_seconds(retry: Retry, attempt: int, error: Exception) -> float:
    """How long to wait after the given attempt (from 1): exponential backoff with full jitter, at least Retry-After.

    Full jitter: a uniform choice between 0 and the exponential bound (Brooker, "Exponential Backoff And Jitter",
    AWS Architecture Blog, 2015).
    """
    import random

    bound = min(retry.max_delay_seconds, retry.first_delay_seconds * retry.factor ** (attempt - 1))
    asked = error.retry_after_seconds if isinstance(error, Unavailable) else None
    return max(asked or 0.0, random.uniform(0, bound))  # noqa: S311 - spreads load, guards nothing
