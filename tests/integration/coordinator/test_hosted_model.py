"""A model behind an OpenAI-compatible API: what it does, and what it cannot talk its way into."""

import json
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import grpc
import httpx
import pytest
import pytest_asyncio

from services.chassis.rpc.errors import from_rpc_error
from services.chassis.rpc.identity import MeshSigner
from tests.integration.coordinator.serving import CoordinatorClient, Event, Guest, coordinator_at
from tests.integration.coordinator.test_failures import order_ids, until
from tests.integration.orders.serving import OrdersClient
from tests.support.provider import API_KEY, MODEL, Completion, Policy, Provider, running_provider
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY, failure
from tests.support.waiter import call, serve, turn_of

TIMEOUT_S = 3.0


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider(serve) as running:
        yield running


@pytest.fixture(autouse=True)
def begins_well(provider: Provider) -> None:
    """Every test begins with a model that does as it is told, asked nothing yet."""
    provider.policy = serve
    provider.requests.clear()
    provider.problems.clear()
    provider.abandoned = 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def coordinator(
    database: MigratedDatabase, orders: OrdersClient, orders_port: int, provider: Provider
) -> AsyncIterator[CoordinatorClient]:
    async with coordinator_at(
        database,
        orders_port,
        openai_api_base=provider.url,
        openai_api_key=API_KEY,
        model=MODEL,
        model_timeout_s=TIMEOUT_S,
    ) as client:
        yield client


