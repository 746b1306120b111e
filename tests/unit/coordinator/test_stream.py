"""A turn outlives its listener and never waits for one who left."""

import asyncio

from services.coordinator.sessions.stream import Listener, TextSaid


async def test_what_is_said_is_heard_in_order() -> None:
    listener = Listener()
    for word in ("a", "b"):
        await listener.say(TextSaid(word))
    await listener.end()
    assert [event async for event in listener.events()] == [TextSaid("a"), TextSaid("b")]


async def test_a_slow_reader_is_waited_for() -> None:
    listener = Listener()

    async def talk() -> None:
        for number in range(500):
            await listener.say(TextSaid(str(number)))
        await listener.end()

    talking = asyncio.create_task(talk())
    await asyncio.sleep(0)
    assert not talking.done()
    heard = [event async for event in listener.events()]
    assert len(heard) == 500
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
