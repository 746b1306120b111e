"""Contracts to values and back: carts, turns, the events of an answer, failures."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from maitred.coordinator.v1 import chat_service_pb2, session_pb2, turn_pb2
from maitred.errors.v1 import error_pb2
from maitred.orders.v1 import cart_pb2, cart_service_pb2, order_pb2
from maitred.retrieval.v1 import document_pb2

from services.chassis.data.idempotency import RETRY_AFTER_S, in_progress, key_reused
from services.chassis.data.ids import from_id, to_id
from services.chassis.rpc.errors import Failure, aborted, not_found, to_status
from services.chassis.rpc.identity import Principal
from services.coordinator.models.port import ModelUnavailable
from services.coordinator.sessions.cart import (
    AddOn,
    Cart,
    CartLine,
    Discount,
    Focus,
    Option,
    OrderChoice,
    Tax,
)
from services.coordinator.sessions.serving import Citation
from services.coordinator.sessions.stream import (
    CartChanged,
    Cited,
    OrderPlaced,
    TextSaid,
    TokensUsed,
    ToldEvent,
    ToolCalled,
    TurnDone,
)
from services.coordinator.sessions.turn import (
    KeyReused,
    LeaseLost,
    Owner,
    PlacedOrder,
    RequestInProgress,
    Session,
    SessionBusy,
    SessionNotFound,
    Turn,
    TurnNotFound,
    TurnState,
    Usage,
)
from services.coordinator.workflows.engine import StepLimitReached

SESSION = "ses"
_STATES = {
    TurnState.RUNNING: turn_pb2.TURN_STATE_RUNNING,
    TurnState.FINISHED: turn_pb2.TURN_STATE_FINISHED,
    TurnState.FAILED: turn_pb2.TURN_STATE_FAILED,
}


def owner_of(principal: Principal) -> Owner:
    """Whose conversations the caller may see: their own."""
    return Owner(principal.tenant_id, principal.principal_id)


def session_id_of(text: str) -> UUID:
    """Reads a session's id; its form was validated."""
    return from_id(SESSION, text)


def cart_of(message: cart_pb2.Cart) -> Cart:
    """A cart as orders told it."""
    return Cart(
        tuple(_line_of(line) for line in message.lines),
        tuple(
            OrderChoice(
                choice.order_choice_id,
                choice.option_id,
                choice.option_name,
                choice.is_default,
                choice.price_delta_minor,
            )
            for choice in message.order_choices
        ),
        message.total_minor,
        message.currency_code,
        tuple(message.promotion_codes),
        tuple(
            Discount(
                discount.promotion_id,
                discount.display_name,
                discount.reason,
                discount.amount_minor,
                discount.line_id,
            )
            for discount in message.discounts
        ),
        tuple(
            Tax(tax.rate_basis_points, tax.taxable_minor, tax.tax_minor, tax.included)
            for tax in message.taxes
        ),
    )


def _line_of(line: cart_pb2.CartLine) -> CartLine:
    return CartLine(
        line_id=line.line_id,
        product_id=line.product_id,
        quantity=line.quantity,
        product_name=line.product_name,
        options=tuple(
            Option(
                option.option_group_id,
                option.option_id,
                option.option_name,
                option.quantity if option.HasField("quantity") else None,
                option.is_default,
                option.price_delta_minor,
            )
            for option in line.options
        ),
        add_ons=tuple(
            AddOn(add_on.add_on_id, add_on.add_on_name, add_on.quantity, add_on.price_minor)
            for add_on in line.add_ons
        ),
        note=line.note,
        unit_price_minor=line.unit_price_minor,
        total_minor=line.total_minor,
    )


