"""Who serves: what is known of a message, who may be chosen, and what if nobody answers."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.routing.context import Arrival, context_of, trust_feature
from services.coordinator.routing.ports import (
    Choice,
    KeyTaken,
    Question,
    Standing,
    Unavailable,
)
from services.coordinator.routing.router import Router, arrival_of, coin
from services.coordinator.routing.sentiment import Sentiment
from services.coordinator.routing.trust import FRESH_S, KnownTrust
from services.coordinator.sessions.cart import Cart
from services.coordinator.sessions.ports import Begun
from services.coordinator.sessions.serving import Serving
from services.coordinator.sessions.turn import Dialogue, Lease, Owner, Turn, TurnState

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TENANT = UUID(int=1)
BEGUN = Begun(
    Turn(UUID(int=3), UUID(int=2), "key", 1, "a latte please", TurnState.RUNNING, NOON),
    Lease(Owner(TENANT, "gst_1"), UUID(int=2), 1),
    Cart(total_minor=2000),
    Dialogue(),
    (),
    "",
    None,
    (),
    came_before=True,
)
AGENTS = {"arm-a": "host", "arm-b": "seller", "arm-c": "guide"}

arrivals = st.builds(
    Arrival,
    time=st.datetimes(timezones=st.just(UTC)),
    ordinal=st.integers(1, 10_000),
    length=st.integers(0, 100_000),
    sentiment=st.floats(-1, 1),
    orders=st.booleans(),
    asks=st.booleans(),
    cart_minor=st.integers(0, 10**9),
    came_before=st.booleans(),
)


@given(arrivals)
def test_every_feature_is_scaled(arrival: Arrival) -> None:
    context = context_of(arrival)
    assert len(context) == 10
    assert all(-1 <= value <= 1 for value in context.values())


@given(arrivals)
def test_the_hour_lies_on_a_circle(arrival: Arrival) -> None:
    context = context_of(arrival)
    assert math.hypot(context["hour_sin"], context["hour_cos"]) == pytest.approx(1)


@given(arrivals, st.integers(1, 5000))
def test_more_is_never_less(arrival: Arrival, more: int) -> None:
    larger = replace(
        arrival,
        ordinal=arrival.ordinal + more,
        length=arrival.length + more,
        cart_minor=arrival.cart_minor + more,
    )
    before, after = context_of(arrival), context_of(larger)
    for feature in ("turn_index", "message_length", "cart_value"):
        assert after[feature] >= before[feature]


def test_a_first_message_stands_at_the_lower_end() -> None:
    context = context_of(Arrival(NOON, 1, 0, 0.0, False, False, 0, False))
    lowest = {name for name, value in context.items() if value == -1}
    assert lowest == {
        "hour_cos",
        "turn_index",
        "message_length",
        "intent_order",
        "intent_question",
        "cart_value",
        "returning_guest",
    }
    assert context["weekend"] == 1


def test_trust_in_the_middle_says_nothing() -> None:
    assert [trust_feature(overall) for overall in (0.0, 0.5, 1.0)] == [-1, 0, 1]


def test_sentiment_tells_praise_from_complaint() -> None:
    sentiment = Sentiment()
    assert sentiment.of("this is wonderful, thank you") > 0.3
    assert sentiment.of("this is terrible, I hate it") < -0.3
    assert sentiment.of("a latte") == 0


@dataclass
class Wheel:
    """A bandit that chooses the first arm it may, and remembers what it was asked."""

    fails: tuple[Exception, ...] = ()
    asked: list[Question] = field(default_factory=list)

    async def rank(self, question: Question) -> Choice:
        self.asked.append(question)
        if len(self.asked) <= len(self.fails):
            raise self.fails[len(self.asked) - 1]
        arm = next(arm.arm_id for arm in question.arms if arm.arm_id not in question.excluded)
        return Choice("dec_1", arm, 0.5)


@dataclass
class Opinion:
    """Whom a tenant trusts."""

    standings: Mapping[str, Standing] = field(default_factory=dict)

    async def of(self, _tenant_id: UUID) -> Mapping[str, Standing]:
        return self.standings


def router(
    bandit: Wheel | None, standings: Mapping[str, Standing] | None = None
) -> tuple[Router, list[str]]:
    decided: list[str] = []
    made = Router(
        AGENTS, "host", bandit, Opinion(standings or {}), decided.append, lambda _text: 0.25
    )
    return made, decided


async def test_the_bandit_chooses() -> None:
    wheel = Wheel()
    route, decided = router(wheel)
    assert await route.decide(BEGUN) == Serving("host", "dec_1", 0.5)
    assert decided == ["arm-a"]
    (question,) = wheel.asked
    assert question.request_id == f"ses_{2:032x}/1"
    assert question.session_id == f"ses_{2:032x}"
    assert question.context == context_of(arrival_of(BEGUN, lambda _text: 0.25))
    assert [arm.trust for arm in question.arms] == [0, 0, 0]


def test_a_message_is_known_before_it_is_served() -> None:
    arrival = arrival_of(BEGUN, len)
    assert (arrival.orders, arrival.asks, arrival.came_before) == (True, False, True)
    assert (arrival.cart_minor, arrival.length, arrival.sentiment) == (2000, 14, 14)
    asking = replace(BEGUN, turn=replace(BEGUN.turn, user_text="When do you close?"))
    assert (arrival_of(asking, len).orders, arrival_of(asking, len).asks) == (False, True)


async def test_trust_is_a_feature_of_each_arm() -> None:
    wheel = Wheel()
    await router(wheel, {"seller": Standing(0.9)})[0].decide(BEGUN)
    assert {arm.arm_id: arm.trust for arm in wheel.asked[0].arms} == {
        "arm-a": 0,
        "arm-b": pytest.approx(0.8),
        "arm-c": 0,
    }


async def test_who_is_disabled_is_out_unless_the_coin_lands() -> None:
    wheel = Wheel()
    never = await router(wheel, {"host": Standing(0.2, True, 0.0)})[0].decide(BEGUN)
    assert (never.agent_id, never.probes) == ("seller", {"host": False})
    assert wheel.asked[0].excluded == {"arm-a"}
    always = await router(wheel, {"host": Standing(0.2, True, 1.0)})[0].decide(BEGUN)
    assert (always.agent_id, always.probes) == ("host", {"host": True})


async def test_somebody_serves_where_all_are_disabled() -> None:
    wheel = Wheel()
    out = Standing(0.1, True, 0.0)
    serving = await router(wheel, dict.fromkeys(("host", "seller", "guide"), out))[0].decide(BEGUN)
    assert serving.decision_id == "dec_1"
    assert wheel.asked[0].excluded == frozenset()


async def test_without_an_answer_the_workflows_own_agent_serves() -> None:
    route, decided = router(Wheel((Unavailable("gone"),)))
    assert await route.decide(BEGUN) == Serving("host")
    assert decided == []


async def test_switched_off_nobody_is_asked() -> None:
    route, decided = router(None)
    assert await route.decide(BEGUN) == Serving("host")
    assert decided == []


async def test_a_decision_made_in_other_circumstances_is_made_anew() -> None:
    wheel = Wheel((KeyTaken("key"),))
    assert (await router(wheel)[0].decide(BEGUN)).decision_id == "dec_1"
    first, second = (question.request_id for question in wheel.asked)
    assert second == f"{first}/{3:032x}"


@given(st.text(), st.text())
def test_a_coin_lands_the_same_however_often_it_is_thrown(key: str, agent: str) -> None:
    assert 0 <= coin(key, agent) < 1
    assert coin(key, agent) == coin(key, agent)


def test_coins_land_as_often_as_they_should() -> None:
    landed = sum(coin(f"ses_{number}/1", "host") < 0.2 for number in range(5000))
    assert 0.18 < landed / 5000 < 0.22


@dataclass
class Reader:
    """Learning as far as trust goes."""

    now: float = 0.0
    asked: int = 0
    fails: bool = False
    overall: float = 0.5

    async def trust_in(self, agent_ids: Sequence[str]) -> Mapping[str, Standing]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.fails:
            raise Unavailable("gone")
        return {agent: Standing(self.overall) for agent in agent_ids}


def known(reader: Reader) -> KnownTrust:
    return KnownTrust(reader, ["host"], lambda: reader.now)


async def test_trust_is_read_once_while_it_is_fresh() -> None:
    reader = Reader()
    trust = known(reader)
    for _ in range(3):
        assert await trust.of(TENANT) == {"host": Standing(0.5)}
    assert reader.asked == 1
    reader.now += FRESH_S
    await trust.of(TENANT)
    assert reader.asked == 2


async def test_all_who_wait_get_one_answer() -> None:
    reader = Reader()
    trust = known(reader)
    answers = await asyncio.gather(*(trust.of(TENANT) for _ in range(10)))
    assert all(answer == {"host": Standing(0.5)} for answer in answers)
    assert reader.asked == 1


async def test_trust_of_one_tenant_says_nothing_of_another() -> None:
    reader = Reader()
    trust = known(reader)
    await trust.of(TENANT)
    await trust.of(UUID(int=2))
    assert reader.asked == 2


async def test_what_was_known_is_kept_while_learning_is_away() -> None:
    reader = Reader(overall=0.9)
    trust = known(reader)
    await trust.of(TENANT)
    reader.fails, reader.now = True, FRESH_S
    assert await trust.of(TENANT) == {"host": Standing(0.9)}
    assert await trust.of(TENANT) == {"host": Standing(0.9)}
    assert reader.asked == 2


async def test_without_learning_nothing_is_known() -> None:
    assert await known(Reader(fails=True)).of(TENANT) == {}


async def test_a_change_of_trust_is_read_at_once() -> None:
    reader = Reader()
    trust = known(reader)
    await trust.of(TENANT)
    reader.overall = 0.1
    trust.forget(TENANT)
    assert await trust.of(TENANT) == {"host": Standing(0.1)}
