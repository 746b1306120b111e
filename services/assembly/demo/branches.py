"""Tenants like a demo tenant, with nothing behind them."""

from uuid import uuid4

from services.assembly.demo.access import DemoTenant
from services.assembly.demo.seed import open_branch
from services.assembly.home import Home
from services.assembly.local import local_mesh_key
from services.assembly.record import RunRecord
from services.chassis.rpc.identity import MeshSigner
from services.chassis.rpc.peers import Peers


async def new_branch(mesh: RunRecord, home: Home, house: str) -> DemoTenant:
    """A new tenant of a running mesh.

    Args:
        mesh: what runs.
        home: its state folder, with the key that signs.
        house: slug of the demo tenant it is like.
    """
    key = local_mesh_key(home)
    addresses = {
        name: f"ipv4:{mesh.process(name).addresses['grpc']}"
        for name in ("gateway", "orders", "retrieval")
    }
    peers = Peers(addresses)
    try:
        signer = MeshSigner(key.private_pem, key.kid)
        return await open_branch(peers, signer, f"demo-{uuid4().hex[:12]}", house)
    finally:
        await peers.close()
