"""Whether every process shows its metrics, under the names that dashboards know."""

import asyncio
import re
from collections.abc import Mapping

import httpx

from services.assembly.checks.finding import Finding, bad, why

AREA = "metrics"
NAMES = {
    "gateway": {"gateway_http_requests_total"},
    "coordinator": {
        "coordinator_node_execution_total",
        "coordinator_node_execution_duration_seconds",
        "coordinator_routing_decisions_total",
        "coordinator_bandit_decisions_total",
        "coordinator_user_feedback_total",
        "external_api_credit_used_total",
        "gen_ai_client_operation_duration_seconds",
        "gen_ai_client_token_usage",
    },
    "bandit": {"bandit_decisions_total", "bandit_rewards_total", "maitred_consumer_events_total"},
    "learning": {"learning_outcomes_total", "maitred_consumer_events_total"},
    "orders": {"maitred_cache_requests_total", "maitred_cache_lock_waits_total"},
    "relay": {"maitred_events_total", "maitred_outbox_rows", "maitred_dead_letters"},
}
# Of every process.
EVERYWHERE = {"grpc_server_handled_total", "process_resident_memory_bytes"}
_FAMILY = re.compile(r"(?m)^# TYPE (\S+) ")


async def check_metrics(admin: Mapping[str, str]) -> list[Finding]:
    """Each process's admin port."""
    async with httpx.AsyncClient(timeout=5) as http:
        return await asyncio.gather(*(_check(http, name, admin[name]) for name in admin))


async def _check(http: httpx.AsyncClient, name: str, address: str) -> Finding:
    remedy = f"see whether {name} runs, and MAITRED_{name.upper()}_ADMIN_LISTEN"
    try:
        answer = await http.get(f"http://{address}/metrics")
        answer.raise_for_status()
    except httpx.HTTPError as error:
        text = f"no answer at {address}: {why(error)}"
        return bad(AREA, name, text, remedy)
    families = set(_FAMILY.findall(answer.text))
    missing = (EVERYWHERE | NAMES.get(name, set())) - families
    if missing:
        text = f"{address} does not show {', '.join(sorted(missing))}"
        return bad(AREA, name, text, "run the same version of all targets")
    return Finding(AREA, name, f"{len(families)} families at {address}")
