"""What managers see of dead letters and do about them, over the relay's own port."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from maitred.events.v1 import dead_letter_pb2, dead_letter_service_pb2, dead_letter_service_pb2_grpc
from prometheus_client import CollectorRegistry

from services.chassis.data import postgres
from services.chassis.data.letters import DeadLetter, Letters
from services.chassis.data.outbox import partition_of
from services.chassis.data.postgres import Database
from services.chassis.data.streams import Cursor, StreamEvent
from services.chassis.rpc.identity import Principal, Role
from services.chassis.run.lifecycle import Component, Resources, Target
from services.relay.config import RelayConfig
from services.relay.wiring import build
from tests.support.servers import MigratedDatabase
from tests.support.services import (
    SETTINGS,
    Clock,
    eventually,
    failure,
    metadata,
    on_clock,
    running,
    with_role,
)

rpc = dead_letter_service_pb2
WAITING = dead_letter_pb2.DEAD_LETTER_STATUS_WAITING
RESOLVED = dead_letter_pb2.DEAD_LETTER_STATUS_RESOLVED
DISCARDED = dead_letter_pb2.DEAD_LETTER_STATUS_DISCARDED


@dataclass(slots=True)
class Desk:
    """The service, a consumer that sets events aside, and a manager of a new tenant."""

    stub: dead_letter_service_pb2_grpc.DeadLetterServiceStub
    consumers: Database
    clock: Clock
    registry: CollectorRegistry
    manager: Principal
    numbers: "count[int]"

    @property
    def tenant_id(self) -> UUID:
        return self.manager.tenant_id

    async def call(self, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        return await method(request, metadata=metadata(self.manager))

    def letters(self, consumer: str) -> Letters:
        return Letters(self.consumers, consumer, self.clock, lambda: 0.5)

    async def set_aside(
        self,
        aggregate: str,
        *,
        attempts: int = 1,
        error: str = "KeyError: 'cart'",
        consumer: str = "counter",
        kind: str = "maitred.order.v1",
    ) -> None:
        seq = next(self.numbers)
        payload = json.dumps({"id": f"evt_{seq}", "subject": aggregate}).encode()
        cursor = Cursor(partition_of(self.tenant_id), seq)
        event = StreamEvent(cursor, self.tenant_id, "gst_1", kind, payload)
        letter = DeadLetter(event, f"evt_{seq}", aggregate, error, attempts)
        async with self.consumers.tenant(self.tenant_id) as connection:
            await self.letters(consumer).set_aside(connection, letter)

    async def set_many_aside(self, count: int, aggregate: str) -> None:
        """Sets so many aside at once; `{}` in the aggregate is the letter's number."""
        async with self.consumers.tenant(self.tenant_id) as connection:
            await connection.execute(
                """
                INSERT INTO events.dead_letters
                    (tenant_id, dead_letter_id, consumer, partition, seq, event_id, type,
                     aggregate_id, principal_id, payload, error, attempts, create_time,
                     next_attempt_at)
                SELECT $1, gen_random_uuid(), 'crowded', $2, n, 'evt', 'maitred.order.v1',
                    replace($3, '{}', n::text), 'gst_1', '', 'down', 1, $4::timestamptz,
                    $4::timestamptz + interval '1 minute'
                FROM generate_series(1, $5::integer) AS n
                """,
                *(self.tenant_id, partition_of(self.tenant_id), aggregate, self.clock(), count),
            )

    async def interfered(self) -> list[int]:
        """How often somebody asked for an attempt of each letter."""
        async with self.consumers.tenant(self.tenant_id) as connection:
            rows = await connection.fetch(
                "SELECT interventions FROM events.dead_letters WHERE tenant_id = $1",
                self.tenant_id,
            )
        return [row["interventions"] for row in rows]

    async def listed(self, **filters: Any) -> list[dead_letter_pb2.DeadLetter]:
        answer = await self.call(self.stub.ListDeadLetters, rpc.ListDeadLettersRequest(**filters))
        return list(answer.dead_letters)

    async def names(self, **filters: Any) -> list[str]:
        return [one.event_id for one in await self.listed(**filters)]

    async def due(self, consumer: str = "counter") -> list[str]:
        """Aggregates of which a letter would be tried now."""
        lines = await self.letters(consumer).due([partition_of(self.tenant_id)])
        return [line.aggregate_id for line in lines if line.tenant_id == self.tenant_id]

    async def resolve(self, consumer: str = "counter") -> None:
        """As if the first letter that is due had its effect."""
        letters = self.letters(consumer)
        [line] = [
            one
            for one in await letters.due([partition_of(self.tenant_id)])
            if one.tenant_id == self.tenant_id
        ]
        async with self.consumers.tenant(self.tenant_id) as connection:
            first = await letters.first(connection, line)
            assert first is not None
            await letters.resolve(connection, first)

    def interventions(self, action: str) -> float:
        name = "maitred_dead_letter_interventions_total"
        return self.registry.get_sample_value(name, {"action": action}) or 0.0


