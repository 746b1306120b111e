"""People of the demo tenants, for the length of a test."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from services.assembly.demo.access import DemoTenant
from tests.conftest import mesh as mesh  # noqa: PLC0414 - a fixture of this folder, which ends with it
from tests.support.evenings import Ledger
from tests.support.mesh import RunningMesh
from tests.support.people import client
from tests.support.people import guest as guest_of


@pytest.fixture
def coffee_bar(mesh: RunningMesh) -> DemoTenant:
    return mesh.demo[0]


@pytest.fixture
def pizzeria(mesh: RunningMesh) -> DemoTenant:
    return mesh.demo[1]


@pytest.fixture
def ledger(mesh: RunningMesh) -> Ledger:
    return Ledger(mesh.record.database_url)


@pytest_asyncio.fixture(loop_scope="module")
async def guest(mesh: RunningMesh, coffee_bar: DemoTenant) -> AsyncIterator[httpx.AsyncClient]:
    """A guest of the coffee bar."""
    async with guest_of(mesh, coffee_bar.slug) as ours:
        yield ours


@pytest_asyncio.fixture(loop_scope="module")
async def stranger(mesh: RunningMesh, coffee_bar: DemoTenant) -> AsyncIterator[httpx.AsyncClient]:
    """Another guest of the coffee bar."""
    async with guest_of(mesh, coffee_bar.slug) as ours:
        yield ours


@pytest_asyncio.fixture(loop_scope="module")
async def staff(mesh: RunningMesh, coffee_bar: DemoTenant) -> AsyncIterator[httpx.AsyncClient]:
    """Staff of the coffee bar."""
    async with client(mesh, coffee_bar.staff_key) as ours:
        yield ours


@pytest_asyncio.fixture(loop_scope="module")
async def rival(mesh: RunningMesh, pizzeria: DemoTenant) -> AsyncIterator[httpx.AsyncClient]:
    """The manager of the pizzeria."""
    async with client(mesh, pizzeria.manager_key) as ours:
        yield ours
