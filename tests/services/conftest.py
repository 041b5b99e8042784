"""Servers of the tests' own that several tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.own_servers import SecureServer, secure_postgresql, secure_redis, transaction_pooler


@pytest.fixture(scope="session")
def postgresql_with_tls() -> Iterator[SecureServer]:
    """A PostgreSQL with a certificate for localhost."""
    with secure_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def redis_with_tls() -> Iterator[SecureServer]:
    """A Redis with a certificate for localhost."""
    with secure_redis() as server:
        yield server


@pytest.fixture(scope="session")
def pooler() -> Iterator[int]:
    """The port of a PgBouncer in transaction mode before the tests' PostgreSQL."""
    with transaction_pooler() as port:
        yield port
