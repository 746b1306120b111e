"""A guest's side of a conversation: what to say next, and what to make of an answer.

Written for whoever serves: an agent may ask back, offer something, or be wordy. A guest approves an
order only when it was read back and holds what they want, and nothing else.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from services.assembly.demo.guests import Guest, Impression
from services.assembly.evals.replay import reads_back

TAKE = "Add that, please"
DECLINE = "No, thanks"
NO_MORE = "That's all, thank you"
APPROVE = "Yes, please"
_ENOUGH = 12
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class Talk:
    """One guest's conversation.

    Args:
        guest: who talks.
        menu: names of products by id.
    """

    def __init__(self, guest: Guest, menu: Mapping[str, str]) -> None:
        self.guest = guest
        self.told = Impression([])
        self.order: Mapping[str, Any] | None = None
        self.last_answer = ""
        self.wants: Counter[str] = Counter()
        self._menu = menu
        self._questions = list(guest.asks)
        self._said: list[str] = []
        self._hoped: Counter[str] = Counter()
        self._offers: list[str] = []
        self._is_in_order = False
        self._is_read_back = False

    @property
    def is_as_meant(self) -> bool:
        """Whether they got what they wanted in the end, and nothing else."""
        ordered = _contents(self.order["lines"]) if self.order else Counter()
        return ordered == (Counter() if self.guest.leaves else self.wants)

    def next(self) -> str:
        """What they say next; empty when they leave."""
        if self.order or len(self._said) >= _ENOUGH:
            return ""
        text = self._reply()
        self._said.append(text)
        return text

    def hear(self, answer: Mapping[str, Any]) -> None:
        """Takes the answer to what was said last in.

        Args:
            answer: `text`, `cart`, `order` and `citations` as the gateway has them.
        """
        self.last_answer = answer["text"]
        self.order = answer.get("order") or self.order
        if self._said[-1] in self.guest.asks:
            self.told.questions.append(_worth(answer))
        elif not answer.get("order"):
            self._look_at(answer)

    def _reply(self) -> str:
        if self._questions:
            return self._questions.pop(0)
        if self.guest.order not in self._said:
            self.wants[self.guest.product_id] += 1
            return self.guest.order
        return self._answer_to_offer() or self._close()

    def _answer_to_offer(self) -> str:
        liked = [one for one in self._offers if self.guest.likes(one) and one not in self.wants]
        if liked and self.told.taken < self.guest.appetite and self._is_in_order:
            self._hoped = Counter(liked[:1])
            return TAKE
        disliked = self._offers and not liked
        is_new = DECLINE not in self._said
        return DECLINE if disliked and self.guest.declines and is_new else ""

    def _close(self) -> str:
        if self.guest.leaves:
            return ""
        if self._is_in_order and self._is_read_back:
            return APPROVE
        return NO_MORE if self._said.count(NO_MORE) < 2 else ""

    def _look_at(self, answer: Mapping[str, Any]) -> None:
        cart = answer.get("cart") or {}
        holds = _contents(cart.get("lines", []))
        if self._hoped and holds == self.wants + self._hoped:
            self.wants += self._hoped
            self.told.taken += 1
        self._hoped = Counter()
        self._is_in_order = holds == self.wants
        self._is_read_back = reads_back(answer["text"], cart)
        products = [line["product_name"] for line in cart.get("lines", [])]
        beside = list(_beside(answer["text"], products))
        self.told.asides += len(beside)
        self._offers = [
            one for one in _named(" ".join(beside), self._menu) if one not in self.wants
        ]
        for one in self._offers:
            if self.guest.likes(one):
                self.told.liked += 1
            else:
                self.told.disliked += 1


def _worth(answer: Mapping[str, Any]) -> int:
    """What an answer to a question is worth to somebody curious, 1 to 5."""
    titles = [citation["title"] for citation in answer.get("citations", ())]
    if not titles:
        return 1
    text = answer["text"]
    names_it = any(title and title in text for title in titles)
    return 3 + names_it + (len(_SENTENCE.split(text)) > 1)


def _contents(lines: list[Mapping[str, Any]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in lines:
        found[line["product_id"]] += line["quantity"]
    return found


def _beside(text: str, products: list[str]) -> Iterator[str]:
    """The sentences before the first that names something in the cart."""
    for sentence in _SENTENCE.split(text):
        if any(product.lower() in sentence.lower() for product in products):
            return
        yield sentence


def _named(text: str, menu: Mapping[str, str]) -> list[str]:
    """The products a text names, "Matcha latte" being no latte."""
    ids = {name.lower(): product_id for product_id, name in menu.items()}
    names = sorted(map(re.escape, ids), key=len, reverse=True)
    found = re.findall(rf"\b(?:{'|'.join(names)})\b", text.lower())
    return list(dict.fromkeys(ids[name] for name in found))
