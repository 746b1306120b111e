"""A guest talks and an order comes of it; nothing else does."""

from tests.integration.coordinator.serving import Guest

ORDERING = "A large latte with oat milk and a croissant please"


async def test_a_talk_ends_in_an_order(guest: Guest) -> None:
    answer = await guest.says(ORDERING)
    print(answer.kinds, answer.text)
    approved = await guest.says("yes, that's right")
    print(approved.kinds, approved.text, approved.turn)
    assert approved.order_id
