"""The call being served: who asks, under which id and until when.

The server's chain sets it, peers pass it on, logs carry it. Code outside a server (the gateway's
HTTP side, background loops that call others) enters one with `use`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from services.chassis.rpc.identity import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """A call in progress.

    Attributes:
        principal: whom it is made for.
        request_id: one id from the first hop to the last (`req_…`).
        token: the mesh token that named the principal, forwarded unchanged.
        deadline: when it must be done, on time.monotonic()'s clock.
    """

    principal: Principal
    request_id: str
    token: str
    deadline: float

    def remaining(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self.deadline - time.monotonic())


CURRENT: ContextVar[Call | None] = ContextVar("maitred_call", default=None)


def current() -> Call:
    """The call being served. Raises LookupError outside of one."""
    call = CURRENT.get()
    if call is None:
        raise LookupError("no call is being served here")
    return call


@contextmanager
def use(call: Call) -> Iterator[Call]:
    """Makes `call` the current one inside the block."""
    token = CURRENT.set(call)
    try:
        yield call
    finally:
        CURRENT.reset(token)