@pytest.fixture
async def desk(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Desk]:
    clock = Clock()
    registries: list[CollectorRegistry] = []
    config = RelayConfig(
        database_url=database.service_url("relay"),
        redis_url=redis_url,
        trim_every_s=0.1,
        **SETTINGS,
    )

    async def counted(config: RelayConfig, resources: Resources) -> Component:
        registries.append(resources.telemetry.registry)
        return await build(config, resources)

    async with (
        running(Target("relay", config, on_clock(counted, clock))) as bound,
        grpc.aio.insecure_channel(f"127.0.0.1:{bound.grpc['relay']}") as channel,
        Database.connect(database.service_url("bandit")) as consumers,
    ):
        yield Desk(
            dead_letter_service_pb2_grpc.DeadLetterServiceStub(channel),
            consumers,
            clock,
            registries[0],
            with_role(uuid4(), Role.MANAGER),
            count(1),
        )


async def test_letters_are_listed_by_page_the_last_first(desk: Desk) -> None:
    for number in range(5):
        await desk.set_aside(f"ord_{number}")
    found, token = [], ""
    while True:
        page = await desk.call(
            desk.stub.ListDeadLetters, rpc.ListDeadLettersRequest(page_size=2, page_token=token)
        )
        found += [one.event_id for one in page.dead_letters]
        if not (token := page.next_page_token):
            break
    assert found == ["evt_5", "evt_4", "evt_3", "evt_2", "evt_1"]


async def test_a_token_is_of_one_filter(desk: Desk) -> None:
    for number in range(3):
        await desk.set_aside(f"ord_{number}")
    page = await desk.call(desk.stub.ListDeadLetters, rpc.ListDeadLettersRequest(page_size=1))
    other = rpc.ListDeadLettersRequest(consumer="counter", page_token=page.next_page_token)
    refused = await failure(desk.call(desk.stub.ListDeadLetters, other))
    assert refused.reason == "PAGE_TOKEN_INVALID"


async def test_every_filter_narrows(desk: Desk) -> None:
    await desk.set_aside("ord_1")
    await desk.set_aside("ord_2", consumer="other", error="TypeError: No menu")
    desk.clock.advance(hours=2)
    await desk.set_aside("ord_3", kind="maitred.trust.v1")
    between = datetime.now(UTC) + timedelta(hours=1)
    assert await desk.names(consumer="other") == ["evt_2"]
    assert await desk.names(type="maitred.trust.v1") == ["evt_3"]
    assert await desk.names(aggregate_id="ord_1") == ["evt_1"]
    assert await desk.names(error="no MENU") == ["evt_2"]
    assert await desk.names(error="%") == []
    assert await desk.names(start_time=between) == ["evt_3"]
    assert await desk.names(end_time=between) == ["evt_2", "evt_1"]
    assert await desk.names(status=WAITING) == ["evt_3", "evt_2", "evt_1"]
    assert await desk.names(status=DISCARDED) == []


async def test_a_letter_keeps_id_payload_error_and_attempts(desk: Desk) -> None:
    await desk.set_aside("ord_1")
    [listed] = await desk.listed()
    answer = await desk.call(
        desk.stub.GetDeadLetter, rpc.GetDeadLetterRequest(dead_letter_id=listed.dead_letter_id)
    )
    letter = answer.dead_letter
    assert (letter.event_id, letter.error, letter.attempts) == ("evt_1", "KeyError: 'cart'", 1)
    assert letter.payload == b'{"id": "evt_1", "subject": "ord_1"}'
    assert letter.payload_json == letter.payload.decode()
    assert letter.status == WAITING
    wait = letter.next_attempt_time.ToDatetime() - letter.create_time.ToDatetime()
    assert wait == timedelta(seconds=60)
    assert (listed.payload, listed.payload_json) == (b"", "")


