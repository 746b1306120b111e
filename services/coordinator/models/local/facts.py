"""Answers about what is in the products: allergens, diets and other facts the menu states.

The menu's allergen list is all there is to go by: it names what a product contains, and its
silence is never told as an assurance.
"""

import re
from collections.abc import Iterable, Sequence

from services.coordinator.models.local import replies
from services.coordinator.models.local.menu import Found
from services.coordinator.models.local.views import Item, MenuView
from services.coordinator.models.local.wording import stem, words

_ALLERGY = re.compile(
    r"\b(?:allerg\w*|contain\w*|free|free of|intoleran\w*|coeliac|celiac|safe|avoid|avoiding|"
    r"without)\b"
)
_WITHOUT = re.compile(r"\b(?:free|without|avoid|avoiding|no|not|cannot|intoleran\w*|safe)\b")
_IN_ONE = re.compile(r"\b(?:does|do|is|are|has|have|any)\b.*\b(?:have|has|in|got)\b|\bis there\b")
_IS_IN = re.compile(r"\b(?:contains?|has|have|any|in)\b")
_MAY = re.compile(
    r"\b(?:can|could|may|should|allerg\w*|intoleran\w*|coeliac|celiac|ok|okay|fine)\b"
)
_WHICH = r"\b(?:what|which|anything|everything|something)\b.* (?:has|have|with|includes?|uses?) "
_ASKS_FOR_ALLERGENS = re.compile(r"\b(?:allerg\w*|contain\w*)\b")
_OTHER_NAMES = {
    "milk": ("dairy", "lactose"),
    "gluten": ("wheat", "coeliac", "celiac"),
    "nuts": ("nut",),
    "soy": ("soya", "soybean"),
    "egg": ("eggs",),
}
"""Other words for allergens that food law names."""
_NAMED_BY_LAW = (
    "gluten", "wheat", "crustacean", "shellfish", "egg", "fish", "peanut", "soy", "soya", "milk",
    "dairy", "lactose", "nut", "celery", "mustard", "sesame", "sulphite", "lupin", "mollusc",
)  # fmt: skip


def tell_allergens(question: str, found: Found, menu: MenuView) -> str:
    """Return what the list of allergens says, empty if the question is not about it."""
    listed = tuple(dict.fromkeys(a for item in menu.items for a in item.allergens))
    about = _without_ways(question, found)
    wanted = tuple(a for a in listed if _is_said(a, about))
    unlisted = _unlisted(about, wanted)
    items = () if found.is_loose else found.items
    ways = _ways(question, found, menu, (*wanted, *unlisted))
    if not _is_asked(question, (*wanted, *unlisted), bool(items or ways), found):
        return ""
    if items:
        return " ".join(_in_item(question, item, wanted, unlisted, ways) for item in items[:3])
    if ways:
        return f"Our allergen list doesn't cover {replies.join(ways)}; {replies.ASK_STAFF}"
    if wanted:
        return _in_menu(question, wanted, found, menu)
    if unlisted:
        return f"Our allergen list doesn't speak of {replies.join(unlisted)}; {replies.ASK_STAFF}"
    return replies.ABOUT_ALLERGENS if _ASKS_FOR_ALLERGENS.search(question) else ""


def tell_attributes(question: str, found: Found, menu: MenuView) -> str:
    """Return what the menu states under a heading that the question names, such as "vegan"."""
    said = set(question.split())
    names = dict.fromkeys(name for item in menu.items for name, _ in item.attributes)
    asked = next((name for name in names if {name.lower(), f"{name.lower()}s"} & said), "")
    if not asked:
        return ""
    if found.items and not found.is_loose:
        return " ".join(_attribute(item, asked) for item in found.items[:3])
    if ways := _ways(question, found, menu, (asked,)):
        return f"Our menu doesn't say that of {replies.join(ways)}; {replies.STAFF_KNOW}"
    among = _among(found, menu)
    return _lacking(asked, among) if _is_denied(asked, question) else _having(asked, among)


def _having(name: str, among: Iterable[Item]) -> str:
    """What the menu states something of; empty for nothing."""
    suiting = [item for item in among if _suits(_value(item, name))]
    if not suiting:
        return ""
    verb = "have" if _is_measured(name, suiting) else "are"
    return f"By our menu these {verb} {name}: {_names(suiting)}."


def _lacking(name: str, among: Sequence[Item]) -> str:
    """What the menu says is without something; its silence is no assurance."""
    stated = [item for item in among if _denies(_value(item, name))]
    denied = f"without {name}" if _is_measured(name, among) else f"not {name}"
    if not stated:
        return f"Our menu names nothing that is {denied}; {replies.STAFF_KNOW}"
    return (
        f"By our menu these are {denied}: {_names(stated)}. "
        f"About anything else, {replies.STAFF_KNOW}"
    )


def says_without(text: str) -> bool:
    """Whether words are about what something lacks, as in "gluten-free"."""
    return _WITHOUT.search(_plain(text)) is not None


def _is_said(allergen: str, question: str) -> bool:
    names = {allergen.lower(), *_OTHER_NAMES.get(allergen.lower(), ())}
    said = {word.rstrip("s") for word in question.split()}
    return any({word.rstrip("s") for word in name.split()} & said for name in names)


