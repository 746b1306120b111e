"""Agents as their contract has them."""

from maitred.coordinator.v1 import agent_service_pb2

from services.coordinator.agents.profile import Profile
from services.coordinator.agents.settings import AgentSettings


def agent_message(profile: Profile, arm: str, settings: AgentSettings) -> agent_service_pb2.Agent:
    """A profile with what a tenant set of it."""
    behaviour = profile.behaviour
    message = agent_service_pb2.Agent(
        agent_id=profile.agent,
        version=profile.version,
        verbosity=behaviour.verbosity,
        upsell=behaviour.upsell,
        grounding=behaviour.grounding,
        suggested_product_ids=settings.suggested_product_ids,
        arm_id=arm,
    )
    if settings.update_time is not None:
        message.update_time.FromDatetime(settings.update_time)
    return message