def cart_message(cart: Cart) -> cart_pb2.Cart:
    """A cart as its contract has it."""
    return cart_pb2.Cart(
        lines=[_line_message(line) for line in cart.lines],
        order_choices=[
            cart_pb2.OrderChoiceSelection(
                order_choice_id=choice.order_choice_id,
                option_id=choice.option_id,
                option_name=choice.option_name,
                is_default=choice.is_default,
                price_delta_minor=choice.price_delta_minor,
            )
            for choice in cart.order_choices
        ],
        total_minor=cart.total_minor,
        currency_code=cart.currency_code,
        promotion_codes=cart.promotion_codes,
        discounts=[
            cart_pb2.Discount(
                promotion_id=discount.promotion_id,
                display_name=discount.display_name,
                reason=discount.reason,
                amount_minor=discount.amount_minor,
                line_id=discount.line_id,
            )
            for discount in cart.discounts
        ],
        payable_minor=cart.payable_minor,
        taxes=[
            cart_pb2.TaxLine(
                rate_basis_points=tax.rate_basis_points,
                taxable_minor=tax.taxable_minor,
                tax_minor=tax.tax_minor,
                included=tax.included,
            )
            for tax in cart.taxes
        ],
    )


def asked_cart_message(cart: Cart) -> cart_pb2.Cart:
    """A cart to ask orders about: what promotions take off and what is tax is for orders to say.

    A key stands for the same request whether or not the cart had been priced with promotions.
    """
    message = cart_message(cart)
    message.ClearField("discounts")
    message.ClearField("payable_minor")
    message.ClearField("taxes")
    return message


def _line_message(line: CartLine) -> cart_pb2.CartLine:
    return cart_pb2.CartLine(
        line_id=line.line_id,
        product_id=line.product_id,
        product_name=line.product_name,
        quantity=line.quantity,
        options=[
            cart_pb2.OptionSelection(
                option_group_id=option.option_group_id,
                option_id=option.option_id,
                option_name=option.option_name,
                quantity=option.quantity,
                is_default=option.is_default,
                price_delta_minor=option.price_delta_minor,
            )
            for option in line.options
        ],
        add_ons=[
            cart_pb2.AddOnSelection(
                add_on_id=add_on.add_on_id,
                add_on_name=add_on.add_on_name,
                quantity=add_on.quantity,
                price_minor=add_on.price_minor,
            )
            for add_on in line.add_ons
        ],
        note=line.note,
        unit_price_minor=line.unit_price_minor,
        total_minor=line.total_minor,
    )


def focus_of(message: cart_service_pb2.Focus) -> Focus:
    """A focus as orders told it."""
    return Focus(
        message.line_id, tuple(message.candidate_ids), message.phrase, message.pending_text
    )


def focus_message(focus: Focus) -> cart_service_pb2.Focus:
    """A focus as its contract has it."""
    return cart_service_pb2.Focus(
        line_id=focus.line_id,
        candidate_ids=focus.candidate_ids,
        phrase=focus.phrase,
        pending_text=focus.pending_text,
    )


def placed_order_of(message: order_pb2.Order) -> PlacedOrder:
    """An order as orders told it."""
    return PlacedOrder(
        message.order_id,
        message.total_minor,
        message.currency_code,
        message.SerializeToString(deterministic=True),
    )


def order_message(order: PlacedOrder) -> order_pb2.Order:
    """The order as it was told."""
    return order_pb2.Order.FromString(order.encoded)


def session_message(session: Session) -> session_pb2.Session:
    """A session as its contract has it."""
    serving = session.dialogue.serving
    return session_pb2.Session(
        session_id=to_id(SESSION, session.session_id),
        principal_id=session.owner.principal_id,
        cart=cart_message(session.cart),
        create_time=_timestamp(session.create_time),
        update_time=_timestamp(session.update_time),
        decision_id=serving.decision_id if serving else "",
        agent_id=serving.agent_id if serving else "",
    )


def turn_message(turn: Turn) -> turn_pb2.Turn:
    """A turn as its contract has it."""
    return turn_pb2.Turn(
        session_id=to_id(SESSION, turn.session_id),
        request_id=turn.request_id,
        user_text=turn.user_text,
        text=turn.text,
        cart=cart_message(turn.cart),
        order=None if turn.order is None else order_message(turn.order),
        usage=_usage_message(turn.usage),
        state=_STATES[turn.state],
        create_time=_timestamp(turn.create_time),
        decision_id=turn.decision_id,
        agent_id=turn.agent_id,
        citations=[citation_message(citation) for citation in turn.citations],
        recommendation_ids=turn.recommendation_ids,
    )


