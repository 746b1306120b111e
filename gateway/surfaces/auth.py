"""`POST /api/v1/auth/guest`, `/session` and `/ticket`: how a browser comes to a credential."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from gateway.admission import Admission
from gateway.exchange import Answer, Exchange, json_answer
from gateway.identity.authenticator import Authenticator, bearer_of
from gateway.identity.cookies import Origins, find_cookie, set_cookie
from gateway.identity.model import PREFIX, Tenant
from gateway.identity.tickets import Tickets
from gateway.identity.tokens import AccessTokens
from gateway.transcoding.decoding import MalformedInput, parse_json
from services.chassis.data.ids import IdFactory, to_id
from services.chassis.rpc.errors import Failure, unauthenticated

GUEST_PATH = "/api/v1/auth/guest"
SESSION_PATH = "/api/v1/auth/session"
TICKET_PATH = "/api/v1/auth/ticket"
_MOST_BYTES = 4096


class Auth:
    """The endpoints that give out credentials.

    Args:
        authenticator: knows tenants.
        admission: knows keys.
        tokens: issues access tokens.
        origins: whose pages may ask.
        ids: of guests.
        tickets: for WebSockets.
        guest_lifetime: of a guest's token.
        staff_lifetime: of a cookie made of an API key.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        admission: Admission,
        tokens: AccessTokens,
        origins: Origins,
        ids: IdFactory,
        tickets: Tickets,
        guest_lifetime: timedelta,
        staff_lifetime: timedelta,
    ) -> None:
        self._authenticator = authenticator
        self._admission = admission
        self._tokens = tokens
        self._origins = origins
        self._ids = ids
        self._tickets = tickets
        self._guest_lifetime = guest_lifetime
        self._staff_lifetime = staff_lifetime

    async def guest(self, exchange: Exchange) -> Answer:
        """Makes the caller a guest of `{"tenant": slug}`, the same one again if they are one.

        Answers with an access token and sets it as a cookie too.
        """
        self._origins.check_if_told(exchange.headers)
        slug = _slug(parse_json(await exchange.body(_MOST_BYTES)))
        tenant = await self._authenticator.tenant_by_slug(slug)
        principal_id = self._returning(exchange, tenant) or to_id("gst", self._ids.new())
        text, token = self._tokens.issue(tenant, principal_id, self._guest_lifetime)
        answer = {
            "access_token": text,
            "expires_at": _time(token.expires),
            "principal_id": principal_id,
            "tenant": _shown(tenant),
        }
        cookie = set_cookie(
            "guest", tenant.slug, text, _seconds(self._guest_lifetime), exchange.headers
        )
        return _with_cookie(answer, cookie)

    async def session(self, exchange: Exchange) -> Answer:
        """Trades the API key of `Authorization` for a cookie, so that a page need not keep it."""
        self._origins.check_if_told(exchange.headers)
        bearer = bearer_of(exchange.headers)
        if not bearer.startswith(PREFIX):
            raise unauthenticated("an API key is needed")
        caller = await self._admission.caller(bearer, exchange.neighbours)
        principal = caller.principal
        tenant = await self._authenticator.tenant(principal.tenant_id)
        text, token = self._tokens.issue(tenant, principal.principal_id, self._staff_lifetime)
        answer = {
            "principal_id": principal.principal_id,
            "roles": sorted(principal.roles),
            "expires_at": _time(token.expires),
            "tenant": _shown(tenant),
        }
        cookie = set_cookie(
            "staff", tenant.slug, text, _seconds(self._staff_lifetime), exchange.headers
        )
        return _with_cookie(answer, cookie)

    async def ticket(self, exchange: Exchange) -> Answer:
        """Gives a caller a ticket, with which one WebSocket may be opened soon."""
        ticket, expires = await self._tickets.issue(exchange.known_caller())
        return json_answer(
            json.dumps({"ticket": ticket, "expires_at": _time(expires)}, separators=(",", ":"))
        )

    def _returning(self, exchange: Exchange, tenant: Tenant) -> str:
        """The guest that the browser is already at this tenant; empty if it is none."""
        try:
            cookie = find_cookie(exchange.headers, f"guest-{tenant.slug}")
            token = self._tokens.read(cookie)
        except Failure:
            return ""
        is_theirs = token.tenant_id == tenant.tenant_id and token.principal_id.startswith("gst_")
        return token.principal_id if is_theirs else ""


def _slug(value: Any) -> str:
    if type(value) is not dict:
        raise MalformedInput("must be an object")
    for name in value:
        if name != "tenant":
            raise MalformedInput("unknown field", name)
    slug = value.get("tenant")
    if type(slug) is not str or not slug:
        raise MalformedInput("must be a tenant's slug", "tenant")
    return slug


def _shown(tenant: Tenant) -> Mapping[str, str]:
    return {
        "tenant_id": str(tenant.tenant_id),
        "slug": tenant.slug,
        "display_name": tenant.display_name,
    }


def _with_cookie(answer: Mapping[str, Any], cookie: str) -> Response:
    response = json_answer(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))
    response.headers.append("set-cookie", cookie)
    return response


def _time(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _seconds(lifetime: timedelta) -> int:
    return int(lifetime.total_seconds())