async def test_another_tenants_letter_is_not_found(desk: Desk) -> None:
    await desk.set_aside("ord_1")
    [letter] = await desk.listed()
    desk.manager = with_role(uuid4(), Role.ADMIN)
    assert await desk.listed() == []
    one = letter.dead_letter_id
    for method, request in (
        (desk.stub.GetDeadLetter, rpc.GetDeadLetterRequest(dead_letter_id=one)),
        (desk.stub.ReplayDeadLetter, rpc.ReplayDeadLetterRequest(dead_letter_id=one)),
        (desk.stub.DiscardDeadLetter, rpc.DiscardDeadLetterRequest(dead_letter_id=one, reason="x")),
    ):
        refused = await failure(desk.call(method, request))
        assert refused.reason == "DEAD_LETTER_NOT_FOUND"
    everything = rpc.DiscardDeadLettersRequest(reason="x")
    assert (await desk.call(desk.stub.DiscardDeadLetters, everything)).count == 0


@pytest.mark.parametrize("role", [Role.GUEST, Role.STAFF, Role.SERVICE])
async def test_payloads_are_for_managers(desk: Desk, role: Role) -> None:
    desk.manager = with_role(desk.tenant_id, role)
    refused = await failure(desk.call(desk.stub.ListDeadLetters, rpc.ListDeadLettersRequest()))
    assert refused.reason == "ROLE_REQUIRED"


async def test_a_replay_makes_a_letter_due_once(desk: Desk) -> None:
    await desk.set_aside("ord_1")
    assert await desk.due() == []
    [letter] = await desk.listed()
    request = rpc.ReplayDeadLetterRequest(dead_letter_id=letter.dead_letter_id)
    for _ in range(2):
        answer = await desk.call(desk.stub.ReplayDeadLetter, request)
        assert (answer.dead_letter.attempts, answer.dead_letter.interventions) == (1, 1)
    assert await desk.due() == ["ord_1"]
    assert desk.interventions("replay") == 1
    await desk.resolve()
    answer = await desk.call(desk.stub.ReplayDeadLetter, request)
    assert answer.dead_letter.status == RESOLVED
    assert (answer.dead_letter.attempts, answer.dead_letter.settled_by) == (2, "counter")
    assert await desk.due() == []


async def test_a_replay_of_one_that_follows_makes_those_before_it_due(desk: Desk) -> None:
    await desk.set_aside("ord_1")
    await desk.set_aside("ord_1", attempts=0)
    await desk.set_aside("ord_2")
    follower = (await desk.listed(aggregate_id="ord_1"))[0]
    await desk.call(
        desk.stub.ReplayDeadLetter,
        rpc.ReplayDeadLetterRequest(dead_letter_id=follower.dead_letter_id),
    )
    assert await desk.due() == ["ord_1"]
    assert [one.interventions for one in await desk.listed()] == [0, 1, 0]


async def test_many_are_replayed_by_filter_and_by_id(desk: Desk) -> None:
    for number in range(4):
        await desk.set_aside(f"ord_{number}", error=f"KeyError: {number}")
    matching = rpc.ReplayDeadLettersRequest(error="keyerror: 2")
    assert (await desk.call(desk.stub.ReplayDeadLetters, matching)).count == 1
    assert await desk.due() == ["ord_2"]
    ids = [one.dead_letter_id for one in await desk.listed() if one.aggregate_id != "ord_0"]
    named = rpc.ReplayDeadLettersRequest(dead_letter_ids=ids)
    assert (await desk.call(desk.stub.ReplayDeadLetters, named)).count == 3
    assert sorted(await desk.due()) == ["ord_1", "ord_2", "ord_3"]
    assert desk.interventions("replay") == 3


async def test_more_than_fit_a_transaction_are_replayed_once_each(desk: Desk) -> None:
    await desk.set_many_aside(700, "ord_of_many")
    await desk.set_many_aside(601, "ord_{}")
    answer = await desk.call(desk.stub.ReplayDeadLetters, rpc.ReplayDeadLettersRequest())
    assert answer.count == 1301
    assert await desk.interfered() == [1] * 1301
    assert desk.interventions("replay") == 1301
    again = await desk.call(desk.stub.ReplayDeadLetters, rpc.ReplayDeadLettersRequest())
    assert (again.count, desk.interventions("replay")) == (1301, 1301), "all were due already"


async def test_more_than_fit_a_transaction_are_discarded(desk: Desk) -> None:
    await desk.set_many_aside(700, "ord_of_many")
    await desk.set_many_aside(601, "ord_{}")
    request = rpc.DiscardDeadLettersRequest(reason="never mind")
    assert (await desk.call(desk.stub.DiscardDeadLetters, request)).count == 1301
    assert desk.interventions("discard") == 1301
    assert await desk.listed(status=WAITING) == []


