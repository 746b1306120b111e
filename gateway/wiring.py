"""The composition root of the gateway."""

from __future__ import annotations

import sys
from datetime import timedelta
from uuid import UUID

import limits

from gateway.addresses import Proxies
from gateway.admission import Admission
from gateway.config import GatewayConfig
from gateway.edge import Edge
from gateway.identity.authenticator import Authenticator
from gateway.identity.cookies import Origins
from gateway.identity.migrations import SCHEMA
from gateway.identity.revocations import Revocations
from gateway.identity.service import ApiKeyService, TenantService
from gateway.identity.store import IdentityStore
from gateway.identity.tickets import Tickets
from gateway.identity.tokens import AccessTokens
from gateway.observation import AccessLog, HttpMetrics
from gateway.openapi.document import OpenApi
from gateway.pages import Pages
from gateway.ratelimits import RateLimits, RedisCounts
from gateway.realtime.connections import ConnectionMetrics, Connections
from gateway.realtime.couriers import Couriers
from gateway.realtime.feeds import Feeds
from gateway.realtime.presence import Presence
from gateway.realtime.room import Room
from gateway.realtime.service import PresenceService
from gateway.routes import CONTRACTS, contract_routes, surface_routes
from gateway.surfaces.auth import Auth
from gateway.surfaces.chat import Chat
from gateway.surfaces.events import Events
from gateway.surfaces.websockets import ORDERS_PATH, PATH, Entrance, WebSockets
from gateway.surfaces.workers import Workers
from gateway.transcoding.bindings import bindings
from services.chassis.data.ids import IdFactory
from services.chassis.data.migrate import check_schema
from services.chassis.data.pages import PageTokens
from services.chassis.data.streams import StreamReader
from services.chassis.run.lifecycle import Component, Loop, Resources


async def build(config: GatewayConfig, resources: Resources) -> Component:
    """The edge: HTTP for everyone, identity for the mesh.

    Raises:
        ValueError: a database, a Redis or the mesh's private key is not configured.
        SchemaMismatch: the database is not migrated.
    """
    database, redis, signer = resources.database, resources.redis, resources.signer
    if database is None:
        raise ValueError("the gateway needs a database: set MAITRED_DB_GATEWAY_URL")
    if redis is None:
        raise ValueError("the gateway needs a Redis: set REDIS_URL")
    if signer is None:
        raise ValueError("the gateway mints mesh tokens: set MAITRED_MESH_PRIVATE_KEY")
    async with database.transaction() as connection:
        await check_schema(connection, SCHEMA)
    clock, telemetry = resources.clock, resources.telemetry
    ids = IdFactory(clock, resources.random.randbytes)

    store = IdentityStore(database)
    tokens = AccessTokens(config.mesh_private_key, clock)
    origins = Origins(frozenset(filter(None, config.allowed_origins.split(","))))
    authenticator = Authenticator(store, tokens, origins, clock)
    reader = StreamReader(redis)
    connection_metrics = ConnectionMetrics(telemetry.registry)
    feeds = Feeds(reader, connection_metrics.messages)
    connections = Connections(
        Room(
            most=config.most_connections,
            of_one=config.most_connections_of_one,
            of_guest=config.most_connections_of_guest,
            of_address=config.most_connections_of_address,
        ),
        connection_metrics,
        clock,
    )
    replica_id = ids.new().hex
    presence = Presence(redis, replica_id, connections)
    couriers = Couriers(redis, replica_id, connections, presence, connection_metrics.messages, ids)

    def forget_key(tenant_id: UUID, api_key_id: UUID) -> None:
        authenticator.forget_key(tenant_id, api_key_id)
        connections.check_soon()

    def forget_keys() -> None:
        authenticator.forget_keys()
        connections.check_soon()

    revocations = Revocations(redis, forget_key, forget_keys)
    page_tokens = PageTokens(config.page_token_key)
    tenants = TenantService(store, ids, clock, page_tokens)
    keys = ApiKeyService(store, ids, clock, page_tokens, revocations.tell)
    presences = PresenceService(presence, couriers, page_tokens)

    events = Events(feeds, connections, authenticator, ids, clock)
    chat = Chat(resources.peers.channel("coordinator"), config.max_body_bytes)
    tickets = Tickets(redis, authenticator, clock)
    rate_limits = RateLimits(RedisCounts(redis))
    admission = Admission(
        authenticator, rate_limits, limits.parse(config.failed_credentials_rate_limit)
    )
    auth = Auth(
        authenticator,
        admission,
        tokens,
        origins,
        ids,
        tickets,
        timedelta(seconds=config.guest_lifetime_s),
        timedelta(seconds=config.staff_lifetime_s),
    )
    workers = Workers(resources.peers.channel("worker"))
    entrance = Entrance(
        admission,
        tickets,
        rate_limits,
        limits.parse(config.rate_limit),
        limits.parse(config.guest_rate_limit),
    )
    websockets = WebSockets(feeds, connections, entrance, ids, clock)
    bound = tuple(bindings(CONTRACTS))
    pages, openapi = Pages(authenticator), OpenApi(bound)
    routes = [
        *contract_routes(bound, resources.peers, config),
        *surface_routes(config, chat, events, auth, workers, pages, openapi.answer),
    ]
    edge = Edge(
        routes,
        Proxies.parse(config.trusted_proxies),
        admission,
        signer,
        rate_limits,
        HttpMetrics(telemetry.registry),
        AccessLog(clock, sys.stderr),
        telemetry.tracer,
        dict.fromkeys((PATH, ORDERS_PATH), websockets.serve),
    )
    return Component(
        name="gateway",
        servicers=(
            tenants.binding,
            keys.binding,
            presences.binding,
        ),
        loops=(
            Loop("rate-limits", rate_limits.run),
            Loop("revocations", revocations.run),
            Loop("streams", reader.run),
            Loop("connections", connections.run),
            Loop("presence", presence.run),
            Loop("couriers", couriers.run),
        ),
        http=edge,
        http_listen=config.http_listen,
        ready=database.ping,
        drain=(connections.drain,),
    )
