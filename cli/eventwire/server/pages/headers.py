"""What every answer of the pages carries, so that a browser does nothing that the pages did not mean."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from eventwire.server.pages.site import SignIn

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' https:",  # avatars and images are addresses that senders give
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class Guarded:
    """An application whose answers carry these headers, and that answers only to its own names."""

    def __init__(self, application: Any, sign_in: SignIn) -> None:
        self._application = application
        self._sign_in = sign_in

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
                if self._sign_in.is_https:
                    headers.setdefault("strict-transport-security", "max-age=31536000")
            await send(message)

        if not self.is_own_name(Headers(scope=scope).get("host", "")):
            answer = PlainTextResponse("This server is not called by that name.\n", 421)
            await answer(scope, receive, guarded)
            return
        await self._application(scope, receive, guarded)

    def is_own_name(self, host: str) -> bool:
        """Whether a request is for one of the names that the server has."""
        name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        return not self._sign_in.hosts or name.lower().strip("[]") in self._sign_in.hosts
