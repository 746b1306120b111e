"""Ports of a mesh: those wished for, or the next free ones."""

import socket

from services.assembly.addresses import Endpoint, choose_addresses
from services.assembly.config import AssemblyConfig
from services.assembly.network import LOOPBACK


def test_a_taken_port_gives_way_to_the_next_and_people_are_told() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        chosen = choose_addresses([Endpoint("gateway", "http", port)])

    assert port < chosen.port("gateway", "http") < port + 200
    assert [f"port {port} is taken" in sentence for sentence in chosen.moved] == [True]


def test_no_two_programs_get_the_same_port() -> None:
    wishes = [Endpoint(name, "admin", 0) for name in ("relay", "orders", "gateway")]
    chosen = choose_addresses([*wishes, *(Endpoint("extra", kind, 29464) for kind in ("a", "b"))])
    ports = [chosen.port(owner, kind) for owner, kinds in chosen.by_owner.items() for kind in kinds]

    assert len(set(ports)) == 5


def test_programs_without_a_wish_take_ports_where_they_are_told_to() -> None:
    wishes = [Endpoint(name, "admin", 0) for name in ("relay", "orders", "gateway")]
    own = AssemblyConfig(quiet_ports="31000-31499").ports
    chosen = choose_addresses(wishes, own)

    assert all(chosen.port(name, "admin") in own for name in ("relay", "orders", "gateway"))


def test_callers_on_this_machine_reach_what_listens_everywhere() -> None:
    chosen = choose_addresses([Endpoint("orders", "grpc", 0, "0.0.0.0")])

    assert chosen.by_owner["orders"]["grpc"].startswith("0.0.0.0:")
    assert chosen.reach("orders", "grpc").startswith(f"{LOOPBACK}:")
    assert chosen.moved == []