def in_order(*completions: Completion) -> Policy:
    """A model that says one thing after the other, whatever it hears, and at last nothing new."""
    left = list(completions)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def last_answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the last tool answered."""
    content: dict[str, Any] = json.loads(body["messages"][-1]["content"])
    return content


async def reason(guest: Guest, text: str) -> str:
    """Why a message is not answered, whether that shows at once or later."""
    try:
        answer = await guest.says(text)
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).reason
    assert answer.events[-1].HasField("error"), answer.kinds
    return answer.events[-1].error.info.reason


async def test_a_dialogue_ends_in_the_order_that_was_approved(
    guest: Guest, orders: OrdersClient, provider: Provider
) -> None:
    asked = await guest.says("a latte with oat milk and two croissants please")
    assert asked.kinds == ["tool_call", "cart", "token", "usage", "done"]
    assert asked.text.endswith("Shall I place the order?")
    answer = await guest.says("yes")
    lines = [(line.product_id, line.quantity) for line in answer.turn.order.lines]
    assert lines == [("latte", 1), ("croissant", 2)]
    assert await order_ids(orders, guest) == [answer.order_id]
    assert provider.problems == []


async def test_what_the_provider_counts_is_the_usage_of_the_turn(
    guest: Guest, coordinator: CoordinatorClient
) -> None:
    turn = (await guest.says("a latte please")).turn
    assert turn.usage.model == MODEL
    assert turn.usage.prompt_tokens > turn.usage.completion_tokens > 0
    async with httpx.AsyncClient() as http:
        metrics = (await http.get(f"http://127.0.0.1:{coordinator.admin}/metrics")).text
    used = f'external_api_credit_used_total{{model="{MODEL}",provider="openai"}}'
    model = f'gen_ai_provider_name="openai",gen_ai_request_model="{MODEL}"'
    tokens = f'gen_ai_client_token_usage_count{{gen_ai_operation_name="chat",{model}'
    assert used in metrics
    assert tokens in metrics


async def test_a_provider_that_does_not_count_serves_all_the_same(
    guest: Guest, provider: Provider
) -> None:
    provider.policy = in_order(Completion("Hello!", counts=False))
    answer = await guest.says("hi")
    assert (answer.text, answer.turn.usage.total_tokens) == ("Hello!", 0)


async def test_the_model_sees_what_was_said_before(guest: Guest, provider: Provider) -> None:
    await guest.says("a latte please")
    await guest.says("and a croissant")
    roles = [message["role"] for message in provider.requests[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "tool"]
    assert provider.requests[-1]["model"] == MODEL
    assert "update_cart" in [one["function"]["name"] for one in provider.requests[-1]["tools"]]


class TestTheCartGuard:
    """Nothing reaches the kitchen without a read-back and a yes to it."""

    async def test_stops_a_model_that_confirms_at_once(
        self, guest: Guest, provider: Provider, orders: OrdersClient
    ) -> None:
        provider.policy = in_order(
            call("update_cart", text="a latte please"), call("confirm"), Completion("Done!")
        )
        answer = await guest.says("a latte please")
        assert [event.tool_call.ok for event in answer.events if event.HasField("tool_call")] == [
            True,
            False,
        ]
        assert last_answer(provider.requests[-1])["problem"] == "not_read_back"
        assert "order" not in answer.kinds
        assert await order_ids(orders, guest) == []

    async def test_stops_a_model_that_confirms_an_empty_cart(
        self, guest: Guest, provider: Provider
    ) -> None:
        provider.policy = in_order(call("confirm"), Completion("Done!"))
        await guest.says("yes")
        assert last_answer(provider.requests[-1])["problem"] == "empty_cart"

    @pytest.mark.parametrize("text", ["no", "wait, let me think", "is that with milk?"])
    async def test_stops_a_model_that_confirms_what_nobody_approved(
        self, guest: Guest, provider: Provider, orders: OrdersClient, text: str
    ) -> None:
        await guest.says("a latte please")
        provider.policy = in_order(call("confirm"), Completion("Your order is placed!"))
        answer = await guest.says(text)
        assert last_answer(provider.requests[-1])["problem"] == "not_approved"
        assert not answer.order_id
        assert await order_ids(orders, guest) == []

    async def test_stops_what_the_menu_does_not_have(
        self, guest: Guest, provider: Provider
    ) -> None:
        provider.policy = in_order(
            call("update_cart", text="a bottle of champagne"), Completion("Champagne it is.")
        )
        answer = await guest.says("a latte please")
        assert not answer.turn.cart.lines

    async def test_stops_what_the_guest_never_said_and_the_answer_hides(
        self, guest: Guest, provider: Provider, orders: OrdersClient
    ) -> None:
        provider.policy = in_order(
            call("update_cart", text="a latte and a croissant"),
            Completion("Your order: 1 × Latte. Is that right? Shall I place the order?"),
        )
        await guest.says("a latte please")
        provider.policy = serve
        answer = await guest.says("yes")
        # The model is told to read back what there is, and the guest hears of it.
        assert "croissant" in answer.text
        assert await order_ids(orders, guest) == []

    async def test_stops_a_cart_that_changed_after_the_yes(
        self, guest: Guest, provider: Provider, orders: OrdersClient
    ) -> None:
        await guest.says("a latte please")
        provider.policy = in_order(
            call("update_cart", text="five croissants"), call("confirm"), Completion("Enjoy!")
        )
        await guest.says("yes")
        assert last_answer(provider.requests[-1])["problem"] == "cart_changed"
        assert await order_ids(orders, guest) == []

    async def test_lets_one_yes_place_one_order(
        self, guest: Guest, provider: Provider, orders: OrdersClient
    ) -> None:
        await guest.says("a latte please")
        twice = Completion(calls=(("confirm", "{}"), ("confirm", "{}")))
        provider.policy = in_order(twice, call("confirm"), Completion("Thrice!"))
        answer = await guest.says("yes")
        assert len([event for event in answer.events if event.HasField("order")]) == 1
        await guest.says("yes")
        assert await order_ids(orders, guest) == [answer.order_id]

    async def test_leaves_a_model_only_its_words(
        self, guest: Guest, provider: Provider, orders: OrdersClient
    ) -> None:
        await guest.says("a latte please")
        provider.policy = in_order(Completion("Your order is placed, number 123456."))
        answer = await guest.says("yes")
        assert answer.kinds == ["token", "usage", "done"]
        assert answer.turn.cart.lines
        assert await order_ids(orders, guest) == []


@pytest.mark.parametrize("arguments", ['{"text": "a lat', '["a latte"]', '{"text": 7}', ""])
async def test_arguments_that_make_no_sense_are_refused_and_said_to_be(
    guest: Guest, provider: Provider, arguments: str
) -> None:
    bad = Completion(calls=(("update_cart", arguments),))
    heard: list[dict[str, Any]] = []

    def mend(body: Mapping[str, Any]) -> Completion:
        if not turn_of(body).answers:
            return bad
        if not heard:
            heard.append(last_answer(body))
            return call("update_cart", text="a latte")
        return serve(body)

    provider.policy = mend
    answer = await guest.says("a latte")
    assert heard[0]["problem"] == "invalid_call"
    assert [line.product_id for line in answer.turn.cart.lines] == ["latte"]
    assert provider.problems == []


async def test_a_tool_that_does_not_exist_is_refused(guest: Guest, provider: Provider) -> None:
    provider.policy = in_order(call("give_discount", percent="100"), Completion("I cannot."))
    answer = await guest.says("make it free")
    assert last_answer(provider.requests[-1])["problem"] == "invalid_call"
    assert answer.text == "I cannot."


async def test_a_model_that_never_comes_to_an_end_is_stopped(
    guest: Guest, provider: Provider
) -> None:
    provider.policy = in_order(call("retrieve_menu", query=""))
    assert await reason(guest, "hello") == "MODEL_UNAVAILABLE"
    assert len(provider.requests) < 20
    provider.policy = serve
    assert (await guest.says("a latte please")).turn.cart.lines


@pytest.mark.parametrize(
    "endless",
    [Completion("and " * 20_000), Completion(calls=(("retrieve_menu", "{}"),) * 50)],
    ids=["words", "calls"],
)
async def test_a_completion_without_end_is_cut_off(
    guest: Guest, provider: Provider, endless: Completion
) -> None:
    provider.policy = in_order(endless)
    assert await reason(guest, "hello") == "MODEL_UNAVAILABLE"


class TestAProviderThatFails:
    """A guest is told, and may go on."""

    async def test_in_the_middle_of_an_answer_ends_it_with_an_error(
        self, guest: Guest, provider: Provider
    ) -> None:
        provider.policy = in_order(Completion("Once upon a time there was a latte.", cut_after=3))
        answer = await guest.says("tell me a story")
        assert answer.text
        assert answer.events[-1].error.info.reason == "MODEL_UNAVAILABLE"
        assert answer.events[-1].error.info.metadata["provider"] == "openai"
        assert len(provider.requests) == 1
        provider.policy = serve
        assert (await guest.says("a latte please")).turn.cart.lines

    async def test_in_the_middle_of_a_call_calls_nothing(
        self, guest: Guest, provider: Provider
    ) -> None:
        await guest.says("a latte please")
        provider.policy = in_order(
            Completion(calls=(("update_cart", '{"text": "remove the latte"}'),), cut_after=4)
        )
        assert (await failure(guest.says("hm"))).reason == "MODEL_UNAVAILABLE"
        assert (await guest.session()).cart.lines

    async def test_before_the_first_word_is_asked_once_more(
        self, guest: Guest, provider: Provider
    ) -> None:
        provider.policy = in_order(Completion("Hello", cut_after=0), Completion("Hello again!"))
        assert (await guest.says("hi")).text == "Hello again!"
        assert len(provider.requests) == 2

    @pytest.mark.parametrize(("status", "times"), [(500, 2), (429, 2), (400, 1), (404, 1)])
    async def test_with_a_status_is_asked_again_where_that_may_help(
        self, guest: Guest, provider: Provider, status: int, times: int
    ) -> None:
        provider.policy = in_order(Completion(status=status))
        refused = await failure(guest.says("hi"))
        assert (refused.code.name, refused.reason) == ("UNAVAILABLE", "MODEL_UNAVAILABLE")
        assert refused.retry_after == 1
        assert len(provider.requests) == times

    async def test_by_saying_nothing_is_told_so(self, guest: Guest, provider: Provider) -> None:
        provider.policy = in_order(Completion(""))
        assert (await failure(guest.says("hi"))).reason == "MODEL_UNAVAILABLE"

    async def test_by_silence_is_given_up(self, guest: Guest, provider: Provider) -> None:
        provider.policy = in_order(Completion("Hello", pause_s=10 * TIMEOUT_S))
        assert (await failure(guest.says("hi"))).reason == "MODEL_UNAVAILABLE"
        await until(lambda: _is(provider.abandoned == 1))
        assert len(provider.requests) == 1

    async def test_with_the_key_in_its_words_does_not_get_it_into_the_logs(
        self,
        database: MigratedDatabase,
        orders_port: int,
        tenant_id: UUID,
        provider: Provider,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        wrong = "sk-very-secret-and-wrong"
        with caplog.at_level(logging.DEBUG):
            async with coordinator_at(
                database, orders_port, openai_api_base=provider.url, openai_api_key=wrong
            ) as impostor:
                guest = impostor.guest(tenant_id)
                await guest.arrive()
                refused = await failure(guest.says("hi"))
        assert refused.reason == "MODEL_UNAVAILABLE"
        assert wrong not in str(refused.__dict__)
        assert "model_failed" in caplog.text
        assert wrong not in caplog.text


async def _is(happened: bool) -> bool:
    return happened


async def test_a_guest_who_leaves_stops_the_model(guest: Guest, provider: Provider) -> None:
    provider.policy = in_order(Completion("word " * 1000, pause_s=0.05))
    talking = guest.call("tell me everything", "left")
    first = await talking.read()
    assert isinstance(first, Event)
    assert first.token.text
    talking.cancel()
    await until(lambda: _is(provider.abandoned == 1))
    provider.policy = serve

    async def is_free() -> bool:
        answer = await guest.says("a latte please")
        return bool(answer.turn.cart.lines)

    await until(is_free)


async def test_a_model_slower_than_a_token_can_still_call_its_tools(
    guest: Guest, provider: Provider
) -> None:
    # Its clock is 59 s late: what it mints for a short call has a second left.
    late = MeshSigner(KEY.private_pem, KEY.kid, lambda: time.time() - 59)

    def slow(body: Mapping[str, Any]) -> Completion:
        return replace(serve(body), pause_s=0.0 if turn_of(body).answers else 0.2)

    provider.policy = slow
    guest.token = late.mint(guest.principal)
    assert await reason(guest, "a latte please") == "UNAUTHENTICATED"
    guest.token = late.mint(guest.principal, 110)
    assert (await guest.says("a latte please")).turn.cart.lines