def _unlisted(question: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Allergens that are asked about and that no product's list names."""
    covered = {n.rstrip("s") for a in wanted for n in (a.lower(), *_OTHER_NAMES.get(a.lower(), ()))}
    said = (word for word in question.split() if word.rstrip("s") in _NAMED_BY_LAW)
    return tuple(dict.fromkeys(word for word in said if word.rstrip("s") not in covered))


def _without_ways(question: str, found: Found) -> str:
    """The question less the options it names in more than a word, as a kind of milk is."""
    for value in found.exact_values:
        for name in (value.name, *value.synonyms):
            if " " in _plain(name) and not says_without(name):
                question = question.replace(_plain(name), " ")
    return question


def _ways(question: str, found: Found, menu: MenuView, allergens: Sequence[str]) -> tuple[str, ...]:
    """Options and extras a question is about, by more than the name of an allergen."""
    of_products = {v.name for g in menu.groups for v in g.options} | {v.name for v in menu.add_ons}
    spoken = {stem(w) for w in question.split()} - {
        stem(w) for a in allergens for w in (a.lower(), *_OTHER_NAMES.get(a.lower(), ()))
    }
    spoken -= {stem(word) for item in found.items for word in words(item.name)}
    values = found.exact_values if found.items and not found.is_loose else found.all_values
    return tuple(
        value.name
        for value in values
        if value.name in of_products
        and not says_without(value.name)
        and spoken & {stem(word) for word in words(value.name)}
    )


def _is_asked(question: str, allergens: Sequence[str], is_narrow: bool, found: Found) -> bool:
    if _ASKS_FOR_ALLERGENS.search(question):
        return True
    if not allergens:
        return False
    if _names_option(question, found):
        return False
    if is_narrow and (_IN_ONE.search(question) or _WITHOUT.search(question)):
        return True
    if any(_asks_which(question, name) for name in allergens):
        return True
    return _ALLERGY.search(question) is not None


def _asks_which(question: str, allergen: str) -> bool:
    words = "|".join(re.escape(n) for n in (allergen, *_OTHER_NAMES.get(allergen.lower(), ())))
    return re.search(rf"{_WHICH}(?:any |some |the )?(?:{words})s?\b", question) is not None


def _names_option(question: str, found: Found) -> bool:
    """Whether the question is for an option such as a crust without gluten, named in full."""
    return any(
        _plain(value.name) in question and says_without(value.name) for value in found.exact_values
    )


def _in_item(
    question: str,
    item: Item,
    wanted: Sequence[str],
    unlisted: Sequence[str],
    ways: Sequence[str],
) -> str:
    has = [a for a in wanted if a in item.allergens]
    if has and ways:
        return (
            f"As it usually comes, the {item.name} contains {replies.join(has)}; "
            f"about {replies.join(ways)}, {replies.ASK_STAFF}"
        )
    if has:
        said = f"the {item.name} contains {replies.join(has)}."
        return f"{_opening(question)}{said}" if _opening(question) else f"T{said[1:]}"
    named = replies.join(item.allergens) if item.allergens else "no allergens"
    told = f"For the {item.name} our allergen list names {named}"
    lacking = (*wanted, *unlisted)
    if not lacking:
        return f"{told}. For an allergy, {replies.ASK_STAFF}"
    return f"{told}; about {replies.join(lacking, 'or')}, {replies.ASK_STAFF}"


def _opening(question: str) -> str:
    """Yes or no, to the question as it was put; empty where either could be taken wrongly."""
    if _WITHOUT.search(question):
        return "No, "
    return "Yes, " if _IS_IN.search(question) and not _MAY.search(question) else ""


def _in_menu(question: str, wanted: Sequence[str], found: Found, menu: MenuView) -> str:
    among = _among(found, menu)
    listed = replies.join(wanted, "or")
    if _WITHOUT.search(question):
        free = [item for item in among if not set(wanted) & set(item.allergens)]
        names = f"{_names(free)} have no {listed} named" if free else f"all of these name {listed}"
        options = [
            value.name
            for value in found.exact_values
            if says_without(value.name) and _is_said(wanted[0], _plain(value.name))
        ]
        offered = f" We also have {replies.join(options)}." if options else ""
        return f"In our allergen list {names}.{offered} For an allergy, {replies.ASK_STAFF}"
    having = [item for item in among if set(wanted) & set(item.allergens)]
    names = _names(having) if having else "none of these"
    return f"Our allergen list names {listed} for {names}. For an allergy, {replies.ASK_STAFF}"


def _plain(name: str) -> str:
    return name.lower().replace("-", " ")


def _attribute(item: Item, name: str) -> str:
    value = _value(item, name)
    if value:
        return f"{item.name}: {name}, {value}."
    return f"Our menu doesn't say that of the {item.name}; {replies.STAFF_KNOW}"


def _value(item: Item, name: str) -> str:
    stated = {key.lower(): value for key, value in item.attributes}
    if name == "vegetarian" and stated.get("vegan", "").startswith("yes"):
        return stated.get(name, stated["vegan"])
    return stated.get(name.lower(), "")


def _is_denied(name: str, question: str) -> bool:
    """Whether a question is for what is not so, or has none of it."""
    named = re.escape(name.lower())
    return (
        re.search(
            rf"\b(?:no|not|non|without|avoid|avoiding|free (?:of|from))(?: \w+)? {named}\b|"
            rf"\b{named} (?:free|less)\b",
            question,
        )
        is not None
    )


def _is_measured(name: str, items: Iterable[Item]) -> bool:
    """Whether values under a heading are amounts rather than a yes or a no."""
    return not any(_value(item, name).lower().startswith("yes") for item in items)


def _denies(value: str) -> bool:
    return re.match(r"(?:no|none|without|0)\b", value.lower()) is not None


def _suits(value: str) -> bool:
    return bool(value) and not value[0].isdigit() and not value.lower().startswith("no")


def _among(found: Found, menu: MenuView) -> tuple[Item, ...]:
    """What is on sale, of the categories that were named if any were."""
    on_sale = tuple(item for item in menu.items if item.available)
    return tuple(i for i in on_sale if i.category in found.categories) or on_sale


def _names(items: Iterable[Item]) -> str:
    return replies.join(item.name for item in items)
