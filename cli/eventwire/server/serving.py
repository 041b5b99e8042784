"""The web server around a project: its socket, its life from start to stop."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from eventwire.errors import EventwireError, UsageError
from eventwire.server.application import Application
from eventwire.server.keys import list_keys
from eventwire.server.pages import SignIn, make_pages
from eventwire.server.runner import Runner
from eventwire.server.sessions import make_link_token
from eventwire.server.store import Store
from eventwire.server.users import list_users

if TYPE_CHECKING:
    from eventwire.server.fast_path import FastPath

GRACE_SECONDS = 10.0
BACKLOG = 2048
ANSWER_SECONDS = 2
"""So long, once all runs have ended, somebody who sends slowly or reads slowly holds up the end."""


def open_socket(host: str, port: int) -> socket.socket:
    """Listen at an address; port 0 takes any. Raises EventwireError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise EventwireError(
            f"The server cannot listen at {host}:{port}: {reason}.", next_step="Choose another with --port or --host."
        ) from error


def hosts_of(url: str) -> Collection[str]:
    """The names that requests for pages may be for: those of the address, and of this machine where it is one of its own.
    None in particular where the server listens at every address that the machine has.
    """
    host = urlsplit(url).hostname or ""
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return ()
    return {"localhost", "127.0.0.1", "::1", host} if is_loopback(host) else {host}


def allow_many_files() -> None:
    """Let the process have as many connections as the machine allows it: 1,024 files are the usual begin."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says "infinity", and means less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def refuse_exposed(host: str, store: Store) -> None:
    """Raise UsageError for an address that others can reach while nobody has to sign in."""
    if list_users(store):
        return
    raise UsageError(
        f"{host} can be reached by others, and this project has no users, who would have to sign in.",
        next_step="Add one first with: eventwire add:user NAME --role admin",
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Serving:
    """A project on its way through a life as server."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        tell: Callable[[str], None],
        host: str,
        port: int,
        *,
        public_url: str | None = None,
        allowed_hosts: Collection[str] = (),
        max_per_second: float | None = None,
    ) -> None:
        """Read the project and listen.

        `public_url` is where people reach it, through a proxy; `allowed_hosts` are those that buttons of others may call
        although they are private. Raises what Runner raises, UsageError where nobody would have to sign in, and
        EventwireError where the address cannot be had.
        """
        self.runner = Runner(folder, environ, tell)
        try:
            self._is_ours_alone = is_loopback(host) and public_url is None
            if not self._is_ours_alone:
                refuse_exposed(public_url or host, self.runner.store)
            self._socket = open_socket(host, port)
            bound = self._socket.getsockname()[1]
            self.url = public_url or f"http://{f'[{host}]' if ':' in host else host}:{bound}"
            sign_in = SignIn(hosts_of(self.url), self.url.startswith("https:"))
            self._pages = make_pages(self.runner, sign_in=sign_in, allowed_hosts=allowed_hosts)
        except BaseException:
            self.runner.journal.close()
            self.runner.store.close()
            raise
        self._application = Application(self.runner, self._pages, max_per_second=max_per_second)
        self._stopping = asyncio.Event()
        self._is_cut_off = False

    @property
    def sign_in(self) -> str | None:
        """A link that signs in whoever opens it first, on this machine; None where users sign in."""
        if not self._is_ours_alone:
            return None
        return f"{self.url}/sign-in?link={make_link_token(self.runner.store)}"

    @property
    def has_keys(self) -> bool:
        """Whether anybody could send events."""
        return bool(list_keys(self.runner.store))

    async def run(self, ready: Callable[[], None]) -> bool:
        """Serve until a signal comes; returns True where a second one cut off what ran.

        The first signal takes nothing new, and gives what runs its grace time. `ready` is called once requests are
        answered.
        """
        from eventwire.server.fast_path import FastPath
        from eventwire.server.protocol import close_slow

        server = web_server(self._application, FastPath(self._application.api))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        allow_many_files()
        self.runner.start()
        self._pages.start()
        serving = asyncio.create_task(server.serve(sockets=[self._socket]), name="server")
        loop.call_soon(ready)  # the socket listens already: who comes now is answered in a moment
        waiting = asyncio.create_task(self._stopping.wait(), name="wait for a signal")
        closing = asyncio.create_task(close_slow(server.server_state.connections), name="close the slow")
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for each in server.servers:
            each.close()  # nothing new
        await self.runner.drain(GRACE_SECONDS)
        await self._pages.stop()  # which lets those who watch go
        server.should_exit = True
        server.force_exit = self._is_cut_off
        await serving
        closing.cancel()
        self.runner.close()
        return self._is_cut_off

    def _stop(self) -> None:
        """What a signal does: the first stops in good order, the second at once."""
        if self._stopping.is_set():
            self._is_cut_off = True
            self.runner.cut_off()
            return
        self._stopping.set()
        self.runner.tell(f"Stopping: what runs has {GRACE_SECONDS:.0f} seconds to end. Ctrl-C again stops at once.")


def web_server(application: Any, fast_path: FastPath | None = None) -> Any:
    """uvicorn, set up for events: the fast parser with bounds, no log line a request, signals left to others."""
    import uvicorn

    from eventwire.server.protocol import Protocol

    class Connection(Protocol):
        pass

    Connection.fast_path = fast_path

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(
        uvicorn.Config(
            application,
            http=Connection,
            ws="none",
            lifespan="off",
            # every error is told by the application itself, in a line without a request's secrets
            log_level="critical",
            access_log=False,
            server_header=False,
            # by then every run has ended, and only answers are on their way
            timeout_graceful_shutdown=ANSWER_SECONDS,
        )
    )
