"""Settings of the gateway."""

from __future__ import annotations

import limits
from pydantic import field_validator
from pydantic_settings import SettingsConfigDict

from gateway.addresses import Proxies
from services.chassis.rpc.identity import LIFETIME_S, LONGEST_LIFETIME_S
from services.chassis.run.config import ProcessConfig, peer, setting


class GatewayConfig(ProcessConfig):
    """Gateway."""

    model_config = SettingsConfigDict(env_prefix="MAITRED_GATEWAY_")

    http_listen: str = setting("127.0.0.1:8080", "Address HTTP is served on.")
    listen: str = setting(
        "127.0.0.1:7100", "Address maitred.identity.v1 is served on; port 0 takes a free one."
    )
    admin_listen: str = setting(
        "127.0.0.1:9464", "Address of /metrics and /healthz; port 0 takes a free one."
    )
    database_url: str = setting(
        "",
        "Postgres of schema identity, with its own role; empty for what `maitred migrate` makes.",
        env="MAITRED_DB_GATEWAY_URL",
        sensitive=True,
    )
    gateway_address: str = peer("gateway", "ipv4:127.0.0.1:7100")
    coordinator_address: str = peer("coordinator", "ipv4:127.0.0.1:7101")
    orders_address: str = peer("orders", "ipv4:127.0.0.1:7102")
    bandit_address: str = peer("bandit", "ipv4:127.0.0.1:7103")
    learning_address: str = peer("learning", "ipv4:127.0.0.1:7104")
    retrieval_address: str = peer("retrieval", "ipv4:127.0.0.1:7105")
    relay_address: str = peer("relay", "ipv4:127.0.0.1:7106")
    worker_address: str = peer("worker", "ipv4:127.0.0.1:7107")
    request_timeout_s: float = setting(
        15.0, "Seconds a request may take, the chat and event streams apart.", gt=0
    )
    chat_timeout_s: float = setting(
        110.0,
        "Seconds one answer in a chat may take, up to 240: no mesh token outlasts more.",
        gt=0,
        le=LONGEST_LIFETIME_S - LIFETIME_S,
    )
    max_body_bytes: int = setting(
        1_048_576,
        "Largest body of a request, in bytes, up to 4 MiB; an import of a catalog may have 8 MiB.",
        ge=1024,
        le=4 * 1024 * 1024,
    )
    rate_limit: str = setting(
        "1200/minute", "Requests a caller may make to each route, as `<count>/<period>`."
    )
    chat_rate_limit: str = setting(
        "120/minute", "Messages a caller may send to the chat, as `<count>/<period>`."
    )
    guest_rate_limit: str = setting(
        "600/minute",
        "Guests that may come from one address, and loads of each page, as `<count>/<period>`.",
    )
    failed_credentials_rate_limit: str = setting(
        "120/minute",
        "Credentials that do not hold which one address may show, as `<count>/<period>`.",
    )
    guest_lifetime_s: int = setting(
        43_200, "Seconds a guest's token lasts, 60 to 604800.", ge=60, le=604_800
    )
    staff_lifetime_s: int = setting(
        43_200, "Seconds a staff cookie lasts, 60 to 604800.", ge=60, le=604_800
    )
    most_connections: int = setting(
        20_000,
        "Event streams and WebSockets one process holds; each takes a file descriptor.",
        ge=1,
    )
    most_connections_of_one: int = setting(
        1_000,
        "Event streams and WebSockets of one API key at one process; 0 for as many as come.",
        ge=0,
    )
    most_connections_of_guest: int = setting(
        50, "Event streams and WebSockets of one guest at one process; 0 for as many as come.", ge=0
    )
    most_connections_of_address: int = setting(
        5_000,
        "Event streams and WebSockets of one address at one process, beyond which it brings no "
        "more guests and nobody unknown; 0 for as many as come.",
        ge=0,
    )
    trusted_proxies: str = setting(
        "",
        "Networks of the proxies whose X-Forwarded-For is believed, in CIDR notation, separated by "
        "commas; empty to take who connects for the client.",
    )
    allowed_origins: str = setting(
        "",
        "Other origins whose pages may make unsafe requests by cookie, separated by commas.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _is_networks(cls, value: str) -> str:
        Proxies.parse(value)
        return value

    @field_validator(
        "rate_limit", "chat_rate_limit", "guest_rate_limit", "failed_credentials_rate_limit"
    )
    @classmethod
    def _is_rate(cls, value: str) -> str:
        limits.parse(value)
        return value
