"""Only an explicit yes to the read-back approves."""

import pytest

from services.coordinator.models.local.approval import approves

READ_BACK = "Your order: 1 × Ramen (Large), to go. That's €12.00. Is that right? Shall I place it?"


@pytest.mark.parametrize(
    "text",
    [
        "yes", "Yes!", "yep", "Yes please.", "Yes, that's right, thank you.",
        "yeah looks good to me",
        "Lets see. Yes. OK. Its good.", "looks fine", "That's it thanks", "perfect", "That's all",
        "It is.", "It sure is", "Everything is right", "You got it right", "all good", "go ahead",
        "Correct, thanks", "please place the order", "sounds good", "That is what I want.",
        "yes, a large ramen", "Yes, I'm pretty sure that's correct.", "👍", "let me see... yes",
        "Yes - it looks right", "It'a all right", "Yes. How long will it take?", "prefect", "ok",
        "Let's do it", "of course", "Yes it does, thanks", "sure", "Great, thank you",
    ],
)  # fmt: skip
def test_a_yes_in_any_wording_approves(text: str) -> None:
    assert approves(text, READ_BACK)


@pytest.mark.parametrize(
    "text",
    [
        "", "no", "nope", "yes but make it spicy", "not yet", "let me check", "ok?", "yes?",
        "thanks", "Thank you so much", "hmm", "maybe", "I guess so", "I don't think so", "wait",
        "hold on, let me think", "almost", "that's not right", "that isn't correct", "not sure",
        "is that right?", "how much is it", "do you have cola?", "The weather is great today",
        "hello", "good morning", "actually make it small", "looks good but make it small",
        "I'd like a cola too", "yes and add a cola", "never mind", "cancel it",
        "it's missing the egg",
        "everything except the egg is right", "no, that is wrong", "Great, and a cola please",
        "My dog is great", "You have a nice place here", "this place looks nice", "sorry what?",
        "Right, what else do you have?", "I said spicy", "no thanks", "Nope. That's all.",
    ],
)  # fmt: skip
def test_doubt_questions_thanks_and_small_talk_do_not(text: str) -> None:
    assert not approves(text, READ_BACK)
