"""Whether a rating comes back to the decision that it is about.

A new guest of the tenant says a word and gives three stars: the rating that is worth nothing, so
that looking moves no policy.
"""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

import httpx

from services.assembly.checks.finding import Finding, bad, unknown
from services.assembly.checks.site import Access
from services.assembly.client import GatewayClient, Refused
from services.coordinator.config import CoordinatorConfig

AREA = "loop"
STARS = 3
WAIT_S = 15.0
_LOOK_EVERY_S = 0.05


async def check_loop(access: Access) -> list[Finding]:
    """A conversation, a rating, and the reward it becomes."""
    if not access.is_complete:
        remedy = "set MAITRED_URL, MAITRED_TENANT and MAITRED_API_KEY (a manager's)"
        return [unknown(AREA, "feedback", "no tenant is known to be a guest of", remedy)]
    try:
        async with httpx.AsyncClient(base_url=access.gateway_url, timeout=30) as http:
            return [await _go_round(http, access)]
    except Refused as refusal:
        remedy = "the gateway's log has the request; see also what is said of peers above"
        return [bad(AREA, "feedback", str(refusal), remedy)]


async def _go_round(http: httpx.AsyncClient, access: Access) -> Finding:
    guest = await GatewayClient.guest(http, access.tenant)
    session = (await guest.call("POST", "/api/v1/sessions", {}))["session_id"]
    decision_id = (await guest.say(session, "hello")).get("decision_id", "")
    if not decision_id:
        return _unranked()
    rating = {"session_id": session, "rating": STARS, "decision_id": decision_id}
    began = monotonic()
    await guest.call("POST", "/api/v1/feedback/submit", rating)
    manager = GatewayClient(http, access.manager_key)
    while monotonic() < began + WAIT_S:
        decision = await manager.call("GET", f"/api/v1/decisions/{decision_id}")
        if any(one["source"] == "rating" and one["learned"] for one in _rewards(decision)):
            taken_ms = (monotonic() - began) * 1000
            arm = decision["arm_id"]
            return Finding(AREA, "feedback", f"a rating of {arm} was learned in {taken_ms:.0f} ms")
        await asyncio.sleep(_LOOK_EVERY_S)
    return _lost(decision_id, _rewards(decision))


def _rewards(decision: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(decision.get("rewards", ()))


def _unranked() -> Finding:
    settings = CoordinatorConfig()
    if not (settings.learning_enabled and settings.learning_routing):
        text = "nobody is chosen: LEARNING_ENABLED or LEARNING_ROUTING is off"
        return unknown(AREA, "feedback", text, "switch both on to have this checked")
    text = "a guest was served, and nobody was chosen to serve them"
    return bad(AREA, "feedback", text, "the coordinator's log says why the bandit was not asked")


def _lost(decision_id: str, rewards: list[Mapping[str, Any]]) -> Finding:
    """How far the rating came."""
    if any(one["source"] == "rating" for one in rewards):
        text = f"the rating reached {decision_id} and was not learned in {WAIT_S:.0f} s"
        return bad(AREA, "feedback", text, "see bandit's log, and who holds its partitions")
    text = f"the rating did not reach {decision_id} in {WAIT_S:.0f} s"
    remedy = (
        "see the logs of relay and bandit, and maitred_outbox_rows and maitred_consumer_lag_events"
    )
    return bad(AREA, "feedback", text, remedy)
