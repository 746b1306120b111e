"""Only an explicit yes to the read-back approves."""

import pytest

from services.coordinator.models.local.approval import approves

READ_BACK = (
    "Your order: 1 × Ramen (Large, no Egg), to go. That's €12.00. "
    "Is that right? Shall I place the order?"
)


@pytest.mark.parametrize(
    "text",
    [
        "yes", "Yes!", "yep", "Yes please.", "Yes, that's right, thank you.",
        "yeah looks good to me", "Yesss", "YUP!!", "yes sir", "Yes, my friend.", "Oui", "y",
        "Lets see. Yes. OK. Its good.", "looks fine", "That's it thanks", "perfect", "That's all",
        "It is.", "It sure is", "Everything is right", "You got it right", "all good", "go ahead",
        "Correct, thanks", "please place the order", "sounds good", "That is what I want.",
        "yes, a large ramen", "Yes, I'm pretty sure that's correct.", "👍", "let me see... yes",
        "Yes - it looks right", "It'a all right", "prefect", "ok", "Great, thank you",
        "Let's do it", "of course", "Yes it does, thanks", "sure", "Okay, that's my order!",
        "You got it.", "You've got it!", "That's what I wanted", "that is what I ordered",
        "I see everything is correct", "All clear.", "No, that looks right",
        "place order", "place the order", "order it", "submit", "Submit it please", "send it",
        "Can you place the order, please?", "Yes, could you place it now?", "I confirm",
        "yes, one large ramen to go", "Yes, the ramen with no egg.", "No changes, thanks",
        "Nothing to change", "I don't see any mistakes", "No, that's correct",
        "I think that's right",
        "Yes, I think so", "Everything looks right on the screen", "The details are correct.",
        "Thank you for double checking, it's correct", "Yes. Have a great day!", "good", "Good!",
        "Yes, no problem", "You heard me right", "That came out right", "It should be right",
        "That'd be right", "Works for me", "I'm happy with that", "good to go", "You may place it",
        "Yes, I'm good", "Yes it is! Lay it on me, friend!", "You did great. That's it.",
        "Yes, it's the order, and no, nothing more please.", "100%", "yes and thank you",
        "That's everything I asked for", "Exactly what I ordered", "My order is correct",
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
        "it's missing the egg", "everything except the egg is right", "no, that is wrong",
        "Great, and a cola please", "My dog is great", "You have a nice place here",
        "this place looks nice", "sorry what?", "Right, what else do you have?", "I said spicy",
        "Nope. That's all.", "Nope, that's it.", "no, nothing else", "no thanks", "please",
        "nice", "well", "done", "I'm good", "No, I'm good",
        "I said yes to my boss today", "yes I want to change it", "yes I have a question",
        "yes, what time do you close", "yes tomorrow", "looks good on you",
        "I agree that coffee is tasty", "exactly like my wife's", "yes no", "fine, forget it",
        "yes if it's decaf", "ok boomer", "never say yes", "yes and a muffin",
        "yes plus two lattes", "yes with a muffin", "yes, decaf", "yes but no sugar",
        "Yes. How long will it take?", "yes for my wife", "yes in five minutes", "yes later",
        "sure, in a minute", "ok let me ask my wife", "okay, one second", "yes and", "ok but",
        "right, where is the toilet", "perfect weather", "great place", "good question",
        "I'm sure you are busy", "yes I am allergic to nuts", "correct me if I'm wrong",
        "exactly how much is it", "absolutely not", "of course not", "yeah no", "yeah nah",
        "I guess that's right", "maybe yes", "probably fine", "if you say so yes",
        "as long as it is hot, yes", "that's right next to my house", "right now I am driving",
        "you are great", "looks expensive", "sounds like rain", "perfect, now make it small",
        "yes two of them", "two ramens, yes", "yes 12", "yes, without nori", "sure, with sugar",
        "yes, for here", "ok small", "yes cancel", "confirm nothing", "do not confirm",
        "don't place it", "place it tomorrow", "place two orders", "can you place it tomorrow?",
        "could you repeat that", "No, that's fine", "you got it wrong", "you got me",
        "my answer is not yes", "yes is what my boss said", "he said yes", "my friend is correct",
        "all good things end", "fine dining", "okay okay stop", "wait yes", "almost perfect",
        "close enough?", "half right", "it should be spicy", "that was yesterday",
        "the last time was perfect", "I love coffee", "yes by card", "I changed my mind",
        "yes I forgot something", "yes also", "another", "good, but bigger", "agreed, mostly",
        "spot on except the size", "make it two", "do it again", "I do not care", "yes and a ramen",
        "I can not agree", "I disagree", "awesome sauce is what I want on it", "clear the cart",
        "all wrong", "yes, with egg and no nori", "would it be right", "Is the ramen good",
        "I'd like to order a ramen", "I'd like a large ramen", "great ramen place",
        "yes whatever, surprise me", "the ramen is not right", "that's it, I'm leaving",
        "the other one is right", "my order was wrong, yes", "yes unless it is late",
        "ok one please", "yes, with egg",
        "place the order for my friend",
        "ok bye", "that's it, bye", "okay so", "super hot please", "I had that", "it was good",
        "that is nice", "that one", "I have", "I want that",
    ],
)  # fmt: skip
def test_doubt_questions_thanks_and_small_talk_do_not(text: str) -> None:
    assert not approves(text, READ_BACK)
