"""Answers to questions about the menu, from the menu alone."""

import re
from collections.abc import Callable, Iterable, Sequence

from services.coordinator.models.local import replies
from services.coordinator.models.local.menu import Found, find
from services.coordinator.models.local.views import Item, MenuView, Value

_MOST = 12
_PRICE = re.compile(r"\b(?:how much|price|prices|cost|costs|expensive|cheap|cheapest|charge)\b")
_CHEAPEST = re.compile(r"\b(?:cheapest|least expensive|lowest price)\b")
_ALLERGY = re.compile(
    r"\b(?:allerg\w*|contain\w*|gluten|lactose|vegan|vegetarian|halal|kosher|free|"
    r"intoleran\w*|coeliac|celiac|safe)\b"
)
_AVOIDING = re.compile(r"\b(?:without|avoid|avoiding|no|cannot|not)\b")
_HAVING = re.compile(r"\b(?:does|do|is|are) .*\b(?:have|has|in)\b|\bis there\b|\bany\b")
_DIETS = ("vegan", "vegetarian", "halal", "kosher")
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
    r"\b(?:hours?|open|opening|close|closing|wi ?fi|internet|password|cards?|cash|pay|payment|"
    r"apple|"
    r"parking|park|toilets?|restrooms?|bathroom|address|located|location|directions|phone|number|"
    r"reservations?|weather|jobs?|hiring|how long|how late|owner|manager|football|news|joke)\b"
)
_ALLERGEN_ALIASES = {
    "milk": {"dairy", "lactose"},
    "nuts": {"nut"},
    "gluten": {"wheat", "coeliac", "celiac"},
}
"""Other words for allergens that food law names."""
_INSIDE = re.compile(
    r"\b(?:what is in|what is (?:a|an|the)\b|what are (?:the )?ingredients|ingredients|made (?:of|"
    r"with|from)|"
    r"describe|tell me (?:more )?about|explain|what comes (?:in|on|with)|how (?:big|large|many|"
    r"strong|spicy|hot|sweet)|"
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


def _elsewhere(question: str, _found: Found, _menu: MenuView) -> str:
    return replies.UNKNOWN_FACT if _ELSEWHERE.search(question) else ""


def _allergens(question: str, found: Found, menu: MenuView) -> str:
    wanted = [a for a in _known_allergens(menu) if _names(a, question)]
    if found.exact_values and not found.items and not re.search(r"\b(?:allerg|contain)", question):
        return ""
    about_item = found.items and not found.is_loose and _HAVING.search(question)
    if not (_ALLERGY.search(question) or (wanted and (about_item or _AVOIDING.search(question)))):
        return ""
    diet = next((d for d in _DIETS if d in question.split()), "")
    if diet:
        return _diet(diet, found, menu)
    if found.items and not found.is_loose:
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
        return f"Our allergen list for the {item.name} doesn't name {replies.join(wanted)}."
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
    said = {w.rstrip("s") for w in question.split()}
    return bool(
        {w.rstrip("s") for w in allergen.lower().split()} & said
        or {w.rstrip("s") for w in _ALLERGEN_ALIASES.get(allergen.lower(), set())} & said
    )


def _prices(question: str, found: Found, menu: MenuView) -> str:
    if not _PRICE.search(question):
        return ""
    if not menu.has_prices:
        return "I don't have any prices here; our staff can tell you."
    if _CHEAPEST.search(question):
        return _cheapest(found, menu)
    told = [f"{item.name} is {_money(item.price_minor, menu)}" for item in found.items[:5]]
    if not found.items or len(found.all_values) <= 2:
        told += [
            f"{value.name} adds {_money(value.price_minor, menu)}" for value in found.all_values[:5]
        ]
    if told:
        return f"{replies.join(told)}."
    if found.categories:
        items = [i for i in menu.items if i.category in found.categories and i.available]
        listed = [f"{i.name} {_money(i.price_minor, menu)}" for i in items]
        return f"{_some(listed)}."
    return ""


def _cheapest(found: Found, menu: MenuView) -> str:
    in_question = [i for i in menu.items if i in found.items or i.category in found.categories]
    item = min((i for i in in_question or menu.items if i.available), key=lambda i: i.price_minor)
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


def _listing(_question: str, found: Found, menu: MenuView) -> str:
    """Of "what kinds of … do you have" and "do you have …": what there is."""
    parts = _stocked(found.exact_values, "Yes, we have") if found.exact_values else []
    if found.groups and not parts:
        parts = [
            f"For {g.name.lower()} we have {_some(_available(g.options))}."
            for g in found.groups[:2]
        ]
    if found.values and not parts and not found.items:
        parts = _stocked(found.values, "Yes, we have")
    if found.categories and not parts and (found.is_loose or not found.items):
        items = [name for category in found.categories for name in _in_category(category, menu)]
        return f"We have {_some(items)}."
    if found.items and not (parts and found.is_loose):
        parts += _stocked(found.items, "We have")
    return " ".join(parts)


def _stocked(things: Sequence[Item] | Sequence[Value], opening: str) -> list[str]:
    have = [thing.name for thing in things if thing.available]
    gone = [replies.sold_out(thing.name) for thing in things if not thing.available]
    return [*([f"{opening} {_some(have)}."] if have else []), *gone]


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


_TELLERS: tuple[Callable[[str, Found, MenuView], str], ...] = (
    _prices,
    _allergens,
    _elsewhere,
    _whole_menu,
    _variations,
    _inside,
    _listing,
    _missing,
)
