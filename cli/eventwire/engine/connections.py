"""Connections to service accounts: made when first needed, shared by all deliveries, closed at the end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module

from msgspec import Struct

from eventwire.engine.batching import Batching
from eventwire.engine.deadlines import Deadlines
from eventwire.engine.gate import Gate
from eventwire.services.declare import Credentials, Service

FindCredentials = Callable[[str], Credentials]
"""An account's credentials by its name. Raises CredentialError."""
MakeGate = Callable[[str], Gate]
"""An account's gate by its name."""


class Lane(Struct, frozen=True):
    """The way to an account that is open, for deliveries that can go together."""

    gate: Gate
    batching: Batching


class Connections:
    """The connections of one project in one environment, one an account, each behind its gate."""

    def __init__(self, find_credentials: FindCredentials, make_gate: MakeGate = Gate) -> None:
        self._find_credentials = find_credentials
        self._make_gate = make_gate
        self._gates: dict[str, Gate] = {}
        self.prepared: set[str] = set()
        """The accounts for which `prepare` has nothing left to do."""
        self.deadlines = Deadlines()
        self._credentials: dict[str, Credentials] = {}
        self._opening: dict[str, asyncio.Task[Batching]] = {}
        self._opened: dict[str, Batching] = {}
        self.lanes: dict[str, Lane] = {}
        """By account; one that is not here is not open yet, or takes each delivery by itself."""

    def gate(self, account: str) -> Gate:
        """What stands between deliveries and an account."""
        gate = self._gates.get(account)
        if gate is None:
            gate = self._gates[account] = self._make_gate(account)
        return gate

    async def prepare(self, accounts: Mapping[str, Service]) -> None:
        """Load the accounts' client libraries and find their credentials: what costs time once a process.

        What is missing is no error yet; each delivery that needs it says so.
        """
        for module in {module for service in accounts.values() for module in service.modules}:
            if module not in sys.modules:
                with suppress(ImportError):
                    import_module(module)
        missing = {name: service for name, service in accounts.items() if name not in self._credentials}
        await asyncio.gather(*(self._find(*pair) for pair in missing.items()), return_exceptions=True)
        self.prepared.update(accounts)

    async def get(self, account: str, service: Service) -> Batching:
        """What the account's requests are sent through, opened by whoever asks first.

        Raises CredentialError, MissingExtra or ServiceError; the next to ask tries anew.
        """
        if (opened := self._opened.get(account)) is not None:
            return opened
        task = self._opening.get(account)
        if task is None:
            task = asyncio.create_task(self._open(account, service), name=f"connect {account}")
            self._opening[account] = task
        try:
            # one delivery's timeout must not take the connection from its neighbours
            return await asyncio.shield(task)
        except Exception:
            if self._opening.get(account) is task:
                del self._opening[account]
            raise

    async def close(self) -> None:
        """Close what was opened, and give up what is still opening."""
        for task in self._opening.values():
            task.cancel()
        opened = await asyncio.gather(*self._opening.values(), return_exceptions=True)
        await asyncio.gather(*(each.close() for each in opened if not isinstance(each, BaseException)))
        self._opening.clear()
        self._opened.clear()
        self.lanes.clear()

    async def _open(self, account: str, service: Service) -> Batching:
        opened = Batching(service, await service.connect(await self._find(account, service)))
        self._opened[account] = opened
        if opened.takes_many:
            self.lanes[account] = Lane(self.gate(account), opened)
        return opened

    async def _find(self, account: str, service: Service) -> Credentials:
        found = self._credentials.get(account)
        if found is None:
            if service.secrets:
                # the keyring may take its time, or wait for its owner
                found = await asyncio.to_thread(self._find_credentials, account)
            else:
                found = self._find_credentials(account)
            self._credentials[account] = found
        return found
