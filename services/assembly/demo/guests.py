"""Guests of the demo's loop: what they came for, and what they think of what they were told.

Who serves them they neither know nor ask. Somebody in a hurry wants few words, somebody curious
wants answers with their source, somebody hungry wants to be offered something sweet; stars follow
from the answers alone.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

SWEET = frozenset({"croissant", "almond_croissant", "blueberry_muffin", "banana_bread", "cookie"})
"""What those who like to be offered something like."""
UNWANTED = ("still_water", "sparkling_water", "cheese_toastie", "avocado_toast")
"""What nobody wants beside a coffee."""
FIRST = 12
"""So many guests come first, all hungry, who take what they like and rate as they think.

Whoever serves is first met by guests alike: one odd guest would give a bandit that knows nothing a
poor opinion of an agent, and keep it from finding out for most of a short play.
"""


class Mood(StrEnum):
    """What a guest is like today."""

    HURRIED = "hurried"
    CURIOUS = "curious"
    HUNGRY = "hungry"


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest who comes.

    Attributes:
        number: from 0, in the order they come.
        asks: questions about the house, asked first.
        order: what they say to order, and `product_id` what it names.
        appetite: how many things they take if offered what they like.
        declines: whether they answer an offer they do not like, or let it pass.
        leaves: whether they walk out before they have approved anything.
        ratings: how many times they rate; the last one counts.
        generosity: stars they give too many, or too few.
    """

    number: int
    mood: Mood
    asks: tuple[str, ...]
    order: str
    product_id: str
    appetite: int = 0
    declines: bool = False
    leaves: bool = False
    ratings: int = 1
    generosity: int = 0

    def likes(self, product_id: str) -> bool:
        """Whether they like to be offered this."""
        return self.appetite > 0 and product_id in SWEET


@dataclass(slots=True)
class Impression:
    """What a guest was told.

    Attributes:
        questions: what each answer to a question was worth: 1 for none, 3 for one with its source,
            one more for naming it and for more than a sentence.
        asides: sentences around their order that said nothing of it.
        liked: offers they liked.
        disliked: offers they did not.
        taken: offers they took and got.
    """

    questions: list[int]
    asides: int = 0
    liked: int = 0
    disliked: int = 0
    taken: int = 0


def stars(guest: Guest, told: Impression) -> int:
    """What a guest thinks of how they were served, 1 to 5."""
    match guest.mood:
        case Mood.HURRIED:
            merit = 5.0 - told.asides - told.disliked
        case Mood.CURIOUS:
            merit = sum(told.questions) / max(1, len(told.questions)) - told.disliked
        case Mood.HUNGRY:
            merit = 5.0 if told.taken else 1.0 if told.disliked else 3.0
    return max(1, min(5, round(merit) + guest.generosity))


def given(guest: Guest, told: Impression) -> tuple[int, ...]:
    """The stars in the order they are given; the last one counts."""
    final = stars(guest, told)
    hasty = final - 1 if final > 1 else 2
    return (hasty, final)[-guest.ratings :] if guest.ratings else ()


def come(seed: int, count: int) -> Iterator[Guest]:
    """Guests in the order they come; the same seed gives the same ones."""
    chance = random.Random(seed)  # noqa: S311 - a play, no secret
    for number in range(count):
        is_first = number < FIRST
        (mood,) = chance.choices(tuple(_SHARES), tuple(_SHARES.values()))
        mood = Mood.HUNGRY if is_first else mood
        product_id, order = chance.choice(_ORDERS[mood])
        is_hungry = mood is Mood.HUNGRY
        # Whoever rates only does so having been served to the end.
        leaves = chance.random() < 0.05 and not is_first
        (ratings,) = chance.choices((0, 1, 2), (15, 70, 15))
        yield Guest(
            number=number,
            mood=mood,
            asks=tuple(chance.sample(_QUESTIONS, 2)) if mood is Mood.CURIOUS else (),
            order=order,
            product_id=product_id,
            appetite=chance.choice((1, 1, 2)) if is_hungry else 0,
            declines=is_hungry and chance.random() < 0.3,
            leaves=leaves,
            ratings=1 if is_first else 0 if leaves else ratings,
            generosity=0 if is_first else chance.choice((-1, 0, 0, 0, 1)),
        )


_SHARES: Mapping[Mood, float] = {Mood.HURRIED: 0.15, Mood.CURIOUS: 0.15, Mood.HUNGRY: 0.7}
_QUESTIONS = (
    "Do you have wifi?",
    "Where can I park?",
    "Do you sell gift vouchers?",
    "How do refunds work?",
    "Is the entrance wide enough for a wheelchair?",
    "What happens to unsold food?",
)
_ORDERS = {
    Mood.HURRIED: (
        ("espresso", "Espresso"),
        ("filter_coffee", "Filter coffee, to go"),
        ("americano", "An americano"),
        ("cappuccino", "Cappuccino to go"),
    ),
    Mood.CURIOUS: (
        ("flat_white", "Then a flat white, please"),
        ("filter_coffee", "A filter coffee, please"),
        ("cortado", "Then I'll have a cortado"),
    ),
    Mood.HUNGRY: (
        ("latte", "Good morning! I'd love a large latte with oat milk, please"),
        ("cappuccino", "Hello there! Could I have a large cappuccino with soy milk, please?"),
        ("hot_chocolate", "Hello! A hot chocolate with marshmallows and whipped cream, please"),
        ("mocha", "Hi! I would like a large mocha with whipped cream for here, please"),
    ),
}
