"""What to do next in a dialogue: a tool to call or something to say.

A pure function of what was said, what tools answered in this turn, and what was asked last. It
reads the cart back whenever something is in it and nothing is in doubt, and asks for an order to
be placed only on an explicit yes to that read-back. What an agent offers beside the order is said
before the read-back and asks nothing: a yes is never taken for more than what was read back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from services.coordinator.agents.profile import Behaviour, Grounding, Verbosity
from services.coordinator.models.local import replies
from services.coordinator.models.local.acts import Act, Reading, asks_beside, asks_maybe, read_act
from services.coordinator.models.local.answers import Answer, answer
from services.coordinator.models.local.codes import Named, bare_code, codes_in
from services.coordinator.models.local.memory import Asked, Memory, Pending
from services.coordinator.models.local.menu import names_anything
from services.coordinator.models.local.offers import fewer, left, taken
from services.coordinator.models.local.passages import passages_of, quoted
from services.coordinator.models.local.pointing import POINTING, in_context
from services.coordinator.models.local.steps import (
    Call,
    Say,
    Step,
    after_confirm,
    ask_fewer,
    ask_which,
    cancelled,
    joined,
    read_again,
    with_nothing,
)
from services.coordinator.models.local.troubles import troubles as told_troubles
from services.coordinator.models.local.views import (
    NO_MENU,
    MenuView,
    Promotions,
    Scarce,
    UpdateView,
    menu_of,
    promotions_of,
    suggestion_of,
    update_of,
)
from services.coordinator.models.local.wording import words

_BRIEFLY, _CHATTILY, _AT_LENGTH = 1, 2, 4


@dataclass(frozen=True)
class ToolAnswer:
    """What a tool called in this turn answered. It has no slots: what was read of it is kept."""

    name: str
    content: Mapping[str, Any]

    @cached_property
    def menu(self) -> MenuView:
        """The menu it tells."""
        return menu_of(self.content)


@dataclass(frozen=True, slots=True)
class Setting:
    """How to serve, and the tools there are beside menu, cart and confirmation."""

    tools: frozenset[str] = frozenset()
    behaviour: Behaviour = field(default_factory=Behaviour)

    @property
    def is_chatty(self) -> bool:
        """Whether to say more than is needed."""
        return self.behaviour.verbosity is Verbosity.CHATTY

    @property
    def is_sourced(self) -> bool:
        """Whether to answer from documents first."""
        return self.behaviour.grounding is Grounding.SOURCED


@dataclass(frozen=True, slots=True)
class _Turn:
    """What is known of a turn so far; ``wish`` is what it says about the order.

    ``first`` is to be called before it is clear whether it says anything about it.
    """

    text: str
    wish: str
    reading: Reading
    named: Named
    done: Mapping[str, Mapping[str, Any]]
    menu: MenuView
    memory: Memory
    setting: Setting
    first: Call | None = None

    @property
    def update(self) -> UpdateView | None:
        """What became of the wish."""
        return update_of(self.done["update_cart"]) if "update_cart" in self.done else None

    @property
    def promotions(self) -> Promotions | None:
        """What became of codes."""
        return promotions_of(self.done["apply_promos"]) if "apply_promos" in self.done else None

    def may_call(self, tool: str) -> bool:
        """Whether a tool is there and was not called yet."""
        return tool in self.setting.tools and tool not in self.done


def next_step(
    text: str, answers: Sequence[ToolAnswer], memory: Memory, setting: Setting | None = None
) -> Step:
    """Return the next step for a guest's text, given the tools' answers of this turn so far."""
    turn = _begun(text, answers, memory, setting or Setting())
    if "confirm" in turn.done:
        return after_confirm(turn.done["confirm"], memory)
    turn = _settled(_with_bare_code(turn))
    if call := turn.first or _order_call(turn):
        return call
    update = turn.update
    subject = (update.spoken_of if update and update.changed else "") or memory.subject
    told = Answer("")
    if turn.reading.question:
        told = answer(turn.reading.question, turn.menu, subject)
    query = _to_look_up(turn, told, update)
    if query and turn.may_call("search_knowledge_base"):
        return Call("search_knowledge_base", {"query": query})
    return _said(turn, told, query, subject)


def _begun(text: str, answers: Sequence[ToolAnswer], memory: Memory, setting: Setting) -> _Turn:
    done = {given.name: given.content for given in answers}
    menu = next((given.menu for given in answers if given.name == "retrieve_menu"), NO_MENU)
    named = codes_in(text) if "apply_promos" in setting.tools else Named((), text)
    order = taken(named.rest, memory.suggested) or fewer(named.rest, memory)
    if (named.codes or named.drops) and not named.rest:
        reading = Reading(Act.NAME_CODE, False)
    elif order:
        reading = Reading(Act.SAY, True)
    elif memory.suggested and left(named.rest):
        reading = Reading(Act.DECLINE, False)
    else:
        # A code changes what is to be paid, so a yes beside it approves nothing.
        is_asked = memory.asked is Asked.APPROVAL and not named.codes
        reading = _in_talk(read_act(named.rest, is_asked, memory.read_back), memory)
    wish = order or in_context(named.rest, memory)
    return _Turn(text, wish, reading, named, done, menu, memory, setting)


def _with_bare_code(turn: _Turn) -> _Turn:
    """The turn with a word in capitals that means nothing else taken for a code."""
    update, code = turn.update, bare_code(turn.text)
    if not code or update is None or update.is_empty or not update.is_idle:
        return turn
    return replace(turn, named=Named((code,))) if "apply_promos" in turn.setting.tools else turn


def _settled(turn: _Turn) -> _Turn:
    """The turn with what is put like an order read as the question about the house it may be."""
    doubtful = turn.reading.act is Act.SAY and "search_knowledge_base" in turn.setting.tools
    question = asks_maybe(turn.wish) if doubtful and not turn.memory.pending.names else ""
    if not question:
        return turn
    if "retrieve_menu" not in turn.done:
        return replace(turn, first=Call("retrieve_menu", {"query": ""}))
    if names_anything(question, turn.menu):
        return turn
    if turn.may_call("search_knowledge_base"):
        return replace(turn, first=Call("search_knowledge_base", {"query": question}))
    if _quote(turn, question):
        asked = " ".join(words(question))
        return replace(turn, reading=Reading(Act.ASK, False, asked, turn.reading.said))
    return replace(turn, wish=question)


def _order_call(turn: _Turn) -> Call | None:
    """The next call that is about the order; None when they are all made."""
    reading, update = turn.reading, turn.update
    if update is None and _needs_update(reading, turn.memory):
        return Call("update_cart", {"text": turn.wish})
    if reading.question and "retrieve_menu" not in turn.done:
        return Call("retrieve_menu", {"query": ""})
    if reading.act is Act.APPROVE:
        return Call("confirm", {})
    has_cart = bool(turn.memory.read_back) if update is None else not update.is_empty
    waiting = turn.memory.codes if update and update.changed else ()
    codes = turn.named.codes or waiting
    if (codes or turn.named.drops) and has_cart and turn.may_call("apply_promos"):
        return Call("apply_promos", {"codes": list(codes)})
    open_questions = update is not None and (update.questions or update.few)
    grew = update is not None and update.changed and update.added and not open_questions
    if grew and has_cart and turn.may_call("suggest_product"):
        return Call("suggest_product", {})
    return None


def _to_look_up(turn: _Turn, told: Answer, update: UpdateView | None) -> str:
    """What documents may know better than the menu; empty for nothing."""
    question = turn.reading.question
    if question:
        sent_on = told.text.endswith((replies.ASK_STAFF, replies.STAFF_KNOW))
        lacking = sent_on or not told.is_known
        return question if lacking or turn.setting.is_sourced else ""
    if update is None or update.changed or update.questions:
        return ""
    return asks_beside(turn.text)


def _said(turn: _Turn, told: Answer, query: str, subject: str) -> Say:
    memory, update, promotions = turn.memory, turn.update, turn.promotions
    quote = _quote(turn, query)
    said = _answered(turn, told, quote)
    if update and quote and not turn.reading.question:
        # It was a question after all, and no order for something that is not there.
        others = tuple(one for one in update.refusals if one.kind != "not_on_menu")
        update = replace(update, refusals=others, unparsed=())
    if promotions and promotions.read_back:
        memory = replace(memory, read_back=promotions.read_back)
        update = replace(update, read_back=promotions.read_back) if update else None
    said = joined(_about_codes(turn), said)
    if update:
        step = _after_update(update, turn.reading, said, memory)
    else:
        step = _reply(turn, said, memory)
    text, suggested = _with_offer(turn, step)
    known = replace(
        step.memory,
        topic=turn.reading.question,
        offered=told.named,
        subject=told.named or subject,
        placed=step.memory.placed or memory.placed,
        suggested=suggested,
        codes=() if promotions or turn.named.drops else turn.named.codes or memory.codes,
    )
    return Say(text, known)


def _quote(turn: _Turn, query: str) -> str:
    """What documents say to a question, with where it stands; empty where they say nothing."""
    found = turn.done.get("search_knowledge_base")
    if found is None:
        return ""
    most = _CHATTILY if turn.setting.is_chatty else _BRIEFLY
    most = _AT_LENGTH if turn.setting.is_sourced else most
    quote = quoted(query, passages_of(found), most)
    if quote is None:
        return ""
    return replies.quoting(quote.title, quote.text) if turn.setting.is_sourced else quote.text


def _answered(turn: _Turn, told: Answer, quote: str) -> str:
    if not turn.reading.question:
        return quote
    if told.is_known:
        return joined(told.text, quote)
    found = turn.done.get("search_knowledge_base")
    is_out = found is not None and not found.get("ok")
    return quote or (replies.CANNOT_LOOK_UP if is_out else told.text)


def _about_codes(turn: _Turn) -> str:
    if turn.named.drops:
        return replies.WITHOUT_CODES if turn.memory.read_back else ""
    codes, promotions = turn.named.codes or turn.memory.codes, turn.promotions
    if promotions is None:
        return replies.codes_wait(turn.named.codes) if turn.named.codes else ""
    asked = {code.upper() for code in codes}
    refused = {code.upper(): reason for code, reason in promotions.refusals}
    used = [code.upper() for code in codes if code.upper() not in refused]
    return joined(
        replies.codes_used(used, promotions.reasons) if used and promotions.reasons else "",
        *(replies.code_refused(c, refused[c]) for c in refused if c in asked),
    )


def _with_offer(turn: _Turn, step: Say) -> tuple[str, str]:
    """The text with what is offered before it, and the name of that."""
    update = turn.update
    if update is None or not update.added or step.memory.asked is not Asked.APPROVAL:
        # Who asks about an offer may still take it.
        is_open = turn.reading.act is Act.ASK and update is None
        return step.text, turn.memory.suggested if is_open else ""
    praise = replies.GREAT_CHOICE if turn.setting.is_chatty and not update.refusals else ""
    suggestion = suggestion_of(turn.done.get("suggest_product", {}))
    if suggestion is None:
        return joined(praise, step.text), ""
    offer = replies.offer(suggestion.name, suggestion.price_minor, suggestion.currency_code)
    return joined(praise, offer, step.text), suggestion.name


def _in_talk(reading: Reading, memory: Memory) -> Reading:
    """Take "how much is it?" to be about the product just talked of, else about the cart."""
    if reading.act is Act.SHOW_CART and memory.offered and POINTING.search(reading.said):
        return Reading(Act.ASK, False, reading.said, reading.said)
    return reading


def _needs_update(reading: Reading, memory: Memory) -> bool:
    if reading.act in {Act.SAY, Act.CANCEL}:
        return True
    if reading.act is Act.ASK:
        return reading.wishes
    return memory.asked is Asked.CHOICE and reading.act in {Act.FINISH, Act.SHOW_CART}


def _after_update(update: UpdateView, reading: Reading, said: str, memory: Memory) -> Say:
    if reading.act is Act.CANCEL and update.is_empty:
        return cancelled(update, memory)
    troubles = told_troubles(update)
    if update.questions:
        asked = update.questions[0]
        return ask_which(Pending(asked.phrase, asked.names), update, joined(said, troubles))
    if memory.pending.names and not update.changed and not troubles:
        return ask_which(memory.pending, update, said)
    if update.is_empty:
        return with_nothing(update, said, troubles, memory)
    if update.few:
        return ask_fewer(update.few[0], update.read_back, joined(said, troubles))
    if update.is_idle and not said and memory.asked is not Asked.CHANGE and reading.act is Act.SAY:
        said = replies.OFF_TOPIC_BRIEF
    return read_again(update.read_back, said, troubles)


def _reply(turn: _Turn, said: str, memory: Memory) -> Say:
    """Answer a message that leaves the cart alone."""
    reading, is_chatty = turn.reading, turn.setting.is_chatty
    has_cart = bool(memory.read_back)
    is_choosing = bool(memory.pending.names)
    match reading.act:
        case Act.REJECT if has_cart and not is_choosing:
            return Say(replies.ASK_FOR_CHANGE, Memory(Asked.CHANGE, memory.read_back))
        case Act.HESITATE:
            text = replies.TAKE_YOUR_TIME
        case Act.GREET:
            welcome = replies.WELCOME if is_chatty else replies.GREETING
            text = "Hello!" if has_cart else welcome
        case Act.THANK:
            text = replies.GLADLY if is_chatty else replies.THANKS
        case Act.DECLINE:
            text = replies.WITHOUT_IT
        case Act.REJECT:
            text = "" if has_cart else replies.ASK_FOR_ORDER
        case Act.FINISH | Act.SHOW_CART:
            empty = replies.ALREADY_PLACED if memory.placed else replies.EMPTY_CART
            text = "" if has_cart else empty
        case _:
            text = said
    return _with_open_question(text, memory, is_rejected=reading.act is Act.REJECT)


def _with_open_question(text: str, memory: Memory, *, is_rejected: bool) -> Say:
    """The text, and again what was asked before it."""
    if memory.pending.names and not is_rejected:
        return Say(joined(text, replies.which(memory.pending.phrase, memory.pending.names)), memory)
    if memory.few.name:
        scarce = Scarce(memory.few.name, memory.few.left, one_line=True)
        return ask_fewer(scarce, memory.read_back, text)
    if memory.read_back:
        return read_again(memory.read_back, text, "")
    return Say(text, Memory())
