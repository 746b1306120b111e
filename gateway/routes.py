"""The table of routes: the annotated methods, the surfaces, the pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import limits
from google.protobuf.descriptor import FileDescriptor
from maitred.bandit.v1 import decision_service_pb2, policy_service_pb2
from maitred.coordinator.v1 import (
    agent_service_pb2,
    feedback_service_pb2,
    session_service_pb2,
)
from maitred.events.v1 import dead_letter_service_pb2
from maitred.identity.v1 import (
    api_key_service_pb2,
    presence_service_pb2,
    tenant_service_pb2,
)
from maitred.jobs.v1 import job_service_pb2
from maitred.learning.v1 import (
    cycle_service_pb2,
    recommendation_service_pb2,
    trust_service_pb2,
)
from maitred.orders.v1 import (
    cart_service_pb2,
    catalog_service_pb2,
    catalog_transfer_service_pb2,
    order_service_pb2,
    promotion_service_pb2,
    quote_service_pb2,
    webhook_service_pb2,
)
from maitred.retrieval.v1 import document_service_pb2, search_service_pb2

from gateway import pages
from gateway.config import GatewayConfig
from gateway.edge import Route
from gateway.exchange import Answer, Endpoint, Exchange, json_answer
from gateway.surfaces import auth, chat, events, websockets, workers
from gateway.transcoding.bindings import Binding
from gateway.transcoding.endpoint import transcode
from services.chassis.rpc.peers import Peers

CONTRACTS: Sequence[FileDescriptor] = tuple(
    module.DESCRIPTOR
    for module in (
        session_service_pb2,
        feedback_service_pb2,
        agent_service_pb2,
        cart_service_pb2,
        catalog_service_pb2,
        catalog_transfer_service_pb2,
        promotion_service_pb2,
        quote_service_pb2,
        order_service_pb2,
        webhook_service_pb2,
        document_service_pb2,
        search_service_pb2,
        policy_service_pb2,
        decision_service_pb2,
        trust_service_pb2,
        cycle_service_pb2,
        recommendation_service_pb2,
        dead_letter_service_pb2,
        job_service_pb2,
        tenant_service_pb2,
        api_key_service_pb2,
        presence_service_pb2,
    )
)
# Who serves the services of a package.
PEERS: Mapping[str, str] = {
    "maitred.bandit.v1": "bandit",
    "maitred.coordinator.v1": "coordinator",
    "maitred.events.v1": "relay",
    "maitred.identity.v1": "gateway",
    "maitred.jobs.v1": "worker",
    "maitred.learning.v1": "learning",
    "maitred.orders.v1": "orders",
    "maitred.retrieval.v1": "retrieval",
}

# What takes content in bulk: as much as gRPC takes, with all of it escaped for JSON.
_BULK = frozenset({"/maitred.orders.v1.CatalogTransferService/ImportCatalog"})
_MOST_BULK_BYTES = 8 * 1024 * 1024


def contract_routes(
    bound: Iterable[Binding], peers: Peers, config: GatewayConfig
) -> Iterator[Route]:
    """A route of every annotated method."""
    limit = limits.parse(config.rate_limit)
    for binding in bound:
        channel = peers.channel(peer_of(binding))
        most = _MOST_BULK_BYTES if binding.rpc_path in _BULK else config.max_body_bytes
        endpoint = transcode(binding, channel, most)
        yield Route(binding.verb, binding.path, endpoint, limit, config.request_timeout_s)


def surface_routes(
    config: GatewayConfig,
    the_chat: chat.Chat,
    the_events: events.Events,
    the_auth: auth.Auth,
    the_workers: workers.Workers,
    the_pages: pages.Pages,
    openapi: Endpoint,
) -> Iterator[Route]:
    """The routes written by hand."""
    limit = limits.parse(config.rate_limit)
    chats = limits.parse(config.chat_rate_limit)
    guests = limits.parse(config.guest_rate_limit)
    timeout = config.request_timeout_s
    yield Route("POST", chat.PATH, the_chat.answer, chats, config.chat_timeout_s)
    yield Route("GET", workers.PATH, the_workers.answer, limit, timeout)
    yield Route("GET", events.PATH, the_events.answer, limit, timeout)
    yield Route("POST", auth.GUEST_PATH, the_auth.guest, guests, timeout, public=True)
    yield Route("POST", auth.SESSION_PATH, the_auth.session, guests, timeout, public=True)
    yield Route("POST", auth.TICKET_PATH, the_auth.ticket, limit, timeout)
    for path, page in (
        (pages.GUEST_PATH, the_pages.guest),
        (pages.BOARD_PATH, the_pages.board),
        (pages.TRUST_PATH, the_pages.trust),
    ):
        # Each looks for its tenant.
        yield Route("GET", path, page, guests, timeout, public=True)
    for path, endpoint in (
        (pages.FILE_PATH, the_pages.file),
        ("/health", health),
        ("/openapi.json", openapi),
        (websockets.PATH, websockets.upgrade),
        (websockets.ORDERS_PATH, websockets.upgrade),
    ):
        yield Route("GET", path, endpoint, None, timeout, public=True)


def peer_of(binding: Binding) -> str:
    """The peer that serves a method."""
    return PEERS[binding.method.containing_service.file.package]


async def health(_exchange: Exchange) -> Answer:
    """Says that this process answers, and nothing more: anyone may ask."""
    return json_answer('{"status":"ok"}')