@pytest.mark.parametrize("action", ["replay", "discard"])
async def test_what_a_call_did_before_its_time_was_over_stands(
    desk: Desk, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The call's own time is what is over.
    monkeypatch.setattr(postgres, "LOCK_TIMEOUT_MS", 60_000)
    await desk.set_many_aside(1001, "ord_of_many")
    method: Callable[..., Awaitable[Any]] = desk.stub.ReplayDeadLetters
    request: Any = rpc.ReplayDeadLettersRequest()
    if action == "discard":
        method = desk.stub.DiscardDeadLetters
        request = rpc.DiscardDeadLettersRequest(reason="old")
    async with desk.consumers.tenant(desk.tenant_id) as connection:
        await connection.execute(
            "SELECT FROM events.dead_letters WHERE tenant_id = $1 AND seq = 1001 FOR UPDATE",
            desk.tenant_id,
        )
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await method(request, metadata=metadata(desk.manager), timeout=3)
        assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    done = desk.interventions(action)
    assert done in {500, 1000}, "as many transactions as there was time for"
    left = 1001 if action == "replay" else 1001 - done
    assert (await desk.call(method, request)).count == left, "the second call does the rest"
    assert desk.interventions(action) == 1001


async def test_a_discard_is_recorded_with_who_and_why(desk: Desk) -> None:
    await desk.set_aside("ord_1")
    await desk.set_aside("ord_1", attempts=0)
    letter = (await desk.listed())[1]
    request = rpc.DiscardDeadLetterRequest(
        dead_letter_id=letter.dead_letter_id, reason="a test order"
    )
    first = (await desk.call(desk.stub.DiscardDeadLetter, request)).dead_letter
    assert (first.status, first.settled_by) == (DISCARDED, desk.manager.principal_id)
    assert first.settle_reason == "a test order"
    assert not first.HasField("next_attempt_time")
    assert await desk.due() == ["ord_1"], "the one behind it is next"
    again = rpc.DiscardDeadLetterRequest(dead_letter_id=letter.dead_letter_id, reason="again")
    assert (await desk.call(desk.stub.DiscardDeadLetter, again)).dead_letter == first
    assert desk.interventions("discard") == 1
    replay = rpc.ReplayDeadLetterRequest(dead_letter_id=letter.dead_letter_id)
    refused = await failure(desk.call(desk.stub.ReplayDeadLetter, replay))
    assert (refused.reason, refused.metadata["status"]) == ("DEAD_LETTER_SETTLED", "discarded")


async def test_what_had_its_effect_is_not_discarded(desk: Desk) -> None:
    await desk.set_aside("ord_1", attempts=0)
    await desk.resolve()
    [letter] = await desk.listed()
    request = rpc.DiscardDeadLetterRequest(dead_letter_id=letter.dead_letter_id, reason="late")
    refused = await failure(desk.call(desk.stub.DiscardDeadLetter, request))
    assert (refused.reason, refused.metadata["status"]) == ("DEAD_LETTER_SETTLED", "resolved")


async def test_a_discard_wants_a_reason(desk: Desk) -> None:
    refused = await failure(
        desk.call(desk.stub.DiscardDeadLetters, rpc.DiscardDeadLettersRequest())
    )
    assert refused.reason == "INVALID_FIELD"


async def test_what_is_settled_is_kept_for_a_while_and_what_waits_for_ever(desk: Desk) -> None:
    await desk.set_aside("ord_1")
    await desk.set_aside("ord_2")
    matching = rpc.DiscardDeadLettersRequest(aggregate_id="ord_1", reason="old")
    assert (await desk.call(desk.stub.DiscardDeadLetters, matching)).count == 1
    desk.clock.advance(days=29)
    assert await desk.names() == ["evt_2", "evt_1"]
    desk.clock.advance(days=2)

    async def is_gone() -> bool:
        return await desk.names() == ["evt_2"]

    await eventually(is_gone)


async def test_letters_are_counted_by_consumer_and_status(desk: Desk) -> None:
    await desk.set_aside("ord_1", consumer="metered")
    await desk.set_aside("ord_2", consumer="metered")
    await desk.call(
        desk.stub.DiscardDeadLetters,
        rpc.DiscardDeadLettersRequest(aggregate_id="ord_1", reason="old"),
    )

    async def is_counted() -> bool:
        found = [
            desk.registry.get_sample_value(
                "maitred_dead_letters", {"consumer": "metered", "status": status}
            )
            for status in ("waiting", "discarded")
        ]
        return found == [1, 1]

    await eventually(is_counted)
