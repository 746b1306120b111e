"""A turn outlives its listener and never waits for one who left."""

import asyncio

from services.coordinator.sessions.cart import Cart
from services.coordinator.sessions.stream import CartChanged, Listener, TextSaid


async def test_what_is_said_is_heard_in_order() -> None:
    listener = Listener()
    told = (TextSaid("a"), CartChanged(Cart()), TextSaid("b"))
    for event in told:
        await listener.say(event)
    await listener.end()
    assert [event async for event in listener.events()] == [*told]


async def test_pieces_of_text_that_wait_are_told_as_one() -> None:
    listener = Listener()
    for event in (TextSaid("a"), TextSaid(" b"), CartChanged(Cart()), TextSaid("c"), TextSaid("d")):
        await listener.say(event)
    await listener.end()
    heard = [event async for event in listener.events()]
    assert heard == [TextSaid("a b"), CartChanged(Cart()), TextSaid("cd")]


async def test_a_piece_of_text_is_told_at_once_when_none_waits_behind_it() -> None:
    listener = Listener()
    events = listener.events()
    for word in ("a", "b"):
        await listener.say(TextSaid(word))
        assert await anext(events) == TextSaid(word)


async def test_a_slow_reader_is_waited_for() -> None:
    listener = Listener()

    async def talk() -> None:
        for number in range(500):
            await listener.say(TextSaid(str(number)))
        await listener.end()

    talking = asyncio.create_task(talk())
    await asyncio.sleep(0)
    assert not talking.done()
    heard = [event.text async for event in listener.events() if isinstance(event, TextSaid)]
    assert "".join(heard) == "".join(map(str, range(500)))
    await talking


async def test_a_reader_that_leaves_frees_who_waits_for_it() -> None:
    listener = Listener()

    async def talk() -> None:
        for number in range(500):
            await listener.say(TextSaid(str(number)))
        await listener.end()

    talking = asyncio.create_task(talk())
    await asyncio.sleep(0)
    listener.leave()
    await asyncio.wait_for(talking, 5)
    assert listener.gone
