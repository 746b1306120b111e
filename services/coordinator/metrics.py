"""What the coordinator counts: nodes, routes, and what models take.

Names are public: those that begin with `coordinator_`, and `external_api_credit_used_total`, stand
on dashboards; the others of models are OpenTelemetry's GenAI conventions.
"""

import functools
import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from opentelemetry import trace as otel
from prometheus_client import CollectorRegistry, Counter, Histogram

from services.coordinator.models.port import ChatModel, Delta, ModelRequest, UsageDelta
from services.coordinator.workflows.engine import Execute, Outcome, Position, Route
from services.coordinator.workflows.graph import Node

P = TypeVar("P")

_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144)


class CoordinatorMetrics:
    """The series of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.node_executions = Counter(
            "coordinator_node_execution_total",
            "Workflow nodes executed, by outcome: ok or error.",
            ("node", "status"),
            registry=registry,
        )
        self.node_duration = Histogram(
            "coordinator_node_execution_duration_seconds",
            "Time a workflow node took.",
            ("node",),
            registry=registry,
        )
        self.routing_decisions = Counter(
            "coordinator_routing_decisions_total",
            "Edges taken in workflows, by label and serving profile.",
            ("route", "profile"),
            registry=registry,
        )
        self.bandit_decisions = Counter(
            "coordinator_bandit_decisions_total",
            "Decisions of the bandit on who serves, by policy and the arm it chose.",
            ("policy", "arm"),
            registry=registry,
        )
        self.model_duration = Histogram(
            "gen_ai_client_operation_duration_seconds",
            "Time a model took to complete; error_type is empty where it did.",
            ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "error_type"),
            registry=registry,
        )
        self.model_tokens = Histogram(
            "gen_ai_client_token_usage",
            "Tokens of a completion, by type: input or output.",
            (
                "gen_ai_operation_name",
                "gen_ai_provider_name",
                "gen_ai_request_model",
                "gen_ai_token_type",
            ),
            buckets=_TOKENS,
            registry=registry,
        )
        self.credit_used = Counter(
            "external_api_credit_used_total",
            "Tokens read and written by models of others, as they count them.",
            ("provider", "model"),
            registry=registry,
        )
        self.feedback = Counter(
            "coordinator_user_feedback_total",
            "Ratings given, by stars.",
            ("rating",),
            registry=registry,
        )


def record_node_execution(
    metrics: CoordinatorMetrics,
) -> Callable[[Execute[P]], Execute[P]]:
    """Counts and times each execution of a node."""

    def decorate(execute: Execute[P]) -> Execute[P]:
        @functools.wraps(execute)
        async def recorded(node: Node, position: Position, state: P) -> Outcome[P]:
            started = time.perf_counter()
            status = "error"
            try:
                outcome = await execute(node, position, state)
                status = "ok"
                return outcome
            finally:
                metrics.node_executions.labels(node.node_id, status).inc()
                metrics.node_duration.labels(node.node_id).observe(time.perf_counter() - started)

        return recorded

    return decorate


def record_routing_decision(
    metrics: CoordinatorMetrics, profile_of: Callable[[P], str]
) -> Callable[[Route[P]], Route[P]]:
    """Counts each edge taken, by its label and the profile that serves then."""

    def decorate(route: Route[P]) -> Route[P]:
        @functools.wraps(route)
        def recorded(node: Node, outcome: Outcome[P]) -> str:
            target = route(node, outcome)
            metrics.routing_decisions.labels(outcome.label, profile_of(outcome.state)).inc()
            return target

        return recorded

    return decorate


class ObservedModel:
    """A model whose completions are timed, counted and, when traces are recorded, traced.

    Args:
        is_external: whether it is another's, whose tokens count as credit used.
    """

    def __init__(
        self,
        model: ChatModel,
        metrics: CoordinatorMetrics,
        tracer: otel.Tracer | None,
        *,
        is_external: bool = False,
    ) -> None:
        self.name = model.name
        self.provider = model.provider
        self._model = model
        self._metrics = metrics
        self._tracer = tracer
        self._is_external = is_external
        self._labels = ("chat", model.provider, model.name)

    async def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """As the model; a consumer that stops early is counted all the same."""
        started = time.perf_counter()
        span = self._span()
        error_type = ""
        try:
            async for delta in self._model.complete(request):
                if isinstance(delta, UsageDelta):
                    self._count(delta, span)
                yield delta
        except BaseException as error:
            error_type = type(error).__name__
            raise
        finally:
            elapsed = time.perf_counter() - started
            self._metrics.model_duration.labels(*self._labels, error_type).observe(elapsed)
            if span is not None:
                if error_type:
                    span.set_attribute("error.type", error_type)
                span.end()

    def _span(self) -> otel.Span | None:
        if self._tracer is None:
            return None
        return self._tracer.start_span(
            f"chat {self.name}",
            kind=otel.SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": self.provider,
                "gen_ai.request.model": self.name,
            },
        )

    def _count(self, usage: UsageDelta, span: otel.Span | None) -> None:
        if self._is_external:
            used = usage.prompt_tokens + usage.completion_tokens
            self._metrics.credit_used.labels(self.provider, self.name).inc(used)
        for kind, tokens in (
            ("input", usage.prompt_tokens),
            ("output", usage.completion_tokens),
        ):
            self._metrics.model_tokens.labels(*self._labels, kind).observe(tokens)
            if span is not None:
                span.set_attribute(f"gen_ai.usage.{kind}_tokens", tokens)
