"""The table of targets: what can be served, and what each is wired to.

A row's wiring is imported when it is first needed, so the table itself costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.assembly.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from services.chassis.run.config import ProcessConfig
    from services.chassis.run.lifecycle import Component, Resources

# Settings that hold an address to listen on, by kind.
LISTEN_FIELDS = {"http": "http_listen", "grpc": "listen", "admin": "admin_listen"}


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a target is made of.

    Attributes:
        config: the class of its settings.
        build: its composition root, which takes an instance of them.
    """

    config: type[ProcessConfig]
    build: Callable[[Any, Resources], Awaitable[Component]]


@dataclass(frozen=True, slots=True)
class Target:
    """One row.

    Attributes:
        name: as in `maitred serve <name>`.
        load: imports its wiring.
        kinds: what it listens on, in the order people are told.
        mints: whether it is given the key that signs mesh tokens.
    """

    name: str
    load: Callable[[], Wiring]
    kinds: tuple[str, ...]
    mints: bool = False


def _gateway() -> Wiring:
    from gateway.config import GatewayConfig
    from gateway.wiring import build

    return Wiring(GatewayConfig, build)


def _coordinator() -> Wiring:
    from services.coordinator.config import CoordinatorConfig
    from services.coordinator.wiring import build

    return Wiring(CoordinatorConfig, build)


def _orders() -> Wiring:
    from services.orders.config import OrdersConfig
    from services.orders.wiring import build

    return Wiring(OrdersConfig, build)


def _bandit() -> Wiring:
    from services.bandit.config import BanditConfig
    from services.bandit.wiring import build

    return Wiring(BanditConfig, build)


def _learning() -> Wiring:
    from services.learning.config import LearningConfig
    from services.learning.wiring import build

    return Wiring(LearningConfig, build)


def _retrieval() -> Wiring:
    from services.retrieval.config import RetrievalConfig
    from services.retrieval.wiring import build

    return Wiring(RetrievalConfig, build)


def _relay() -> Wiring:
    from services.relay.config import RelayConfig
    from services.relay.wiring import build

    return Wiring(RelayConfig, build)


def _worker() -> Wiring:
    from services.assembly.background import BackgroundConfig, build

    return Wiring(BackgroundConfig, build)


# In the order they are started; they drain in the reverse order, so callers go first.
TARGETS = (
    Target("relay", _relay, ("grpc", "admin")),
    Target("orders", _orders, ("grpc", "admin")),
    Target("retrieval", _retrieval, ("grpc", "admin")),
    Target("bandit", _bandit, ("grpc", "admin")),
    Target("learning", _learning, ("grpc", "admin")),
    Target("worker", _worker, ("grpc", "admin")),
    Target("coordinator", _coordinator, ("grpc", "admin")),
    Target("gateway", _gateway, ("http", "grpc", "admin"), mints=True),
)
TABLE = {"all": TARGETS} | {target.name: (target,) for target in TARGETS}


def configured_urls() -> dict[str, str]:
    """The database URL each target is given by its settings; empty where it has none."""
    return {target.name: target.load().config().database_url for target in TARGETS}


def select(names: Sequence[str]) -> tuple[Target, ...]:
    """The targets named, each once, in the table's order.

    Raises:
        Refusal: a name is not in the table.
    """
    unknown = [name for name in names if name not in TABLE]
    if unknown:
        raise Refusal(f"no such target: {', '.join(unknown)}; there are {', '.join(TABLE)}.")
    wanted = {target.name for name in names for target in TABLE[name]}
    return tuple(target for target in TARGETS if target.name in wanted)
