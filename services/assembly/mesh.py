"""One mesh on this machine, from the embedded servers to the demo tenants."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from signal import SIGINT, SIGTERM
from time import monotonic

from services.assembly.addresses import Addresses, Endpoint, choose_addresses
from services.assembly.children import Body, Child, Executed, fork
from services.assembly.config import AssemblyConfig
from services.assembly.demo.access import (
    DemoTenant,
    keep_tenants,
    read_tenants,
    write_demo_env,
)
from services.assembly.embedded import EmbeddedPostgres, EmbeddedValkey, Server
from services.assembly.guard import Guard
from services.assembly.home import Home
from services.assembly.local import (
    PAGE_TOKEN_KEY,
    LocalMesh,
    local_mesh_key,
    wished_endpoints,
)
from services.assembly.migrations import migrate_all, service_urls
from services.assembly.record import ProcessRecord, RunRecord
from services.assembly.refusal import Refusal
from services.assembly.report import Report
from services.assembly.supervisor import Program, StopSignals, Supervised, Supervisor
from services.assembly.targets import TARGETS, Target, configured_urls
from services.chassis.rpc.identity import MeshSigner
from services.chassis.rpc.peers import Peers
from services.chassis.run import lifecycle
from services.chassis.run.lifecycle import run_process

POSTGRES_PORT = 15432
VALKEY_PORT = 16379


class Mesh:
    """Everything `maitred up` runs.

    Args:
        home: the state folder, held by this process.
        config: which servers are external.
        port: of the gateway's HTTP, instead of its setting; 0 for any port of every process.
        report: told of all that happens.
        signals: entered.
    """

    def __init__(
        self,
        home: Home,
        config: AssemblyConfig,
        port: int | None,
        report: Report,
        signals: StopSignals,
    ) -> None:
        self._home = home
        self._report = report
        self._started = datetime.now(UTC)
        self._monotonic_zero = self._started - timedelta(seconds=monotonic())
        self._ready = False
        guard = None if sys.platform == "linux" else Guard()
        self._supervisor = Supervisor(signals, self._changed, guard)
        self._addresses = choose_addresses(
            [*_embedded_endpoints(config, port), *wished_endpoints(TARGETS, port)], config.ports
        )
        self._servers = _servers(home, self._addresses)
        urls = {name: server.url for name, server in self._servers.items()}
        database_url = config.database_url or urls["postgres"]
        self._local = LocalMesh(
            addresses=self._addresses,
            database_url=database_url,
            redis_url=config.redis_url or urls["valkey"],
            service_urls=service_urls(database_url, home, configured_urls()),
            mesh_key=local_mesh_key(home),
            page_token_key=home.secret(PAGE_TOKEN_KEY),
        )

    @property
    def gateway_url(self) -> str:
        """Where guests, staff and clients find the mesh."""
        return f"http://{self._addresses.reach('gateway', 'http')}"

    def start(self) -> Sequence[DemoTenant]:
        """Start everything; the demo tenants, once all of it is ready.

        Raises:
            EmbeddedError: an embedded server cannot run here.
            StartError: something did not become ready.
            StopRequestedError: a signal came meanwhile.
        """
        for sentence in self._addresses.moved:
            self._report.note(sentence)
        for server in self._servers.values():
            server.prepare()
        self._supervisor.start(_executed(name, one) for name, one in self._servers.items())
        # What is imported by now is shared by all the children.
        gc.collect()
        gc.freeze()
        if "valkey" not in self._servers:
            self._once("redis", self._find_redis, "answers")
        self._once("migrations", self._migrate, "every schema at its newest revision")
        self._supervisor.start(self._target(target) for target in TARGETS)
        self._once("demo", self._seed, "tenants, menus and keys")
        tenants = read_tenants(self._home)
        orders = self._addresses.reach("orders", "grpc")
        write_demo_env(self._home, self.gateway_url, orders, tenants[0])
        self._ready = True
        self._write_record()
        return tenants

    def watch(self) -> None:
        """Restart what crashes until a signal asks to stop."""
        self._supervisor.watch()

    def stop(self) -> None:
        """Drain and stop everything, the gateway first, Postgres last."""
        self._supervisor.stop()
        self._home.run_record.unlink(missing_ok=True)

    def _target(self, target: Target) -> Program:
        settings = self._local.settings(target)
        wiring = target.load()
        log = self._home.log(target.name)

        def body(ready: Callable[[], None]) -> int:
            served = lifecycle.Target(target.name, settings, wiring.build)
            run_process([served], lambda _bound: ready())
            return 0

        return Program(target.name, lambda: fork(target.name, body, log))

    def _once(self, name: str, body: Body, outcome: str) -> None:
        began = monotonic()
        self._supervisor.finish(name, fork(name, body, self._home.log(name)))
        self._report.done(name, outcome, monotonic() - began)

    def _find_redis(self, _ready: Callable[[], None]) -> int:
        # Services would wait for it in silence.
        from services.assembly.checks.finding import Verdict
        from services.assembly.checks.servers import check_redis

        found = asyncio.run(check_redis(self._local.redis_url))
        if found.verdict is Verdict.GOOD:
            return 0
        print(f"Redis: {found.text}; {found.remedy}.")
        return 1

    def _migrate(self, _ready: Callable[[], None]) -> int:
        try:
            for moved in migrate_all(self._local.database_url, self._local.service_urls):
                print(moved)
        except Refusal as refusal:
            print(refusal)
            return 1
        return 0

    def _seed(self, _ready: Callable[[], None]) -> int:
        asyncio.run(self._seed_tenants())
        return 0

    async def _seed_tenants(self) -> None:
        # Only the child that seeds needs the stubs.
        from services.assembly.demo.seed import seed

        key = self._local.mesh_key
        signer = MeshSigner(key.private_pem, key.kid)
        peers = Peers(self._local.peers())
        try:
            keep_tenants(self._home, await seed(peers, signer, read_tenants(self._home)))
        finally:
            await peers.close()

    def _changed(self, one: Supervised) -> None:
        self._report.change(one, self._addresses.by_owner[one.program.name])
        self._write_record()

    def _write_record(self) -> None:
        record = RunRecord(
            pid=os.getpid(),
            started=self._started,
            ready=self._ready,
            gateway_url=self.gateway_url,
            database_url=self._local.database_url,
            redis_url=self._local.redis_url,
            processes=[self._process_record(one) for one in self._supervisor.supervised],
        )
        record.write(self._home)

    def _process_record(self, one: Supervised) -> ProcessRecord:
        return ProcessRecord(
            name=one.program.name,
            pid=one.child.pid if one.child else None,
            state=one.state,
            since=self._monotonic_zero + timedelta(seconds=one.since),
            restarts=one.restarts,
            addresses=self._addresses.by_owner[one.program.name],
        )


def _embedded_endpoints(config: AssemblyConfig, port: int | None) -> list[Endpoint]:
    wanted = []
    if not config.database_url:
        wanted.append(Endpoint("postgres", "tcp", 0 if port == 0 else POSTGRES_PORT))
    if not config.redis_url:
        wanted.append(Endpoint("valkey", "tcp", 0 if port == 0 else VALKEY_PORT))
    return wanted


def _servers(home: Home, addresses: Addresses) -> dict[str, EmbeddedPostgres | EmbeddedValkey]:
    servers: dict[str, EmbeddedPostgres | EmbeddedValkey] = {}
    if "postgres" in addresses.by_owner:
        servers["postgres"] = EmbeddedPostgres(home, addresses.port("postgres", "tcp"))
    if "valkey" in addresses.by_owner:
        servers["valkey"] = EmbeddedValkey(home, addresses.port("valkey", "tcp"))
    return servers


def _executed(name: str, server: Server) -> Program:
    def start() -> Child:
        return Executed(server.start(), server.is_ready)

    # SIGINT is Postgres' fast shutdown; to SIGTERM it would wait for every client to leave.
    return Program(name, start, SIGINT if name == "postgres" else SIGTERM)
