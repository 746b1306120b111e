"""The same dialogues, served by a language model behind an OpenAI-compatible API."""

from collections.abc import Iterator, Sequence

import pytest
import pytest_asyncio

from services.assembly.home import Home
from tests.acceptance.dialogues import DIALOGUES, Outcome, play
from tests.support.mesh import RunningMesh, running_mesh
from tests.support.people import guest
from tests.support.provider import API_KEY, MODEL, Completion, Provider, running_provider
from tests.support.waiter import serve

LEAST_RIGHT = 0.95


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider(serve) as running:
        yield running


@pytest.fixture(scope="module")
def hosted(home: Home, provider: Provider) -> Iterator[RunningMesh]:
    """A mesh whose guests talk to the provider's model."""
    settings = {
        "OPENAI_API_BASE": provider.url,
        "OPENAI_API_KEY": API_KEY,
        "MAITRED_COORDINATOR_MODEL": MODEL,
    }
    with running_mesh(Home(home.path / "hosted"), settings=settings) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(hosted: RunningMesh) -> Sequence[Outcome]:
    return await play(hosted.gateway_url, DIALOGUES)


@pytest.mark.asyncio(loop_scope="module")
async def test_guests_get_what_they_asked_for(outcomes: Sequence[Outcome]) -> None:
    wrong = [one.told() for one in outcomes if not one.is_right]
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(outcomes), "\n".join(wrong)


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_ordered_without_an_explicit_yes(outcomes: Sequence[Outcome]) -> None:
    assert [one.told() for one in outcomes if one.is_unasked] == []


@pytest.mark.asyncio(loop_scope="module")
async def test_no_dialogue_ends_in_an_error(
    outcomes: Sequence[Outcome], provider: Provider
) -> None:
    assert [one.told() for one in outcomes if one.went.error] == []
    assert provider.problems == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_provider_that_fails_is_asked_twice_and_no_more(
    hosted: RunningMesh, provider: Provider
) -> None:
    async with guest(hosted, hosted.demo[0].slug) as ours:
        session = (await ours.post("/api/v1/sessions", json={})).json()["session_id"]
        provider.policy = lambda _: Completion(status=503)
        asked = len(provider.requests)
        path = f"/api/v1/sessions/{session}/messages"
        answer = await ours.post(path, json={"text": "hello"})
        assert (answer.status_code, answer.json()["reason"]) == (503, "MODEL_UNAVAILABLE")
        assert answer.headers["retry-after"] == "1"
        assert len(provider.requests) == asked + 2
        provider.policy = lambda _: Completion("Once upon a time", cut_after=2)
        stream = {"accept": "text/event-stream"}
        broken = await ours.post(path, json={"text": "a story"}, headers=stream)
        assert broken.text.rstrip().rpartition("event: ")[2].startswith("error")
        provider.policy = serve
        assert (await ours.post(path, json={"text": "a latte"})).json()["cart"]["lines"]
