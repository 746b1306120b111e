"""One service calling another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from services.chassis.rpc import errors
from services.chassis.rpc.call import Call, current, use
from services.chassis.rpc.peers import Peers
from tests.integration.chassis.serving import (
    GUEST,
    MANAGER,
    Served,
    call,
    failure,
    lateness,
    serving,
)
from tests.support.echo import SERVICE, EchoRequest, EchoServicer, EchoStub

HELLO = EchoRequest(text="hello")


@asynccontextmanager
async def calling(*callees: Served) -> AsyncIterator[EchoStub]:
    peers = Peers({"echo": "ipv4:" + ",".join(callee.address for callee in callees)})
    try:
        yield EchoStub(peers.channel("echo"))
    finally:
        await peers.close()


def failing(*failures: Exception) -> tuple[EchoServicer, list[str]]:
    """A servicer that fails in turn, then answers; and what it was asked."""
    asked: list[str] = []

    async def echo(text: str) -> str:
        asked.append(text)
        if len(asked) <= len(failures):
            raise failures[len(asked) - 1]
        return text

    return EchoServicer(echo), asked


async def test_the_callers_token_and_request_id_go_along_and_its_deadline_shrinks() -> None:
    seen: list[Call] = []

    async def echo(text: str) -> str:
        seen.append(current())
        return text

    outer = call(seconds=4)
    async with serving(EchoServicer(echo)) as callee, calling(callee) as stub:
        with use(outer):
            await stub.echo(HELLO)
            await stub.echo(HELLO, timeout=1)
    assert seen[0].principal == GUEST
    assert (seen[0].token, seen[0].request_id) == (outer.token, outer.request_id)
    assert seen[0].deadline < outer.deadline
    assert seen[1].deadline < seen[0].deadline - 2


async def test_the_error_names_who_was_late_two_hops_away() -> None:
    async def sleep(text: str) -> str:
        await asyncio.sleep(60)
        return text

    async with serving(EchoServicer(sleep)) as last, calling(last) as onward:

        async def pass_on(text: str) -> str:
            answer = await onward.manage(EchoRequest(text=text))
            return str(answer.text)

        async with serving(EchoServicer(pass_on)) as first, calling(first) as stub:

            async def ask() -> object:
                with use(call(seconds=0.5, principal=MANAGER)):
                    return await stub.echo(HELLO)

            refused = await lateness(f"/{SERVICE}/Manage", ask)
    assert refused.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert refused.metadata == {"method": f"/{SERVICE}/Manage"}


async def test_a_callees_failure_passes_through_its_caller_unchanged() -> None:
    raised = errors.not_found("ORDER_NOT_FOUND", "No such order.", order_id="ord_1")
    servicer, _ = failing(raised)
    async with serving(servicer) as last, calling(last) as onward:

        async def pass_on(text: str) -> str:
            answer = await onward.echo(EchoRequest(text=text))
            return str(answer.text)

        async with serving(EchoServicer(pass_on)) as first, calling(first) as stub:
            with use(call()):
                refused = await failure(stub.echo(HELLO))
    assert vars(refused) == vars(raised)


async def test_unavailable_is_tried_again() -> None:
    servicer, asked = failing(errors.unavailable("database"), errors.unavailable("database"))
    async with serving(servicer) as callee, calling(callee) as stub:
        with use(call()):
            answer = await stub.echo(HELLO)
    assert answer.text == "hello"
    assert len(asked) == 3


async def test_unavailable_is_tried_four_times_in_all() -> None:
    servicer, asked = failing(*[errors.unavailable("database")] * 9)
    async with serving(servicer) as callee, calling(callee) as stub:
        with use(call()):
            refused = await failure(stub.echo(HELLO))
    assert refused.metadata["dependency"] == "database"
    assert len(asked) == 4


async def test_one_hop_tries_again_not_every_hop() -> None:
    servicer, asked = failing(*[errors.unavailable("database")] * 99)
    async with serving(servicer) as last, calling(last) as onward:

        async def pass_on(text: str) -> str:
            answer = await onward.echo(EchoRequest(text=text))
            return str(answer.text)

        async with serving(EchoServicer(pass_on)) as first, calling(first) as stub:
            with use(call()):
                refused = await failure(stub.echo(HELLO))
    assert refused.code is grpc.StatusCode.UNAVAILABLE
    assert len(asked) == 4


@pytest.mark.parametrize(
    "raised",
    [
        errors.aborted("SESSION_BUSY", "Wait.", retry_after=1),
        errors.exhausted("RATE_LIMITED", "Wait.", retry_after=1),
        RuntimeError("a bug"),
    ],
    ids=lambda raised: type(raised).__name__,
)
async def test_nothing_else_is_tried_again(raised: Exception) -> None:
    servicer, asked = failing(raised)
    async with serving(servicer) as callee, calling(callee) as stub:
        with use(call()):
            await failure(stub.echo(HELLO))
    assert len(asked) == 1


async def test_a_stream_is_not_tried_again_after_its_first_message() -> None:
    begun: list[str] = []

    async def repeat(text: str) -> AsyncIterator[str]:
        begun.append(text)
        yield text
        raise errors.unavailable("database")

    async with serving(EchoServicer(repeat=repeat)) as callee, calling(callee) as stub:
        with use(call()):
            stream = stub.repeat(HELLO)
            assert (await stream.read()).text == "hello"
            refused = await failure(stream.read())
    assert refused.metadata["dependency"] == "database"
    assert len(begun) == 1


async def test_a_service_that_is_not_there_is_named() -> None:
    async with serving() as gone:
        pass
    async with calling(gone) as stub:
        with use(call(seconds=5)):
            refused = await failure(stub.echo(HELLO))
            stream = await failure(anext(aiter(stub.repeat(HELLO))))
    assert (refused.reason, refused.metadata["dependency"]) == ("DEPENDENCY_UNAVAILABLE", "echo")
    assert (stream.reason, stream.metadata["dependency"]) == ("DEPENDENCY_UNAVAILABLE", "echo")


async def test_calls_spread_over_all_addresses() -> None:
    async with serving() as one, serving() as other, calling(one, other) as stub:
        with use(call(seconds=60)):
            # The second may be connected to much later than the first.
            while not all(served.handled("Echo", "OK") for served in (one, other)):
                await stub.echo(HELLO)
            before = [served.handled("Echo", "OK") for served in (one, other)]
            for _ in range(20):
                await stub.echo(HELLO)
        assert one.handled("Echo", "OK") >= before[0] + 5
        assert other.handled("Echo", "OK") >= before[1] + 5
