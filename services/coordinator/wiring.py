"""The coordinator's composition root."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from services.chassis.data.expiry import Expiry
from services.chassis.data.idempotency import IdempotencyKeys, delete_expired_keys
from services.chassis.data.ids import IdFactory, to_id
from services.chassis.data.migrate import check_schema
from services.chassis.data.outbox import OutboxNotifier
from services.chassis.data.pages import PageTokens
from services.chassis.data.streams import StreamReader
from services.chassis.run.lifecycle import Component, Loop, Resources
from services.coordinator.agents.profile import Profile, arm_id, profile_of
from services.coordinator.agents.service import AgentService
from services.coordinator.agents.store import AgentStore
from services.coordinator.clients import OrdersClient
from services.coordinator.config import CoordinatorConfig
from services.coordinator.documents import packaged_document
from services.coordinator.feedback.jobs import Abandonment
from services.coordinator.feedback.service import FeedbackService
from services.coordinator.feedback.store import FeedbackStore
from services.coordinator.metrics import (
    CoordinatorMetrics,
    ObservedModel,
    record_node_execution,
    record_routing_decision,
)
from services.coordinator.migrations import SCHEMA
from services.coordinator.models.local.approval import approves
from services.coordinator.models.local.model import LocalModel
from services.coordinator.models.local.offers import takes
from services.coordinator.models.local.replies import read_back
from services.coordinator.models.port import ChatModel
from services.coordinator.routing.clients import POLICY, BanditClient, TrustClient
from services.coordinator.routing.consumer import TrustNews
from services.coordinator.routing.router import Router
from services.coordinator.routing.sentiment import Sentiment
from services.coordinator.routing.trust import KnownTrust
from services.coordinator.sessions.conversation import Conversations, TurnRules
from services.coordinator.sessions.nodes import NODE_LABELS, Staff, TurnNodes
from services.coordinator.sessions.ports import Begun
from services.coordinator.sessions.progress import Progress
from services.coordinator.sessions.service import ChatService, SessionService
from services.coordinator.sessions.store import SessionStore
from services.coordinator.sessions.stream import Listener
from services.coordinator.tools.clients import RetrievalClient
from services.coordinator.tools.confirm import Confirm
from services.coordinator.tools.guard import Consent
from services.coordinator.tools.knowledge import SearchKnowledgeBase
from services.coordinator.tools.menu import RetrieveMenu
from services.coordinator.tools.promos import ApplyPromos
from services.coordinator.tools.suggest import SuggestProduct
from services.coordinator.tools.tool import Tool
from services.coordinator.tools.update_cart import UpdateCart
from services.coordinator.workflows.document import workflow_of
from services.coordinator.workflows.engine import Engine, follow_edge
from services.coordinator.workflows.graph import Vocabulary, Workflow, validated

_AGENTS = ("guide", "host", "seller")
_HOSTED_MODEL = "gpt-4o-mini"
# Of all that happens in a tenant hardly anything is about trust.
_NEWS_EVERY_S = 0.5


async def build(config: CoordinatorConfig, resources: Resources) -> Component:
    """The coordinator on its database, with orders beside it.

    Raises:
        ValueError: no database is configured.
        SchemaMismatch: the database is not migrated.
        InvalidWorkflow, InvalidProfile: the package's own documents do not hold.
    """
    database = resources.database
    if database is None:
        raise ValueError("the coordinator needs a database: set MAITRED_DB_COORDINATOR_URL")
    async with database.transaction() as connection:
        await check_schema(connection, SCHEMA)
    new_id = IdFactory(resources.clock, resources.random.randbytes).new
    metrics = CoordinatorMetrics(resources.telemetry.registry)
    model = talking_model(config, resources, metrics)
    orders = OrdersClient(resources.peers.channel("orders"))
    agents = AgentStore(database, resources.clock)
    confirm = Confirm(orders, read_back)
    tools: dict[str, Tool] = {
        tool.offer.name: tool
        for tool in (
            RetrieveMenu(orders),
            UpdateCart(orders, read_back),
            SuggestProduct(orders, agents),
            ApplyPromos(orders, read_back),
            SearchKnowledgeBase(RetrievalClient(resources.peers.channel("retrieval"))),
            confirm,
        )
    }
    profiles = packaged_profiles()
    workflow = packaged_workflow(tools, profiles)
    staff = Staff(
        {profile.agent: profile for profile in profiles},
        next(profile for profile in profiles if profile.name == workflow.profile),
    )
    arms = {arm_id(profile, workflow.label, model.name): profile for profile in profiles}
    notifier = OutboxNotifier(config.database_url)
    store = SessionStore(database, resources.clock, new_id, notifier.committed)
    is_tracked = config.learning_enabled and config.learning_tracking
    deciding, routing_loops = router(config, resources, metrics, staff, arms)
    engines = TurnEngines(
        workflow,
        staff,
        deciding,
        (lambda: to_id("rec", new_id())) if is_tracked else None,
        model,
        tools,
        store,
        metrics,
    )
    rules = TurnRules(
        engine_of=engines.of,
        read_back=read_back,
        find_placed=confirm.find_placed,
        model_name=model.name,
    )
    conversations = Conversations(store, rules)
    # Unwound after the server has stopped and before the database closes.
    resources.stack.push_async_callback(conversations.drain, config.drain_grace_s)
    expiry = Expiry(database, resources.clock, (delete_expired_keys("coordinator"),))
    keys = IdempotencyKeys(database, "coordinator", expiry.served)
    ratings = FeedbackStore(database)
    feedback = FeedbackService(
        ratings,
        keys,
        resources.clock,
        new_id,
        notifier.committed,
        lambda stars: metrics.feedback.labels(str(stars)).inc(),
    )
    abandonment = Abandonment(
        ratings,
        expiry.tenants,
        resources.clock,
        new_id,
        notifier.committed,
        config.abandoned_after_s,
    )
    return Component(
        name="coordinator",
        servicers=(
            ChatService(conversations, new_id, expiry.served).binding,
            SessionService(store, keys, PageTokens(config.page_token_key)).binding,
            AgentService(agents, arms).binding,
            feedback.binding,
        ),
        loops=(
            *routing_loops,
            Loop("notify", notifier.run),
            Loop("expire", expiry.run),
            Loop("abandon", abandonment.run),
        ),
        ready=database.ping,
    )


def talking_model(
    config: CoordinatorConfig, resources: Resources, metrics: CoordinatorMetrics
) -> ObservedModel:
    """Who talks to guests: the configured provider's model, else the built-in one.

    Raises:
        ValueError: a model is named, but not where it is.
    """
    tracer = resources.telemetry.tracer
    if config.model == LocalModel.name or not (config.model or config.openai_api_base):
        return ObservedModel(LocalModel(), metrics, tracer)
    if not config.openai_api_base:
        raise ValueError("MAITRED_COORDINATOR_MODEL names a model: set OPENAI_API_BASE to its API")
    # Only who talks to a provider pays for its package.
    from services.coordinator.models.openai.model import OpenAIModel

    hosted = OpenAIModel(
        config.openai_api_base,
        config.openai_api_key,
        config.model or _HOSTED_MODEL,
        config.model_timeout_s,
    )
    resources.stack.push_async_callback(hosted.close)
    return ObservedModel(hosted, metrics, tracer, is_external=True)


def router(
    config: CoordinatorConfig,
    resources: Resources,
    metrics: CoordinatorMetrics,
    staff: Staff,
    arms: Mapping[str, Profile],
) -> tuple[Router, Sequence[Loop]]:
    """Decides who serves, by the bandit unless routing is switched off; and its loops."""
    peers = resources.peers
    agents = {arm: profile.agent for arm, profile in arms.items()}
    is_on = config.learning_enabled and config.learning_routing
    news = None
    if resources.redis is not None:
        news = TrustNews(StreamReader(resources.redis, gather_s=_NEWS_EVERY_S))
    trust = KnownTrust(
        TrustClient(peers.channel("learning")),
        sorted(agents.values()),
        time.monotonic,
        news.follow if news else lambda _: None,
    )
    made = Router(
        agents=agents,
        fallback=staff.fallback.agent,
        bandit=BanditClient(peers.channel("bandit")) if is_on else None,
        trust=trust,
        decided=lambda arm: metrics.bandit_decisions.labels(POLICY, arm).inc(),
        sentiment=Sentiment().of,
    )
    return made, (Loop("trust", partial(news.run, trust.forget)),) if news and is_on else ()


def packaged_profiles() -> Sequence[Profile]:
    """The agents that are shipped. Raises InvalidProfile."""
    return [
        profile_of(packaged_document("services.coordinator.agents", f"{name}.yaml"))
        for name in _AGENTS
    ]


def packaged_workflow(tools: Mapping[str, Tool], profiles: Sequence[Profile]) -> Workflow:
    """The workflow that is shipped, validated. Raises InvalidWorkflow."""
    document = packaged_document("services.coordinator.workflows", "take_order.yaml")
    names = frozenset(profile.name for profile in profiles)
    return validated(workflow_of(document), Vocabulary(NODE_LABELS, frozenset(tools), names))


@dataclass(frozen=True, slots=True)
class TurnEngines:
    """Binds the workflow to turns."""

    workflow: Workflow
    staff: Staff
    router: Router
    new_recommendation: Callable[[], str] | None
    model: ChatModel
    tools: Mapping[str, Tool]
    store: SessionStore
    metrics: CoordinatorMetrics

    def of(self, begun: Begun, listener: Listener) -> Engine[Progress]:
        """The workflow with its nodes bound to one turn and who listens to it."""
        text, serving = begun.turn.user_text, begun.dialogue.serving
        # What was not read back is not approved, whatever is said.
        approved = bool(begun.read_back) and approves(text, read_back(begun.cart))
        if serving is not None and serving.offered:
            # Who takes what was offered says yes to another cart than the one read back.
            approved = approved and not takes(text)
        nodes = TurnNodes(
            begun=begun,
            consent=Consent(begun.read_back, approved),
            staff=self.staff,
            decide=self.router.decide,
            new_recommendation=self.new_recommendation,
            model=self.model,
            tools=self.tools,
            store=self.store,
            listener=listener,
        )
        recorded = record_node_execution(self.metrics)
        return Engine(
            self.workflow,
            {
                "route": recorded(nodes.route),
                "model": recorded(nodes.converse),
                "tools": recorded(nodes.serve),
            },
            record_routing_decision(self.metrics, self._profile)(follow_edge),
        )

    def _profile(self, progress: Progress) -> str:
        return self.staff.serving(progress).name
