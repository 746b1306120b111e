"""Coordinators over real orders, on a database of their own, and guests who talk to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import grpc
from maitred.coordinator.v1 import (
    chat_service_pb2,
    chat_service_pb2_grpc,
    feedback_service_pb2,
    feedback_service_pb2_grpc,
    session_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
    turn_pb2,
)

from services.chassis.rpc.identity import Principal
from services.chassis.run.lifecycle import Target
from services.coordinator.config import CoordinatorConfig
from services.coordinator.wiring import build as build_coordinator
from services.orders.config import OrdersConfig
from services.orders.wiring import build as build_orders
from tests.integration.orders.serving import OrdersClient
from tests.support.ports import free_port
from tests.support.servers import MigratedDatabase
from tests.support.services import SETTINGS, Clock, guest, metadata, running

Event = chat_service_pb2.ChatResponse


@dataclass(frozen=True, slots=True)
class Answer:
    """All events of one answer."""

    events: tuple[Event, ...]

    @property
    def text(self) -> str:
        return "".join(event.token.text for event in self.events)

    @property
    def kinds(self) -> list[str]:
        """The kinds of events, without repeats of neighbours."""
        kinds = [event.WhichOneof("event") or "" for event in self.events]
        return [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before]

    @property
    def turn(self) -> turn_pb2.Turn:
        assert self.events[-1].HasField("done"), self.kinds
        return self.events[-1].done.turn

    @property
    def order_id(self) -> str:
        return self.turn.order.order_id


@dataclass(frozen=True, slots=True)
class CoordinatorClient:
    """A running coordinator and how to ask it."""

    channel: grpc.aio.Channel
    admin: int
    chats: chat_service_pb2_grpc.ChatServiceStub = field(init=False)
    sessions: session_service_pb2_grpc.SessionServiceStub = field(init=False)
    feedback: feedback_service_pb2_grpc.FeedbackServiceStub = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "chats", chat_service_pb2_grpc.ChatServiceStub(self.channel))
        put(self, "sessions", session_service_pb2_grpc.SessionServiceStub(self.channel))
        put(self, "feedback", feedback_service_pb2_grpc.FeedbackServiceStub(self.channel))

    def guest(self, tenant_id: UUID) -> "Guest":
        """Somebody new at the counter of a tenant."""
        return Guest(self, guest(tenant_id))


@dataclass(slots=True)
class Guest:
    """A principal, a coordinator to talk to, and the conversation going on.

    Messages carry `token` where there is one, else one that is always fresh.
    """

    coordinator: CoordinatorClient
    principal: Principal
    session_id: str = ""
    token: str = ""

    async def arrive(self, key: str = "") -> session_pb2.Session:
        """Begins a conversation."""
        response = await self.coordinator.sessions.CreateSession(
            session_service_pb2.CreateSessionRequest(request_id=key),
            metadata=metadata(self.principal),
        )
        self.session_id = response.session.session_id
        return response.session

    def call(
        self, text: str, key: str = ""
    ) -> "grpc.aio.UnaryStreamCall[chat_service_pb2.ChatRequest, Event]":
        """Sends a message; the answer is still to be read."""
        request = chat_service_pb2.ChatRequest(
            session_id=self.session_id, text=text, request_id=key or uuid4().hex
        )
        fresh = metadata(self.principal)
        given = (("authorization", f"Bearer {self.token}"),)
        return self.coordinator.chats.Chat(request, metadata=given if self.token else fresh)

    async def says(self, text: str, key: str = "") -> Answer:
        """Sends a message and reads the whole answer."""
        return Answer(tuple([event async for event in self.call(text, key)]))

    async def session(self) -> session_pb2.Session:
        request = session_service_pb2.GetSessionRequest(session_id=self.session_id)
        response = await self.coordinator.sessions.GetSession(
            request, metadata=metadata(self.principal)
        )
        return response.session

    async def turn(self, key: str) -> turn_pb2.Turn:
        request = session_service_pb2.GetTurnRequest(session_id=self.session_id, request_id=key)
        response = await self.coordinator.sessions.GetTurn(
            request, metadata=metadata(self.principal)
        )
        return response.turn

    async def turns(
        self, page_size: int = 0, page_token: str = ""
    ) -> session_service_pb2.ListTurnsResponse:
        request = session_service_pb2.ListTurnsRequest(
            session_id=self.session_id, page_size=page_size, page_token=page_token
        )
        return await self.coordinator.sessions.ListTurns(request, metadata=metadata(self.principal))

    async def rates(
        self, stars: int, *, decision_id: str = "", comment: str = "", key: str = ""
    ) -> feedback_service_pb2.Feedback:
        """Rates the conversation."""
        request = feedback_service_pb2.SubmitFeedbackRequest(
            session_id=self.session_id,
            rating=stars,
            comment=comment,
            decision_id=decision_id,
            request_id=key,
        )
        response = await self.coordinator.feedback.SubmitFeedback(
            request, metadata=metadata(self.principal)
        )
        return response.feedback

    async def stats(self) -> feedback_service_pb2.FeedbackStats:
        request = feedback_service_pb2.GetFeedbackStatsRequest(session_id=self.session_id)
        response = await self.coordinator.feedback.GetFeedbackStats(
            request, metadata=metadata(self.principal)
        )
        return response.stats

    def through(self, coordinator: CoordinatorClient) -> "Guest":
        """The same guest in the same conversation, by another coordinator."""
        return Guest(coordinator, self.principal, self.session_id)


def coordinator_config(database_url: str, orders_port: int, **settings: Any) -> CoordinatorConfig:
    """The settings of a coordinator under test, others than these by name; it asks no bandit."""
    return CoordinatorConfig(
        database_url=database_url,
        orders_address=f"ipv4:127.0.0.1:{orders_port}",
        **{**SETTINGS, "learning_routing": False, **settings},
    )


@asynccontextmanager
async def orders_at(database: MigratedDatabase, port: int) -> AsyncIterator[OrdersClient]:
    """Orders on a port known before, so that it can stop and come back."""
    config = OrdersConfig(
        database_url=database.service_url("orders"),
        **{**SETTINGS, "listen": f"127.0.0.1:{port}"},
    )
    async with (
        running(Target("orders", config, build_orders)),
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield OrdersClient(channel, Clock())


@asynccontextmanager
async def coordinator_at(
    database: MigratedDatabase, orders_port: int, **settings: Any
) -> AsyncIterator[CoordinatorClient]:
    """A coordinator that asks the orders at that port, with other settings by name."""
    config = coordinator_config(database.service_url("coordinator"), orders_port, **settings)
    async with running(Target("coordinator", config, build_coordinator)) as bound:
        address = f"127.0.0.1:{bound.grpc['coordinator']}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield CoordinatorClient(channel, bound.admin)


def some_port() -> int:
    """A port nobody listens on."""
    return free_port()
