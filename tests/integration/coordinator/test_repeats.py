"""A message is answered once, however often and by whomever it is sent."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import grpc
import pytest_asyncio
from maitred.coordinator.v1 import turn_pb2

from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.postgres import Connection, Database
from services.chassis.rpc.errors import Failure, from_rpc_error
from services.coordinator.sessions.ports import Begun
from services.coordinator.sessions.store import SessionStore
from services.coordinator.sessions.turn import Owner, Turn
from tests.integration.coordinator.serving import Answer, Guest
from tests.support.servers import MigratedDatabase
from tests.support.services import failure

ORDERING = "A latte and a croissant, please"
BRIEF_TERM_S = 0.3


@pytest_asyncio.fixture(loop_scope="module")
async def dying(database: MigratedDatabase) -> AsyncIterator[SessionStore]:
    """The store of a coordinator that takes a lease, and then is heard of no more."""
    async with Database.connect(database.service_url("coordinator")) as connected:
        clock = lambda: datetime.now(UTC)  # noqa: E731
        yield SessionStore(connected, clock, IdFactory(clock).new, lambda: None, BRIEF_TERM_S)


@pytest_asyncio.fixture(loop_scope="module")
async def patient(database: MigratedDatabase) -> AsyncIterator[SessionStore]:
    """The store of a coordinator that holds a lease for its whole term."""
    async with Database.connect(database.service_url("coordinator")) as connected:
        clock = lambda: datetime.now(UTC)  # noqa: E731
        yield SessionStore(connected, clock, IdFactory(clock).new, lambda: None, 60.0)


async def begin(store: SessionStore, guest: Guest, text: str, key: str) -> Begun:
    owner = Owner(guest.principal.tenant_id, guest.principal.principal_id)
    begun = await store.begin(owner, from_id("ses", guest.session_id), key, text)
    assert not isinstance(begun, Turn)
    return begun


async def insists(guest: Guest, text: str, key: str) -> tuple[Answer, list[Failure]]:
    """Sends a message until it is answered, as a client told to try again does."""
    refused: list[Failure] = []
    async with asyncio.timeout(60):
        while True:
            try:
                return await guest.says(text, key), refused
            except grpc.aio.AioRpcError as error:
                refused.append(from_rpc_error(error))
                await asyncio.sleep(0.05)


async def test_a_repeated_message_is_answered_with_the_stored_turn(guest: Guest) -> None:
    first = await guest.says(ORDERING, "once")
    again = await guest.says(ORDERING, "once")
    assert again.turn == first.turn
    assert again.text == first.text
    call = guest.call(ORDERING, "once")
    assert ("idempotent-replayed", "true") in tuple(await call.initial_metadata() or ())
    call = guest.call("and a muffin", "another")
    assert "idempotent-replayed" not in dict(await call.initial_metadata() or ())
    assert [event async for event in call][-1].HasField("done")
    assert len((await guest.turns()).turns) == 2


async def test_a_repeated_yes_is_answered_with_the_same_order(guest: Guest) -> None:
    await guest.says(ORDERING)
    first = await guest.says("yes", "approval")
    again = await guest.says("yes", "approval")
    assert again.order_id == first.order_id
    assert "order" in again.kinds


async def test_a_key_with_another_text_is_refused(guest: Guest) -> None:
    await guest.says(ORDERING, "once")
    refused = await failure(guest.says("Two lattes", "once"))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "IDEMPOTENCY_KEY_REUSED",
    )


async def test_many_at_once_with_one_key_make_one_turn(guest: Guest, sees: Connection) -> None:
    answers = await asyncio.gather(
        *(guest.says(ORDERING, "once") for _ in range(20)), return_exceptions=True
    )
    told = [answer for answer in answers if isinstance(answer, Answer)]
    errors = [error for error in answers if isinstance(error, grpc.aio.AioRpcError)]
    refused = [from_rpc_error(error) for error in errors]
    assert len(told) + len(refused) == 20
    assert {failed.reason for failed in refused} <= {"REQUEST_IN_PROGRESS"}
    assert {answer.turn.text for answer in told} == {told[0].text}
    assert (await guest.session()).cart.lines[0].quantity == 1
    assert await turns_in(sees, guest) == 1


async def test_while_a_message_is_answered_it_and_others_wait(
    guest: Guest, patient: SessionStore
) -> None:
    begun = await begin(patient, guest, ORDERING, "running")
    same = await failure(guest.says(ORDERING, "running"))
    other = await failure(guest.says("Two lattes", "other"))
    assert (same.code, same.reason) == (grpc.StatusCode.ABORTED, "REQUEST_IN_PROGRESS")
    assert (other.code, other.reason) == (grpc.StatusCode.ABORTED, "SESSION_BUSY")
    assert same.retry_after
    assert other.retry_after
    assert (await guest.turn("running")).state == turn_pb2.TURN_STATE_RUNNING
    await patient.fail(begun.lease, begun.turn)


async def test_a_dead_coordinators_message_is_taken_over_when_its_lease_ends(
    guest: Guest, dying: SessionStore
) -> None:
    await begin(dying, guest, ORDERING, "abandoned")
    answer, refused = await insists(guest, ORDERING, "abandoned")
    assert {failed.reason for failed in refused} <= {"REQUEST_IN_PROGRESS"}
    assert len(answer.turn.cart.lines) == 2
    assert len((await guest.turns()).turns) == 1


async def test_a_dead_coordinators_message_does_not_stop_the_next(
    guest: Guest, dying: SessionStore
) -> None:
    await begin(dying, guest, ORDERING, "abandoned")
    answer, refused = await insists(guest, "An espresso", "next")
    assert {failed.reason for failed in refused} <= {"SESSION_BUSY"}
    assert [line.product_id for line in answer.turn.cart.lines] == ["espresso"]
    assert (await guest.turn("abandoned")).state == turn_pb2.TURN_STATE_FAILED


async def test_after_a_failed_message_the_read_back_before_it_approves_nothing(
    guest: Guest, dying: SessionStore
) -> None:
    await guest.says(ORDERING)
    begun = await begin(dying, guest, "and a muffin", "failed")
    await dying.fail(begun.lease, begun.turn)
    assert not (await guest.says("yes")).order_id


async def test_an_old_yes_sent_again_approves_nothing_new(
    guest: Guest, dying: SessionStore
) -> None:
    await guest.says(ORDERING)
    begun = await begin(dying, guest, "yes", "old")
    await dying.fail(begun.lease, begun.turn)
    await guest.says("and two muffins")
    assert not (await guest.says("yes", "old")).order_id


async def test_who_lost_the_lease_writes_nothing(
    guest: Guest, dying: SessionStore, sees: Connection
) -> None:
    begun = await begin(dying, guest, ORDERING, "lost")
    await sees.execute(
        "UPDATE coordinator.sessions SET lease_epoch = lease_epoch + 1 WHERE session_id = $1",
        begun.lease.session_id,
    )
    for write in (
        dying.fail(begun.lease, begun.turn),
        dying.hold(begun.lease, asyncio.sleep(60)),
    ):
        error = (await asyncio.gather(write, return_exceptions=True))[0]
        assert type(error).__name__ == "LeaseLost"
    assert (await guest.turn("lost")).state == turn_pb2.TURN_STATE_RUNNING


async def test_a_renewal_that_comes_late_takes_nothing_back(
    guest: Guest, dying: SessionStore
) -> None:
    begun = await begin(dying, guest, ORDERING, "ended")
    await dying.fail(begun.lease, begun.turn)
    await dying.hold(begun.lease, asyncio.sleep(BRIEF_TERM_S))
    assert (await guest.says("Two lattes", "next")).turn.cart.lines[0].quantity == 2


async def test_a_session_is_begun_once_for_a_key(guest: Guest) -> None:
    first = await guest.arrive("visit")
    assert await guest.arrive("visit") == first
    assert await guest.arrive() != first


async def turns_in(sees: Connection, guest: Guest) -> int:
    session_id: UUID = from_id("ses", guest.session_id)
    count: int = await sees.fetchval(
        "SELECT count(*) FROM coordinator.turns WHERE session_id = $1", session_id
    )
    return count
