"""Who is let in, and how often an address may show credentials that do not hold.

Failures alone are counted, by address. Beyond the limit those that fail are answered RATE_LIMITED,
and the database is not asked about API keys that nobody has shown here before; whatever else holds
still lets in, so that one guest who guesses shuts out nobody who shares their address.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
import limits

from gateway.exchange import Exchange
from gateway.identity.authenticator import Authenticator, Caller
from gateway.identity.tokens import EXPIRED, REVOKED
from gateway.ratelimits import RateLimits
from services.chassis.rpc.errors import Failure

_COUNTED_AS = "failed credentials"


@dataclass(frozen=True, slots=True)
class Admission:
    """Lets callers in.

    Attributes:
        authenticator: knows them.
        rate_limits: counts.
        limit: failures of an address.
    """

    authenticator: Authenticator
    rate_limits: RateLimits
    limit: limits.RateLimitItem

    async def authenticate(self, exchange: Exchange, method: str) -> Caller:
        """The caller of a request, which is checked as one of this method.

        Fails with UNAUTHENTICATED, PERMISSION_DENIED (ORIGIN_NOT_ALLOWED) and RESOURCE_EXHAUSTED
        (RATE_LIMITED).
        """
        credential = self.authenticator.credential(method, exchange.headers, exchange.selector)
        return await self.caller(credential, exchange.neighbours)

    async def caller(self, credential: str, address: str) -> Caller:
        """The caller with this credential, shown by `address`. Fails as `authenticate` does."""
        is_suspect = self.rate_limits.is_spent(self.limit, _COUNTED_AS, address)
        with self.counting(address):
            return await self.authenticator.caller(credential, only_known=is_suspect)

    @contextmanager
    def counting(self, address: str) -> Iterator[None]:
        """Counts UNAUTHENTICATED as a failure of an address, RATE_LIMITED beyond the limit.

        What has expired or was revoked once held, and is no guess.
        """
        try:
            yield
        except Failure as failure:
            is_guess = failure.code is grpc.StatusCode.UNAUTHENTICATED
            if not is_guess or failure.metadata["problem"] in {EXPIRED, REVOKED}:
                raise
            verdict = self.rate_limits.hit(self.limit, _COUNTED_AS, address)
            if verdict.allowed:
                raise
            raise verdict.refusal(_COUNTED_AS) from failure
