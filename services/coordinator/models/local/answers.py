"""Answers to questions about the menu, from the menu alone."""

import re
from collections.abc import Callable, Iterable, Sequence

from services.coordinator.models.local import replies
from services.coordinator.models.local.menu import Found, find
from services.coordinator.models.local.views import Item, MenuView, Value

_MOST = 12
_PRICE = re.compile(r"\b(?:how much|price|prices|cost|costs|expensive|cheap|cheapest|charge)\b")
_ALLERGY = re.compile(
    r"\b(?:allerg\w*|contain\w*|gluten|lactose|dairy|nut|nuts|peanut\w*|vegan|vegetarian|halal|kosher|"
    r"soy|egg|eggs|free from|intoleran\w*|coeliac|celiac|safe)\b"
)
_DIETS = ("vegan", "vegetarian", "halal", "kosher")
_WHOLE_MENU = re.compile(
    r"\b(?:menu|what (?:do|can) (?:you|i|we) (?:have|get|order|serve|sell|offer|got|eat|drink)(?: here| today| to \w+)?$|"
    r"what (?:is|are) (?:there|available|on offer|your (?:options|drinks|dishes|products))|what else|"
    r"what kinds? of (?:things|stuff|food|drinks?|items) do|options do you have$|"
    r"what would you (?:recommend|suggest)|recommend|suggest\w*|specials?|popular|best|favou?rite)\b"
)
_ADVICE = re.compile(r"\b(?:recommend\w*|suggest\w*|specials?|popular|best|favou?rite|good here)\b")
_VARIATIONS = re.compile(
    r"\b(?:options|add ?ons?|extras?|choices|customi[sz]\w*|modif\w*|come with|comes with)\b"
)
_INSIDE = re.compile(
    r"\b(?:what is in|what is (?:a|an|the)\b|what are (?:the )?ingredients|ingredients|made (?:of|with|from)|"
    r"describe|tell me (?:more )?about|explain|what comes (?:in|on|with)|how (?:big|large|many|strong|spicy|hot|sweet)|"
    r"how (?:is|are)|size|calories|caffeine|which size|difference)\b"
)


def answer(question: str, menu: MenuView) -> str:
    """Return what the menu says about a question; says so where it says nothing."""
    found = find(question, menu)
    for told in _TELLERS:
        text = told(question, found, menu)
        if text:
            return text
    return replies.UNKNOWN_FACT


def _allergens(question: str, found: Found, menu: MenuView) -> str:
    if not _ALLERGY.search(question) or (found.values and not found.items):
        return ""
    diet = next((d for d in _DIETS if d in question.split()), "")
    if diet:
        return _diet(diet, found, menu)
    wanted = [a for a in _known_allergens(menu) if _names(a, question)]
    if found.items:
        return " ".join(_contains(item, wanted) for item in found.items[:3])
    if wanted:
        free = [i.name for i in menu.items if i.available and not set(wanted) & set(i.allergens)]
        listed = replies.join(wanted)
        return (
            f"By our list these contain no {listed}: {_some(free)}."
            if free
            else (f"Everything we have lists {listed}.")
        )
    return ""


def _contains(item: Item, wanted: Sequence[str]) -> str:
    has = [a for a in wanted if a in item.allergens]
    if has:
        return f"Yes, the {item.name} contains {replies.join(has)}."
    if wanted:
        return f"{replies.join(wanted).capitalize()} isn't listed for the {item.name}."
    if item.allergens:
        return f"The {item.name} contains {replies.join(item.allergens)}."
    return f"No allergens are listed for the {item.name}."


def _diet(diet: str, found: Found, menu: MenuView) -> str:
    def suits(item: Item) -> str:
        return next((v for k, v in item.attributes if k.lower() == diet), "")

    if found.items:
        return " ".join(
            f"{item.name}: {diet}, {suits(item)}."
            if suits(item)
            else f"I don't know whether the {item.name} is {diet}."
            for item in found.items[:3]
        )
    names = [item.name for item in menu.items if item.available and suits(item).startswith("yes")]
    return f"These are {diet}: {_some(names)}." if names else replies.UNKNOWN_FACT


def _known_allergens(menu: MenuView) -> tuple[str, ...]:
    return tuple(dict.fromkeys(a for item in menu.items for a in item.allergens))


