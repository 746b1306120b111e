"""Answers to questions about the menu, from the menu alone."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from services.coordinator.models.local import replies
from services.coordinator.models.local.facts import says_without, tell_allergens, tell_attributes
from services.coordinator.models.local.menu import Found, find, values_of
from services.coordinator.models.local.views import Item, MenuView, Value

_MOST = 12
_MOST_GONE = 3
_PRICE = re.compile(r"\b(?:how much|price|prices|cost|costs|expensive|cheap|cheapest|charge)\b")
_CHEAPEST = re.compile(r"\b(?:cheapest|least expensive|lowest price)\b")
_QUESTION_AHEAD = re.compile(
    r"\b(?:(?:i (?:have|had|got)|i have got) (?:a|one|another|some|a few) (?:quick )?questions?|"
    r"(?:can|could|may) i ask(?: you)?(?: something| a question| one thing)?|"
    r"^(?:just )?(?:a |one )?(?:quick )?question)$"
)
_POINTING = re.compile(r"\b(?:it|its|that|this|they|them|those|these|that one|this one)\b")
_PAYING = re.compile(r"\b(?:pay|paying|payment|cards?|cash|apple pay|invoice|tip)\b")
_DIETS = re.compile(r"\b(?:vegan|vegetarian|halal|kosher)\b")
_WHOLE_MENU = re.compile(
    r"\b(?:menu|what (?:do|can) (?:you|i|we) (?:have|get|order|serve|sell|offer|got|eat|"
    r"drink)(?: here| today| to \w+)?$|"
    r"what (?:is|are) (?:there|available|on offer|your (?:options|drinks|dishes|products))|"
    r"what else|"
    r"what kinds? of (?:things|stuff|food|drinks?|items) do|options do you have$|"
    r"what would you (?:recommend|suggest)|recommend|suggest\w*|specials?|popular|best|"
    r"favou?rite)\b"
)
_ADVICE = re.compile(r"\b(?:recommend\w*|suggest\w*|specials?|popular|best|favou?rite|good here)\b")
_VARIATIONS = re.compile(
    r"\b(?:options|add ?ons?|extras?|choices|customi[sz]\w*|modif\w*|come with|comes with)\b"
)
_ELSEWHERE = re.compile(
    r"\b(?:hours?|open|opening|close|closing|wi ?fi|internet|password|"
    r"parking|park|toilets?|restrooms?|bathroom|address|located|location|directions|phone|number|"
    r"reservations?|weather|jobs?|hiring|how long|how soon|what time|ready|waiting|wait|queue|"
    r"how late|owner|manager|football|news|joke)\b"
)
_LISTING_GROUP = re.compile(r"^(?:\w+ )*(?:which|what)\b.*\b(?:have|offer|got|there|choose)\b")
_STOCKING = re.compile(
    r"\b(?:have|has|got|sell|serve|offer|carry|do|make|there|available|any|kinds?|types?|sorts?|"
    r"which|list|menu|what (?:\w+ ){1,2}(?:are|do))\b"
)
"""Asks what there is; anything else that names something on the menu asks something about it."""
_TELLING_ADDRESS = re.compile(r"\b(?:my address|i live)\b")
_INSIDE = re.compile(
    r"\b(?:what is in|what is (?:a|an|the)\b|what are (?:the )?ingredients|ingredients|made (?:of|"
    r"with|from)|"
    r"describe|tell me (?:more )?about|explain|what comes (?:in|on|with)|how (?:big|large|many|"
    r"strong|spicy|hot|sweet)|"
    r"how (?:is|are)|size|calories|caffeine|which size|difference|"
    r"(?:is|are) (?:it|they|that|this|the \w+|the \w+ \w+) (?:very |too |really )?(?:big|large|"
    r"small|hot|"
    r"spicy|sweet|strong|cold|filling|good))\b"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say to a question.

    ``named`` is the one product it is about, empty for none; ``is_known`` whether the menu told.
    """

    text: str
    named: str = ""
    is_known: bool = True


