"""What every server does with a call, seen by its callers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from services.chassis.rpc import errors
from services.chassis.rpc.call import Call, current
from services.chassis.rpc.server import ServerOptions, build_server
from services.chassis.run.telemetry import Telemetry, trace
from tests.integration.chassis.serving import (
    GUEST,
    MANAGER,
    SIGNER,
    VERIFIER,
    failure,
    lateness,
    metadata,
    serving,
)
from tests.support.echo import SERVICE, EchoRequest, EchoServicer

HELLO = EchoRequest(text="hello")


@pytest.fixture
def seen() -> list[Call]:
    return []


@pytest.fixture
def witness(seen: list[Call]) -> EchoServicer:
    async def echo(text: str) -> str:
        seen.append(current())
        return text

    return EchoServicer(echo)


async def test_a_handler_knows_who_calls_and_until_when(
    witness: EchoServicer, seen: list[Call]
) -> None:
    async with serving(witness) as served:
        answer = await served.stub.echo(HELLO, timeout=3, metadata=metadata(x_request_id="req_9"))
    assert answer.text == "hello"
    assert seen[0].principal == GUEST
    assert seen[0].request_id == "req_9"
    assert seen[0].token == SIGNER.mint(GUEST)
    assert 0 < seen[0].remaining() < 3


async def test_a_request_id_that_is_none_is_replaced(
    witness: EchoServicer, seen: list[Call]
) -> None:
    async with serving(witness) as served:
        await served.stub.echo(HELLO, metadata=metadata(x_request_id='{"a": 1}'))
        await served.stub.echo(HELLO, metadata=metadata())
    assert [call.request_id[:4] for call in seen] == ["req_", "req_"]
    assert seen[0].request_id != seen[1].request_id


async def test_a_call_without_a_deadline_gets_the_servers(
    witness: EchoServicer, seen: list[Call]
) -> None:
    async with serving(witness, call_timeout_s=5) as served:
        await served.stub.echo(HELLO, metadata=metadata())
    assert 0 < seen[0].remaining() <= 5


async def test_a_stream_passes_the_same_chain() -> None:
    async with serving() as served:
        messages = [answer async for answer in served.stub.repeat(HELLO, metadata=metadata())]
        refused = await failure(served.stub.repeat(HELLO).read())
    assert [message.text for message in messages] == ["hello"] * 3
    assert refused.reason == "UNAUTHENTICATED"


async def test_a_call_without_a_token_is_unauthenticated() -> None:
    async with serving() as served:
        refused = await failure(served.stub.echo(HELLO))
        basic = await failure(
            served.stub.echo(HELLO, metadata=(("authorization", "Basic Z3N0Og=="),))
        )
    assert refused.code is grpc.StatusCode.UNAUTHENTICATED
    assert basic.metadata == {"problem": "no mesh token"}


async def test_the_access_rule_of_a_method_is_kept() -> None:
    async with serving() as served:
        refused = await failure(served.stub.manage(HELLO, metadata=metadata(GUEST)))
        answer = await served.stub.manage(HELLO, metadata=metadata(MANAGER))
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    assert (refused.reason, refused.metadata) == ("ROLE_REQUIRED", {"roles": "manager"})
    assert answer.text == "hello"


async def test_a_method_without_an_access_rule_is_refused_to_everyone() -> None:
    async with serving() as served:
        refused = await failure(served.stub.forgotten(HELLO, metadata=metadata(MANAGER)))
    assert refused.reason == "ROLE_REQUIRED"


async def test_who_may_not_call_learns_nothing_of_the_rules() -> None:
    async with serving() as served:
        refused = await failure(served.stub.manage(EchoRequest(), metadata=metadata(GUEST)))
    assert refused.reason == "ROLE_REQUIRED"


async def test_a_broken_field_is_named_with_its_rule() -> None:
    async with serving() as served:
        refused = await failure(served.stub.echo(EchoRequest(), metadata=metadata()))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.reason == "INVALID_FIELD"
    assert refused.metadata == {"field": "text"}
    assert [(problem.field, problem.description) for problem in refused.fields] == [
        ("text", "must be at least 1 characters")
    ]


async def test_a_handlers_failure_reaches_the_caller_whole() -> None:
    raised = errors.aborted("SESSION_BUSY", "Wait.", retry_after=1.5, session_id="ses_1")

    async def echo(_text: str) -> str:
        raise raised

    async with serving(EchoServicer(echo)) as served:
        refused = await failure(served.stub.echo(HELLO, metadata=metadata()))
    assert vars(refused) == vars(raised)


async def test_an_unknown_exception_is_a_request_id_to_the_caller_and_a_trace_to_the_log(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async def echo(_text: str) -> str:
        raise RuntimeError("password=hunter2")

    async with serving(EchoServicer(echo)) as served:
        refused = await failure(
            served.stub.echo(HELLO, metadata=metadata(x_request_id="req_of_trouble"))
        )
        assert served.handled("Echo", "INTERNAL") == 1
    assert refused.code is grpc.StatusCode.INTERNAL
    assert refused.metadata == {"request_id": "req_of_trouble"}
    assert "hunter2" not in f"{refused} {refused.metadata} {refused.fields}"
    told = caplog.text + capsys.readouterr().out
    assert "hunter2" in told
    assert "req_of_trouble" in told


async def test_a_failure_inside_a_stream_ends_it_with_the_same_status() -> None:
    async def repeat(text: str) -> AsyncIterator[str]:
        yield text
        raise errors.not_found("TURN_NOT_FOUND", "Gone.", request_id="abc")

    async with serving(EchoServicer(repeat=repeat)) as served:
        stream = served.stub.repeat(HELLO, metadata=metadata())
        first = await stream.read()
        refused = await failure(stream.read())
    assert first.text == "hello"
    assert (refused.reason, refused.metadata) == ("TURN_NOT_FOUND", {"request_id": "abc"})


async def test_a_late_method_names_itself_before_the_caller_gives_up() -> None:
    async def echo(text: str) -> str:
        await asyncio.sleep(60)
        return text

    async with serving(EchoServicer(echo)) as served:
        refused = await lateness(
            f"/{SERVICE}/Echo", lambda: served.stub.echo(HELLO, timeout=0.3, metadata=metadata())
        )
        assert served.handled("Echo", "DEADLINE_EXCEEDED") >= 1
    assert refused.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert refused.metadata == {"method": f"/{SERVICE}/Echo"}


async def test_a_caller_that_goes_away_stops_the_work() -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def echo(text: str) -> str:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return text

    async with serving(EchoServicer(echo)) as served:
        running = served.stub.echo(HELLO, metadata=metadata())
        await begun.wait()
        running.cancel()
        async with asyncio.timeout(60):
            await stopped.wait()


async def test_calls_are_counted_by_method_and_code() -> None:
    async with serving() as served:
        await served.stub.echo(HELLO, metadata=metadata())
        await served.stub.echo(HELLO, metadata=metadata())
        await failure(served.stub.echo(HELLO))
        assert served.handled("Echo", "OK") == 2
        assert served.handled("Echo", "UNAUTHENTICATED") == 1


async def test_a_traced_call_is_a_span_that_continues_the_callers() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = Telemetry(CollectorRegistry(), provider)

    @trace("work")
    async def echo(text: str) -> str:
        return text

    trace_id = "0af7651916cd43dd8448eb211c80319c"
    with telemetry.active():
        async with serving(EchoServicer(echo), telemetry=telemetry) as served:
            parent = f"00-{trace_id}-b7ad6b7169203331-01"
            await served.stub.echo(HELLO, metadata=metadata(traceparent=parent))
    work, call = exporter.get_finished_spans()
    assert (work.name, call.name) == ("work", f"/{SERVICE}/Echo")
    assert call.context is not None
    assert call.context.trace_id == int(trace_id, 16)
    assert work.parent is not None
    assert work.parent.span_id == call.context.span_id


async def test_health_needs_no_token_and_knows_liveness_from_readiness() -> None:
    async def not_ready() -> None:
        raise ConnectionError("no database")

    async with serving(ready=not_ready) as served:
        health: Any = health_pb2_grpc.HealthStub(served.channel)

        async def status(service: str) -> int:
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            return int(answer.status)

        assert await status("") == health_pb2.HealthCheckResponse.SERVING
        assert await status(SERVICE) == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await status("maitred.nobody.v1.NobodyService")
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_server_becomes_ready_when_its_dependency_answers() -> None:
    up = asyncio.Event()

    async def ready() -> None:
        if not up.is_set():
            raise ConnectionError("still starting")

    async with serving(ready=ready) as served:
        health: Any = health_pb2_grpc.HealthStub(served.channel)
        watched = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE)).__aiter__()
        async with asyncio.timeout(60):
            first = await anext(watched)
            up.set()
            second = await anext(watched)
    assert first.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert second.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_needs_no_token_and_lists_what_is_served() -> None:
    async with serving() as served:
        channel: Any = served.channel
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        answers = [answer async for answer in stub.ServerReflectionInfo(requests)]
    names = {service.name for service in answers[0].list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names


async def test_a_taken_port_is_an_error() -> None:
    async with serving() as served:
        second = build_server(
            ServerOptions(served.address),
            [EchoServicer().binding()],
            VERIFIER,
            Telemetry(CollectorRegistry()),
        )
        with pytest.raises(OSError, match=served.address):
            await second.start()
        await second.stop()
