"""REST through the gateway against bare Starlette with a codec written by hand, same upstream."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import grpc
from maitred.identity.v1 import (
    access_pb2,
    api_key_service_pb2,
    api_key_service_pb2_grpc,
    tenant_service_pb2,
    tenant_service_pb2_grpc,
)

from services.chassis.rpc.identity import MeshSigner, Principal, Role, new_key
from tests.bench.databases import store
from tests.bench.processes import served
from tests.bench.table import Row, interleaved
from tests.support.ports import free_port

REQUESTS = 1_600
AT_ONCE = 16
BODY = json.dumps(
    {
        "cart": {
            "lines": [
                {
                    "product_id": "latte",
                    "quantity": 2,
                    "options": [{"option_group_id": "milk", "option_id": "oat"}],
                },
                {"product_id": "croissant", "quantity": 1, "note": "warm, please"},
            ]
        }
    }
).encode()


async def rows() -> Sequence[Row]:
    """Requests a second."""
    key = new_key()
    signer = MeshSigner(key.private_pem, key.kid)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(store())
        upstream = await stack.enter_async_context(served("rest_server", "upstream"))
        address = f"127.0.0.1:{upstream}"
        rpc = free_port()
        ports = {
            "bare": await stack.enter_async_context(served("rest_server", "bare", address)),
            "ours": await stack.enter_async_context(
                served(
                    "rest_server",
                    "ours",
                    address,
                    one.database.service_url("gateway"),
                    one.redis_url,
                    key.private_pem,
                    key.public_pem,
                    str(rpc),
                )
            ),
        }
        secret = await api_key(f"127.0.0.1:{rpc}", signer)
        found = await interleaved({kind: _rate(port, secret) for kind, port in ports.items()})
    return [
        Row(
            "REST → RPC, a quote of two lines",
            f"{found['ours']:,.0f}/s",
            f"{found['bare']:,.0f}/s",
            found["ours"] / found["bare"],
            0.75,
            note="ours with API key, rate limit, metrics and access log",
            why="what the bare one does not do is about a quarter of a request",
        )
    ]


async def api_key(address: str, signer: MeshSigner) -> str:
    """A key whose limit nothing here reaches."""

    def admin(tenant_id: UUID) -> tuple[tuple[str, str], ...]:
        principal = Principal(tenant_id, "svc_bench", frozenset({Role.ADMIN}))
        return (("authorization", f"Bearer {signer.mint(principal)}"),)

    async with grpc.aio.insecure_channel(address) as channel:
        created = await tenant_service_pb2_grpc.TenantServiceStub(channel).CreateTenant(
            tenant_service_pb2.CreateTenantRequest(slug="bench", display_name="Bench"),
            metadata=admin(UUID(int=0)),
        )
        made = await api_key_service_pb2_grpc.ApiKeyServiceStub(channel).CreateApiKey(
            api_key_service_pb2.CreateApiKeyRequest(
                display_name="bench",
                roles=[access_pb2.ROLE_STAFF],
                requests_per_minute=1_000_000,
            ),
            metadata=admin(UUID(created.tenant.tenant_id)),
        )
    return made.secret


def _rate(port: int, secret: str) -> Callable[[], Awaitable[float]]:
    request = (
        f"POST /api/v1/quotes HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"authorization: Bearer {secret}\r\naccept: application/json\r\n"
        f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(REQUESTS // AT_ONCE):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(head.decode())
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()
        await writer.wait_closed()

    async def rate() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(AT_ONCE)))
        return REQUESTS / (time.perf_counter() - began)

    return rate