def answer(question: str, menu: MenuView, subject: str = "") -> Answer:
    """Return what the menu says about a question; says so where it says nothing.

    ``subject`` is the name of the product that "it" stands for.
    """
    found = find(_DIETS.sub(" ", question), menu)
    about = _resolved(question, found, menu, subject)
    named = about.items[0].name if len(about.items) == 1 and not about.is_loose else ""
    for told in _TELLERS:
        text = told(question, about, menu)
        if text:
            return Answer(text, named, told is not _elsewhere)
    if says_without(question) and not _is_named_so(question, found):
        # That there is such a thing is no answer to whether it comes without another.
        return Answer(replies.UNKNOWN_FACT, named, is_known=False)
    for told in _STOCK_TELLERS:
        text = told(question, found, menu)
        if text:
            is_stock = told is _listing and _STOCKING.search(question) is not None
            return Answer(text, named, is_stock)
    return Answer(replies.UNKNOWN_FACT, named, is_known=False)


def _is_named_so(question: str, found: Found) -> bool:
    """Whether what the question calls free of something goes by that name."""
    things: tuple[Item | Value, ...] = (*found.items, *found.all_values)
    names = (name.lower() for thing in things for name in (thing.name, *thing.synonyms))
    return any(says_without(n) and n.replace("-", " ") in question for n in names)


def _resolved(question: str, found: Found, menu: MenuView, subject: str) -> Found:
    """What the question is about when it points at what was spoken of last."""
    if (found.items and not found.is_loose) or not _POINTING.search(question):
        return found
    meant = tuple(item for item in menu.items if item.name == subject)
    return replace(found, items=meant, is_loose=False) if meant else found


def _question_ahead(question: str, _found: Found, _menu: MenuView) -> str:
    return replies.GO_ON if _QUESTION_AHEAD.search(question) else ""


def _elsewhere(question: str, _found: Found, _menu: MenuView) -> str:
    if _PAYING.search(question):
        return replies.PAYING
    if _TELLING_ADDRESS.search(question):
        return replies.TELL_STAFF
    return replies.UNKNOWN_FACT if _ELSEWHERE.search(question) else ""


def _prices(question: str, found: Found, menu: MenuView) -> str:
    if not _PRICE.search(question):
        return ""
    if not menu.has_prices:
        return "I don't have any prices here; our staff can tell you."
    if _CHEAPEST.search(question):
        return _cheapest(found, menu)
    prices = _listed_prices(question, found, menu)
    return f"{_some(prices)}." if prices else ""


def _listed_prices(question: str, found: Found, menu: MenuView) -> list[str]:
    if found.items and not (found.is_loose and found.categories):
        return [_priced(question, item, menu) for item in found.items[:5]]
    if found.all_values:
        return [f"{v.name} adds {_money(v.price_minor, menu)}" for v in found.all_values[:5]]
    items = [i for i in menu.items if i.category in found.categories]
    can_be_had = [item for item in items if item.available]
    return [f"{i.name} {_money(i.price_minor, menu)}" for i in can_be_had or items]


def _priced(question: str, item: Item, menu: MenuView) -> str:
    """A product with the options and extras that were said, and what that costs."""
    said = values_of(item, question, menu)
    total = item.price_minor + sum(value.price_minor for value in said)
    made = f" ({replies.join(value.name for value in said)})" if said else ""
    return f"{item.name}{made} is {_money(total, menu)}"


def _cheapest(found: Found, menu: MenuView) -> str:
    in_question = [i for i in menu.items if i in found.items or i.category in found.categories]
    among = in_question or menu.items
    item = min([i for i in among if i.available] or among, key=lambda i: i.price_minor)
    return f"The {item.name}, at {_money(item.price_minor, menu)}."


def _whole_menu(question: str, found: Found, menu: MenuView) -> str:
    if found.anything or not _WHOLE_MENU.search(question):
        return ""
    sections = [
        f"{category}: {_some(_in_category(category, menu), 6)}"
        for category in dict.fromkeys(item.category for item in menu.items if item.available)
    ]
    if _ADVICE.search(question):
        return f"I have no favourites, but here is what we serve. {'. '.join(sections)}."
    return f"{'. '.join(sections)}."


