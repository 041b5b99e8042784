"""What PostgreSQL or the way to it said, as an error that may pass or one that will not."""

from __future__ import annotations

from eventwire.errors import Refused, Rejected, ServiceError, Unavailable
from eventwire.services.reasons import plain_reason
from eventwire.services.tls import certificate_problem, not_trusted

# Classes of SQLSTATE that may pass by themselves (PostgreSQL documentation, appendix A): connection exceptions,
# transaction rollbacks such as deadlocks, a lack of resources, an operator's intervention; and two single ones: a lock that
# was not to be had in time, and a statement that was cancelled or took too long.
PASSING = ("08", "40", "53", "57P", "55P03", "57014")
# Those of them that leave open whether the statement took effect: the connection's end is no answer to it.
UNCERTAIN = ("08", "40003", "57P02")
CREDENTIALS = ("28",)


def translate(error: Exception, address: str, *, sent: bool = True) -> ServiceError:
    """What the server or the way to it said, as one that may pass or one that will not."""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return translate_answer(error, state, address, sent=sent)
    if problem := certificate_problem(error):
        return not_trusted("PostgreSQL", address, problem)
    if "rejected SSL upgrade" in str(error):
        step = "Turn TLS on at the server, or choose another ssl-mode."
        return Rejected(f"PostgreSQL at {address} does not speak TLS.", next_step=step)
    words = f"PostgreSQL at {address}: {plain_reason(str(error)) or type(error).__name__}"
    if isinstance(error, TimeoutError):
        return Unavailable(f"PostgreSQL at {address} did not answer.", sent=sent)
    kind = type(error).__name__
    if kind == "DataError":  # asyncpg's encoders, before anything is sent
        return Rejected(f"PostgreSQL: {error}.")
    if isinstance(error, OSError) or kind in ("ConnectionDoesNotExistError", "InterfaceError", "InternalClientError"):
        return Unavailable(f"{words}.", sent=sent, next_step=f"Is a server running at {address}?")
    return Rejected(f"{words}.")


def translate_answer(error: Exception, state: str, address: str, *, sent: bool) -> ServiceError:
    """An error with an SQLSTATE: the server's own, or the client's where the connection has ended."""
    words = f"PostgreSQL: {getattr(error, 'message', None) or error}"
    detail = getattr(error, "detail", None)
    words = f"{words.rstrip('.')}. {detail}" if detail else f"{words.rstrip('.')}."
    answer = {
        name: value
        for name in ("sqlstate", "constraint_name", "table_name", "column_name")
        if (value := getattr(error, name, None))
    }
    if state.startswith(CREDENTIALS):
        return Refused(words, response=answer, next_step="Give other credentials with: eventwire add:service-account")
    if state.startswith(PASSING):
        # but for these the server has told that the statement did not take effect; the connection's end is no answer
        is_open = sent and state.startswith(UNCERTAIN)
        return Unavailable(words, response=None if is_open else answer, sent=is_open)
    return Rejected(words, response=answer, next_step=getattr(error, "hint", None) or next_step_of(state, address))


def next_step_of(state: str, address: str) -> str | None:
    """What to do about an error that is common."""
    return {
        "3D000": f"Make the database, or name another one that is at {address}.",
        "42P01": "Make the table, or name another in `table`.",
        "42703": "Name a column that the table has.",
        "42501": "Grant the user the right, or use another service account.",
    }.get(state)
