"""What a message does in a dialogue."""

import pytest

from services.coordinator.models.local.acts import Act, read_act


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("Hello!", Act.GREET),
        ("good morning, how are you?", Act.GREET),
        ("I'd like to order", Act.GREET),
        ("thanks a lot", Act.THANK),
        ("bye", Act.THANK),
        ("no", Act.REJECT),
        ("No, that's not right", Act.REJECT),
        ("hmm, let me think", Act.HESITATE),
        ("cancel my order", Act.CANCEL),
        ("never mind", Act.CANCEL),
        ("that's all", Act.FINISH),
        ("what's in my cart?", Act.SHOW_CART),
        ("how much is that altogether?", Act.SHOW_CART),
        ("do you have ramen?", Act.ASK),
        ("which noodles do you have", Act.ASK),
        ("tell me about the udon", Act.ASK),
        ("two ramens please", Act.SAY),
        ("can I get a ramen?", Act.SAY),
        ("what about an udon instead", Act.SAY),
    ],
)
def test_acts_are_told_by_their_words(text: str, act: Act) -> None:
    assert read_act(text).act is act


def test_a_yes_approves_only_an_answer_to_a_read_back() -> None:
    assert read_act("yes", awaiting_approval=True).act is Act.APPROVE
    assert read_act("yes", awaiting_approval=False).act is not Act.APPROVE


def test_a_yes_with_more_in_it_is_read_for_wishes() -> None:
    assert not read_act("Yes, thank you.", True).wishes
    assert read_act("Yes. I'll have it to go.", True).wishes


def test_a_question_beside_an_order_is_kept() -> None:
    reading = read_act("A ramen please. Do you have cola?")
    assert (reading.act, reading.wishes) == (Act.ASK, True)
    assert reading.question == "do you have cola"
    assert not read_act("Do you have cola?").wishes