def _variations(question: str, found: Found, menu: MenuView) -> str:
    if not _VARIATIONS.search(question):
        return ""
    if not found.items:
        return _extras(menu) if not found.anything else ""
    item = found.items[0]
    groups = [
        f"{g.name.lower()}: {_some(_available(g.options))}"
        for g in menu.groups
        if g.id in item.group_ids
    ]
    extras = [a for a in menu.add_ons if a.id in item.add_on_ids]
    if extras:
        groups.append(f"extras: {_some(_available(extras))}")
    return (
        f"For the {item.name} you can choose {'; '.join(groups)}."
        if groups
        else (f"The {item.name} comes as it is.")
    )


def _extras(menu: MenuView) -> str:
    return f"We have {_some(_available(menu.add_ons))}." if menu.add_ons else ""


def _inside(question: str, found: Found, _menu: MenuView) -> str:
    if not found.items or not _INSIDE.search(question):
        return ""
    return " ".join(_description(item) for item in found.items[:2])


def _description(item: Item) -> str:
    facts = [f"{name}: {value}" for name, value in item.attributes]
    told = [item.description.rstrip(".")] if item.description else []
    told += [replies.join(facts)] if facts else []
    return f"{item.name}: {'; '.join(told)}." if told else f"I know no more about the {item.name}."


def _listing(question: str, found: Found, menu: MenuView) -> str:
    """Of "what kinds of … do you have" and "do you have …": what there is."""
    lists_group = found.groups and _LISTING_GROUP.search(question)
    exact = () if lists_group else found.exact_values
    parts = _stocked(exact, "Yes, we have") if exact else []
    if found.groups and not parts:
        parts = [
            f"For {g.name.lower()} we have {_some(_available(g.options))}."
            for g in found.groups[:2]
        ]
    if found.values and not parts and not found.items:
        parts = _stocked(found.values, "Yes, we have")
    if found.categories and not parts and (found.is_loose or not found.items):
        items = [item for item in menu.items if item.category in found.categories]
        can_be_had = [item for item in items if item.available]
        return " ".join(_stocked(can_be_had or items[:_MOST_GONE], "We have"))
    if found.items and not (parts and found.is_loose):
        parts += _stocked(found.items, "We have")
    return " ".join(parts)


def _stocked(things: Sequence[Item] | Sequence[Value], opening: str) -> list[str]:
    have = [thing.name for thing in things if thing.available]
    gone = [_gone(thing) for thing in things if not thing.available]
    return [*([f"{opening} {_some(have)}."] if have else []), *gone]


def _gone(thing: Item | Value) -> str:
    if isinstance(thing, Item) and thing.served:
        return replies.not_served(thing.name, thing.served)
    return replies.sold_out(thing.name)


def _missing(question: str, found: Found, _menu: MenuView) -> str:
    asked = re.search(
        r"\b(?:do you (?:guys )?(?:have|sell|serve|carry|offer|got|do|make)|is there|are there|"
        r"have you got)\b"
        r"(?: (?:any|a|an|some|the))? (.+)$|"
        r"\bwhat (?:kinds? of |types? of |sorts? of )?(.+?) do you (?:guys )?"
        r"(?:have|sell|serve|offer)\b",
        question,
    )
    if asked is None or found.anything:
        return ""
    thing = re.sub(
        r"\b(?:here|today|available|please|left|to use|in stock|right now|guys)\b.*$",
        "",
        asked[1] or asked[2],
    )
    return replies.not_on_menu(thing.strip()) if thing.strip() else ""


def _in_category(category: str, menu: MenuView) -> list[str]:
    return [i.name for i in menu.items if i.category == category and i.available]


def _available(values: Iterable[Value]) -> list[str]:
    return [value.name for value in values if value.available]


def _some(names: Sequence[str], most: int = _MOST) -> str:
    if len(names) <= most:
        return replies.join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _money(minor: int, menu: MenuView) -> str:
    return replies.money(minor, menu.currency_code) if minor else "nothing"


_Teller = Callable[[str, Found, MenuView], str]
_TELLERS: tuple[_Teller, ...] = (
    _question_ahead,
    _prices,
    tell_allergens,
    _elsewhere,
    tell_attributes,
    _whole_menu,
    _variations,
    _inside,
)
"""Of a product, "it" among them, or of the place and the whole menu."""
_STOCK_TELLERS: tuple[_Teller, ...] = (_listing, _missing)
"""Of what there is."""
