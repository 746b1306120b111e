"""Whatever is sent, the fault is never ours."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import httpx
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.routes import CONTRACTS
from gateway.transcoding.bindings import Binding, bindings
from gateway.transcoding.encoding import map_entry
from tests.integration.edge.serving import House, Tenant

TEXTS = ("", "latte", "a\u0000b", "\U0001f600" * 50, "x" * 300, "%00", "ord_" + "0" * 32, "-1", "é")
NUMBERS = (0, 1, -1, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 1.5, 1e308, "1", "x")
ODD: tuple[Any, ...] = (None, True, [], {}, [[]], {"a": 1})
REQUESTS = 12


def value_of(chance: random.Random, field: FieldDescriptor, depth: int) -> Any:
    if chance.random() < 0.1:
        return chance.choice(ODD + TEXTS + NUMBERS)
    entry = map_entry(field)
    if entry is not None:
        return {chance.choice(TEXTS): value_of(chance, entry[1], depth - 1)}
    if field.is_repeated:
        return [single(chance, field, depth) for _ in range(chance.randrange(3))]
    return single(chance, field, depth)


def single(chance: random.Random, field: FieldDescriptor, depth: int) -> Any:
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            return chance.choice(("2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "now"))
        return body(chance, field.message_type, depth - 1) if depth else {}
    if field.enum_type is not None:
        return chance.choice([value.name for value in field.enum_type.values] + [99])
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return chance.choice(TEXTS)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return chance.choice((True, False))
    return chance.choice(NUMBERS)


def body(chance: random.Random, message: Descriptor, depth: int = 4) -> dict[str, Any]:
    return {
        field.name: value_of(chance, field, depth)
        for field in message.fields
        if chance.random() < 0.7
    }


def path(chance: random.Random, binding: Binding) -> str:
    found = binding.path
    for variable in binding.variables:
        found = found.replace(
            f"{{{'.'.join(variable.path)}}}", chance.choice(("%00", "x", "%FF", "a%2Fb"))
        )
    return found


async def test_no_request_is_answered_with_a_fault(served: House, tenant: Tenant) -> None:
    chance = random.Random(7)
    faults = []
    async with served.client(tenant.manager_key) as client:
        for binding in bindings(CONTRACTS):
            for number in range(REQUESTS):
                answer = await send(client, chance, binding, number)
                if answer.status_code >= 500:
                    faults.append((binding.method.name, answer.request.url, answer.text))
                elif answer.status_code >= 400:
                    assert answer.headers["content-type"] == "application/problem+json"
    assert faults == []


async def send(
    client: httpx.AsyncClient, chance: random.Random, binding: Binding, number: int
) -> httpx.Response:
    message: Any = binding.request_class.DESCRIPTOR
    wanted = body(chance, message)
    headers = {"idempotency-key": f"key-{number}"}
    if binding.body:
        content = json.dumps(wanted).encode()
        return await client.request(
            binding.verb, path(chance, binding), content=content, headers=headers
        )
    query = {name: value for name, value in wanted.items() if isinstance(value, str | int)}
    return await client.request(binding.verb, path(chance, binding), params=query)


HEAD = b"GET /api/v1/orders HTTP/1.1\r\nconnection: close\r\n"
ODD_HEADS = {
    "half a host": HEAD + b"host: [\r\ncookie: maitred-guest-a=b\r\n",
    "a host of other letters": HEAD + b"host: \xff\r\n",
    "a selector of other letters": HEAD + b"host: localhost\r\nx-maitred-credential: \xff\r\n",
    "an authorization of other letters": HEAD + b"host: x\r\nauthorization: Bearer \xe9\r\n",
    "a request id of other letters": HEAD + b"host: x\r\nx-request-id: \xff\r\n",
    "two lengths": HEAD + b"host: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n",
    "a length and chunks": HEAD + b"host: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n",
    "a length that is none": HEAD + b"host: x\r\ncontent-length: -1\r\n",
    "a path of other letters": HEAD.replace(b"orders", b"\xff") + b"host: x\r\n",
}


@pytest.mark.parametrize("head", ODD_HEADS.values(), ids=ODD_HEADS)
async def test_an_odd_head_is_refused_and_no_fault(served: House, head: bytes) -> None:
    url = httpx.URL(served.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head + b"\r\n")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 4"), answer
