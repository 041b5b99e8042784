"""Problem documents: what a request is answered with where something is wrong (RFC 9457).

{"type": "https://eventwire.example/problems/payload", "title": "The payload does not fit", "status": 422,
 "detail": "…", "next_step": "…", "errors": [{"path": "address.city", "message": "is missing"}]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eventwire.errors import EventwireError, PayloadError
from eventwire.language.payloads import encode_json_bytes
from eventwire.server.bodies import UnreadableBody

MEDIA_TYPE = "application/problem+json"
TYPE = "https://eventwire.example/problems/"

TITLES: Mapping[str, tuple[int, str]] = {
    "bad-request": (400, "The request is not understood"),
    "payload": (422, "The payload does not fit the event"),
    "unreadable-body": (400, "The body cannot be read"),
    "key-refused": (401, "The key does not count"),
    "signature-refused": (401, "The signature does not count"),
    "sign-in-refused": (401, "Signing in failed"),
    "forbidden": (403, "This is not allowed"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "The method is not allowed"),
    "key-reused": (422, "The idempotency key stands for another event"),
    "usage": (409, "It cannot be answered yet"),
    "conflict": (409, "It is in conflict with what happened before"),
    "gone": (410, "It can no longer be done"),
    "too-many-requests": (429, "There are too many requests"),
    "head-too-large": (431, "The headers are too large"),
    "bug": (500, "eventwire failed"),
    "credential": (503, "A credential is missing"),
    "journal": (503, "The journal cannot be written"),
    "server-store": (503, "The server's file cannot be written"),
    "stopping": (503, "The server is stopping"),
    "project": (503, "The project is wrong"),
}
"""Each code with its usual status, and its title."""


class Refusal(EventwireError):
    """A request that is answered with a problem: its code is one of TITLES."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        next_step: str | None = None,
        violations: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.code = code
        self.violations = tuple(violations)
        """Each violation as path and sentence."""
        self.headers = dict(headers or {})
        """Further headers of the answer: `Retry-After`, `Allow` …"""


class Problem(Mapping[str, Any]):
    """A problem document, with the status and the headers of its answer."""

    def __init__(self, status: int, document: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.document = dict(document)
        self.headers = {"content-type": MEDIA_TYPE, **headers}

    def encode(self) -> bytes:
        """The document as JSON."""
        return encode_json_bytes(self.document)

    def __getitem__(self, key: str) -> Any:
        return self.document[key]

    def __iter__(self) -> Any:
        return iter(self.document)

    def __len__(self) -> int:
        return len(self.document)


def problem_of(error: Exception, instance: str | None = None) -> Problem:
    """What an error is answered with. Of an error that is not ours, nothing is told but that it is one."""
    if not isinstance(error, EventwireError):
        return make(500, "bug", "eventwire failed. This is a bug in eventwire.", None, (), instance, {})
    status, _ = TITLES.get(error.code, (500, ""))
    violations = getattr(error, "violations", ())
    if isinstance(error, UnreadableBody):
        status = error.status
    elif isinstance(error, PayloadError) and not violations:
        # it is no JSON, rather than JSON that does not fit
        status = 400
    headers = dict(getattr(error, "headers", {}))
    if status == 401:
        headers.setdefault("www-authenticate", 'Bearer realm="eventwire"')
    # a colon leads to what is listed below it in a terminal; here it is listed in `errors`
    detail = f"{error.message[:-1]}." if error.message.endswith(":") else error.message
    return make(status, error.code, detail, error.next_step, violations, instance, headers)


def make(
    status: int,
    code: str,
    detail: str,
    next_step: str | None,
    violations: Iterable[tuple[str, str]],
    instance: str | None,
    headers: Mapping[str, str],
) -> Problem:
    """A problem document; what is not known is left out."""
    title = TITLES.get(code, (status, "The request failed"))[1]
    document: dict[str, Any] = {"type": f"{TYPE}{code}", "title": title, "status": status, "detail": detail}
    errors = [{"path": path, "message": sentence} for path, sentence in violations]
    more = {"next_step": next_step, "errors": errors, "instance": instance}
    return Problem(status, document | {key: value for key, value in more.items() if value}, headers)


def problem_schema() -> dict[str, Any]:
    """The JSON Schema of a problem document, for OpenAPI."""
    text = {"type": "string"}
    violation = {"type": "object", "properties": {"path": text, "message": text}, "required": ["path", "message"]}
    return {
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": text,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": text,
            "next_step": text,
            "errors": {"type": "array", "items": violation},
            "instance": text,
        },
    }