def _names(allergen: str, question: str) -> bool:
    aliases = {
        "milk": {"dairy", "lactose"},
        "nuts": {"nut"},
        "gluten": {"wheat", "coeliac", "celiac"},
    }
    said = {w.rstrip("s") for w in question.split()}
    return bool(
        {w.rstrip("s") for w in allergen.lower().split()} & said
        or {w.rstrip("s") for w in aliases.get(allergen.lower(), set())} & said
    )


def _prices(question: str, found: Found, menu: MenuView) -> str:
    if not _PRICE.search(question):
        return ""
    if not menu.has_prices:
        return "I don't have any prices here; our staff can tell you."
    told = [f"{item.name} is {_money(item.price_minor, menu)}" for item in found.items[:5]]
    if not found.items or len(found.values) <= 2:
        told += [
            f"{value.name} adds {_money(value.price_minor, menu)}" for value in found.values[:5]
        ]
    if told:
        return f"{replies.join(told)}."
    if found.categories:
        items = [i for i in menu.items if i.category in found.categories and i.available]
        listed = [f"{i.name} {_money(i.price_minor, menu)}" for i in items]
        return f"{_some(listed)}."
    return ""


def _whole_menu(question: str, found: Found, menu: MenuView) -> str:
    if found.anything or not _WHOLE_MENU.search(question):
        return ""
    sections = [
        f"{category}: {_some([i.name for i in menu.items if i.category == category and i.available], 6)}"
        for category in dict.fromkeys(item.category for item in menu.items)
    ]
    if _ADVICE.search(question):
        return f"I have no favourites, but here is what we serve. {'. '.join(sections)}."
    return f"{'. '.join(sections)}."


def _variations(question: str, found: Found, menu: MenuView) -> str:
    if not _VARIATIONS.search(question):
        return ""
    if not found.items:
        return (
            ""
            if found.anything
            else f"We have {_some([a.name for a in menu.add_ons])}."
            if menu.add_ons
            else ""
        )
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


def _inside(question: str, found: Found, menu: MenuView) -> str:
    if not found.items or not _INSIDE.search(question):
        return ""
    return " ".join(_description(item) for item in found.items[:2])


def _description(item: Item) -> str:
    facts = [f"{name}: {value}" for name, value in item.attributes]
    told = [item.description.rstrip(".")] if item.description else []
    told += [replies.join(facts)] if facts else []
    return f"{item.name}: {'; '.join(told)}." if told else f"I know no more about the {item.name}."


def _listing(question: str, found: Found, menu: MenuView) -> str:
    """ "what kinds of … do you have", "do you have …"."""
    parts = []
    if found.groups:
        parts += [
            f"For {g.name.lower()} we have {_some(_available(g.options))}."
            for g in found.groups[:2]
        ]
    elif found.values:
        have = [v.name for v in found.values if v.available]
        parts += [f"Yes, we have {_some(have)}."] if have else []
        parts += [replies.sold_out(v.name) for v in found.values if not v.available]
    if found.items and not (parts and found.is_loose):
        have = [i.name for i in found.items if i.available]
        parts += [f"We have {_some(have)}."] if have else []
        parts += [replies.sold_out(i.name) for i in found.items if not i.available]
    elif found.categories and not parts:
        items = [i.name for i in menu.items if i.category in found.categories and i.available]
        parts += [f"We have {_some(items)}."]
    return " ".join(parts)


def _missing(question: str, found: Found, menu: MenuView) -> str:
    asked = re.search(
        r"\b(?:do you (?:guys )?(?:have|sell|serve|carry|offer|got|do|make)|is there|are there|have you got)\b"
        r"(?: (?:any|a|an|some|the))? (.+)$",
        question,
    )
    if asked is None or found.anything:
        return ""
    thing = re.sub(
        r"\b(?:here|today|available|please|left|to use|in stock|right now|guys)\b.*$", "", asked[1]
    )
    return replies.not_on_menu(thing.strip()) if thing.strip() else ""


def _available(values: Iterable[Value]) -> list[str]:
    return [value.name for value in values if value.available]


def _some(names: Sequence[str], most: int = _MOST) -> str:
    if len(names) <= most:
        return replies.join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _money(minor: int, menu: MenuView) -> str:
    return replies.money(minor, menu.currency_code) if minor else "nothing"


_TELLERS: tuple[Callable[[str, Found, MenuView], str], ...] = (
    _allergens,
    _prices,
    _whole_menu,
    _variations,
    _inside,
    _listing,
    _missing,
)