def citation_of(message: document_pb2.Citation) -> Citation:
    """A citation as retrieval told it."""
    return Citation(
        message.document_id,
        message.title,
        message.source,
        message.kind,
        message.chunk_id,
        tuple(message.headings),
        message.quote,
    )


def citation_message(citation: Citation) -> document_pb2.Citation:
    """The citation as it was told."""
    return document_pb2.Citation(
        document_id=citation.document_id,
        title=citation.title,
        source=citation.source,
        # A kind of a newer retrieval is passed on as it came.
        kind=cast("document_pb2.DocumentKind.ValueType", citation.kind),
        chunk_id=citation.chunk_id,
        headings=citation.headings,
        quote=citation.quote,
    )


def turn_messages(turns: Sequence[Turn]) -> list[turn_pb2.Turn]:
    """Turns as their contract has them."""
    return [turn_message(turn) for turn in turns]


def chat_message(event: ToldEvent) -> chat_service_pb2.ChatResponse:
    """An event of an answer as its contract has it."""
    match event:
        case TextSaid(text):
            told = chat_service_pb2.ChatResponse(token=chat_service_pb2.Token(text=text))
        case ToolCalled(tool_call_id, name, arguments, ok):
            call = chat_service_pb2.ToolCall(
                tool_call_id=tool_call_id, name=name, arguments_json=arguments, ok=ok
            )
            told = chat_service_pb2.ChatResponse(tool_call=call)
        case CartChanged(cart):
            told = chat_service_pb2.ChatResponse(cart=cart_message(cart))
        case OrderPlaced(order):
            told = chat_service_pb2.ChatResponse(order=order_message(order))
        case Cited(citation):
            told = chat_service_pb2.ChatResponse(citation=citation_message(citation))
        case TokensUsed(usage):
            told = chat_service_pb2.ChatResponse(usage=_usage_message(usage))
        case TurnDone(turn):
            done = chat_service_pb2.Done(turn=turn_message(turn))
            told = chat_service_pb2.ChatResponse(done=done)
    return told


def error_message(failure: Failure) -> chat_service_pb2.ChatResponse:
    """The last event of a stream that failed after it had begun."""
    status = to_status(failure)
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    error = error_pb2.Error(code=status.code, message=status.message, info=info)
    return chat_service_pb2.ChatResponse(error=error)


def session_not_found(session_id: str) -> Failure:
    """NOT_FOUND: it does not exist, or it is somebody else's."""
    return not_found("SESSION_NOT_FOUND", "No such session.", session_id=session_id)


def refused(error: Exception, session_id: str, request_id: str) -> Failure | None:
    """The failure a conversation's own refusal is told as; None for anything else."""
    failure = None
    match error:
        case SessionNotFound():
            failure = session_not_found(session_id)
        case TurnNotFound():
            failure = not_found("TURN_NOT_FOUND", "No such message.", request_id=request_id)
        case KeyReused():
            failure = key_reused(request_id)
        case RequestInProgress():
            failure = in_progress()
        case SessionBusy():
            failure = aborted(
                "SESSION_BUSY",
                "The session is answering another message; try again.",
                retry_after=RETRY_AFTER_S,
            )
        case LeaseLost():
            failure = aborted(
                "LEASE_LOST",
                "Another process took the session over; try again.",
                retry_after=RETRY_AFTER_S,
                session_id=session_id,
            )
        case ModelUnavailable(provider=provider):
            failure = _no_answer("The language model did not answer; try again.", provider)
        case StepLimitReached():
            failure = _no_answer("The language model came to no end; try again.")
    return failure


def _no_answer(message: str, provider: str = "") -> Failure:
    return Failure(
        grpc.StatusCode.UNAVAILABLE,
        "MODEL_UNAVAILABLE",
        message,
        metadata={"provider": provider} if provider else None,
        retry_after=RETRY_AFTER_S,
        was_retried=True,
    )


def _usage_message(usage: Usage) -> turn_pb2.Usage:
    return turn_pb2.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        model=usage.model,
    )


def _timestamp(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
