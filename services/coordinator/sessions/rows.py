"""Rows of sessions and turns as values and back, and what earlier turns mean for the next."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

from services.coordinator.sessions import cart as carts
from services.coordinator.sessions.cart import Cart
from services.coordinator.sessions.ports import Begun, LostTurn
from services.coordinator.sessions.progress import (
    Progress,
    checkpoint_from_json,
    citation_of,
    dialogue_from_json,
    dialogue_to_json,
    order_from_json,
    order_to_json,
)
from services.coordinator.sessions.turn import (
    CallKey,
    Dialogue,
    Exchange,
    Lease,
    Owner,
    PlacedOrder,
    Session,
    Turn,
    TurnState,
    Usage,
)


class Row(Protocol):
    """A row of a result: columns by name."""

    def __getitem__(self, key: str) -> Any: ...


def session_of(row: Row, owner: Owner) -> Session:
    """The session a row holds."""
    return Session(
        row["session_id"],
        owner,
        carts.from_json(json.loads(row["cart"])),
        dialogue_from_json(json.loads(row["dialogue"])),
        row["create_time"],
        row["update_time"],
    )


def turn_of(row: Row) -> Turn:
    """The turn a row holds."""
    return Turn(
        turn_id=row["turn_id"],
        session_id=row["session_id"],
        request_id=row["request_id"],
        ordinal=row["ordinal"],
        user_text=row["user_text"],
        state=TurnState(row["state"]),
        create_time=row["create_time"],
        text=row["answer"],
        cart=carts.from_json(json.loads(row["cart"])),
        order=order_from_json(json.loads(row["placed_order"] or "null")),
        usage=Usage(**json.loads(row["usage"])),
        read_back=row["read_back"],
        decision_id=row["decision_id"],
        agent_id=row["agent_id"],
        citations=tuple(citation_of(one) for one in json.loads(row["citations"])),
        recommendation_ids=tuple(row["recommendation_ids"]),
    )


def begun_of(row: Row, owner: Owner, turn: Turn) -> Begun:
    """The turn, just begun, that a row tells of; before it nothing was left unfinished."""
    cart = carts.from_json(json.loads(row["cart"]))
    recent = json.loads(row["recent"])
    return Begun(
        turn=replace(turn, ordinal=row["ordinal"], cart=cart),
        lease=Lease(owner, turn.session_id, row["epoch"]),
        cart=cart,
        dialogue=dialogue_from_json(json.loads(row["dialogue"])),
        history=history_before(recent, row["ordinal"]),
        read_back=read_back_before(recent, row["ordinal"]),
        checkpoint=None,
        lost=(),
        came_before=row["came_before"],
    )


def lost_turn_of(row: Row) -> LostTurn:
    """The lost turn a row holds, with the call that was begun."""
    begun = None
    if row["begun_node_id"] is not None:
        begun = CallKey(row["turn_id"], row["begun_node_id"], row["begun_ordinal"])
    return LostTurn(turn_of(row), checkpoint_from_json(json.loads(row["checkpoint"])), begun)


def history_before(recent: Sequence[Row], ordinal: int) -> tuple[Exchange, ...]:
    """What was said before a turn, oldest first, of rows that come newest first."""
    return tuple(
        Exchange(row["user_text"], row["answer"])
        for row in reversed(recent)
        if row["state"] == TurnState.FINISHED and row["ordinal"] < ordinal
    )


def read_back_before(recent: Sequence[Row], ordinal: int) -> str:
    """What the message just before a turn read back; nothing unless it was its very neighbour."""
    return next(
        (
            str(row["read_back"])
            for row in recent
            if row["ordinal"] == ordinal - 1 and row["state"] == TurnState.FINISHED
        ),
        "",
    )


def cart_json(cart: Cart) -> str:
    """A cart as its column has it."""
    return json.dumps(carts.to_json(cart))


def dialogue_json(dialogue: Dialogue) -> str:
    """A dialogue as its column has it."""
    return json.dumps(dialogue_to_json(dialogue))


def order_json(order: PlacedOrder | None) -> str:
    """An order as its column has it."""
    return json.dumps(order_to_json(order))


def citations_json(turn: Turn) -> str:
    """A turn's citations as their column has them."""
    return json.dumps([asdict(citation) for citation in turn.citations])


def served_by(progress: Progress) -> tuple[str, str]:
    """The decision and the agent of who serves, empty before there is one."""
    serving = progress.dialogue.serving
    return (serving.decision_id, serving.agent_id) if serving else ("", "")


def ended(turn: Turn, state: TurnState, progress: Progress, read_back: str) -> Turn:
    """The turn with what it came to."""
    serving = progress.dialogue.serving
    return replace(
        turn,
        state=state,
        text=progress.text,
        cart=progress.cart,
        order=progress.order,
        usage=progress.usage,
        read_back=read_back,
        decision_id=serving.decision_id if serving else "",
        agent_id=serving.agent_id if serving else "",
        citations=progress.citations,
        recommendation_ids=tuple(one.recommendation_id for one in progress.recommendations),
    )
