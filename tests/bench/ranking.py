"""Rank through the whole service against an echo through the same chain; LinUCB against numpy."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import grpc
import numpy as np
from maitred.bandit.v1 import policy_pb2, policy_service_pb2, policy_service_pb2_grpc

from services.bandit.linucb import LinUcb
from services.bandit.policy import FloatArray
from services.chassis.rpc.identity import MeshSigner, Principal, Role, new_key
from tests.bench.databases import store
from tests.bench.processes import served
from tests.bench.table import Row, interleaved
from tests.support.echo import EchoRequest, EchoStub

ARMS = 10
FEATURES = 10
CALLS = 1_280
AT_ONCE = 64
STEPS = 2_000
ALPHA = 0.5
MANAGER = Principal(UUID(int=1), "key_1", frozenset({Role.MANAGER}))
Metadata = tuple[tuple[str, str], ...]


async def rows() -> Sequence[Row]:
    """Durable choices a second, and the time of the mathematics in one."""
    return [await _rank_row(), *await _linucb_rows()]


async def _rank_row() -> Row:
    key = new_key()
    signer = MeshSigner(key.private_pem, key.kid)

    def metadata() -> Metadata:
        # Anew as it runs out: all rounds take longer than a token holds.
        token = signer.mint(MANAGER)
        return (("authorization", f"Bearer {token}"), ("x-request-id", "req_bench"))

    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(store())
        ports = {
            "echo": await stack.enter_async_context(served("echo_server", "chain", key.public_pem)),
            "rank": await stack.enter_async_context(
                served(
                    "ranking_server",
                    *(one.database.service_url("bandit"), one.redis_url, key.public_pem),
                )
            ),
        }
        # gRPC does not like a fork beside it, so no channel before the last process.
        channels = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
            for name, port in ports.items()
        }
        policies = policy_service_pb2_grpc.PolicyServiceStub(channels["rank"])
        await _make_policy(policies, metadata())
        echo = EchoStub(channels["echo"]).echo
        found = await interleaved(
            {
                "echo": _rate(
                    lambda: echo(EchoRequest(text="two"), metadata=metadata(), timeout=10)
                ),
                "rank": _rate(lambda: policies.Rank(_request(), metadata=metadata(), timeout=10)),
            }
        )
    return Row(
        f"Rank, {ARMS} arms, {FEATURES} features, durable",
        f"{found['rank']:,.0f}/s",
        f"{found['echo']:,.0f}/s",
        found["rank"] / found["echo"],
        0.8,
        why="an echo is one field; here ten arms and ten features are checked by name, chosen from,"
        " written into a message and into Postgres, which shares the processors",
    )


async def _make_policy(
    policies: policy_service_pb2_grpc.PolicyServiceStub, metadata: Metadata
) -> None:
    policy = policy_pb2.Policy(
        policy_id="bench",
        context_features=[f"feature_{number}" for number in range(FEATURES)],
        alpha=ALPHA,
        exploration_floor=0.1,
        ridge=1.0,
    )
    await policies.UpdatePolicy(
        policy_service_pb2.UpdatePolicyRequest(policy=policy), metadata=metadata
    )


def _request() -> policy_service_pb2.RankRequest:
    return policy_service_pb2.RankRequest(
        policy_id="bench",
        context={f"feature_{number}": number / FEATURES for number in range(FEATURES)},
        arms=[policy_service_pb2.Arm(arm_id=f"arm_{number}") for number in range(ARMS)],
    )


def _rate(send: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[float]]:
    async def call() -> None:
        for _ in range(CALLS // AT_ONCE):
            await send()

    async def rate() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(AT_ONCE)))
        return CALLS / (time.perf_counter() - began)

    return rate


async def _linucb_rows() -> Sequence[Row]:
    """Microseconds to select among the arms, and to learn of one."""
    random = np.random.default_rng(1)
    vectors = random.uniform(-1, 1, (STEPS, FEATURES))
    arm_ids = [f"arm_{number}" for number in range(ARMS)]
    ours = LinUcb(FEATURES, 1.0, {})
    bare = _Bare(ARMS, FEATURES)
    for number, x in enumerate(vectors):
        ours.learn(arm_ids[number % ARMS], x, 0.5)
        bare.learn(number % ARMS, x, 0.5)
    # As a request comes: every arm with a vector of its own.
    each = np.repeat(vectors[:, None, :], ARMS, axis=1)
    found = await interleaved(
        {
            "select": _micros(lambda n: ours.upper_bounds(arm_ids, each[n], ALPHA)),
            "bare select": _micros(lambda n: bare.upper_bounds(vectors[n])),
            "learn": _micros(lambda n: ours.learn(arm_ids[n % ARMS], vectors[n], 0.5)),
            "bare learn": _micros(lambda n: bare.learn(n % ARMS, vectors[n], 0.5)),
        }
    )
    return [
        Row(
            f"LinUCB {what}, {ARMS} arms, {FEATURES} features, vs bare numpy",
            f"{found[what]:.1f} µs",
            f"{found[f'bare {what}']:.1f} µs",
            found[what] / found[f"bare {what}"],
            1.5,
            at_most=True,
            why=why,
        )
        for what, why in (
            ("select", "arms have names and vectors of their own; the bare one knows neither"),
            ("learn", ""),
        )
    ]


class _Bare:
    """The least numpy that does it: one product for all arms, one update of one arm."""

    def __init__(self, arms: int, features: int) -> None:
        self._inverses = np.repeat(np.eye(features)[None], arms, axis=0)
        self._flat = self._inverses.reshape(arms * features, features)
        self._b = np.zeros((arms, features))
        self._theta = np.zeros((arms, features))

    def upper_bounds(self, x: FloatArray) -> FloatArray:
        products = (self._flat @ x).reshape(self._theta.shape)
        bounds: FloatArray = self._theta @ x + ALPHA * np.sqrt(products @ x)
        return bounds

    def learn(self, arm: int, x: FloatArray, reward: float) -> None:
        inverse = self._inverses[arm]
        product = inverse @ x
        inverse -= np.outer(product, product) / (1.0 + x @ product)
        self._b[arm] += reward * x
        self._theta[arm] = inverse @ self._b[arm]


def _micros(step: Callable[[int], object]) -> Callable[[], Awaitable[float]]:
    async def micros() -> float:
        began = time.perf_counter()
        for number in range(STEPS):
            step(number)
        return (time.perf_counter() - began) / STEPS * 1e6

    return micros
