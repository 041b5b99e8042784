"""A mail server in the process of the tests, gone without a trace once it is stopped."""

from __future__ import annotations

from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from tests.servers import closed_port


class MailServer(Controller):
    """Listens as soon as it is made. Takes what aiosmtpd's own controller takes."""

    def __init__(self, handler: Any, **options: Any) -> None:
        super().__init__(handler, hostname="127.0.0.1", port=closed_port(), **options)
        self.sessions: list[SMTP] = []
        self.start()

    def factory(self) -> SMTP:
        """What answers one connection."""
        self.sessions.append(super().factory())
        return self.sessions[-1]

    def cancel_tasks(self, stop_loop: bool = True) -> None:
        """Stop, in the server's own thread."""
        # aiosmtpd leaves open what clients have not closed yet, for the garbage collector to find in another test
        for session in self.sessions:
            if session.transport is not None:
                session.transport.abort()
        super().cancel_tasks(stop_loop)
