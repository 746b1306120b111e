"""The contract's messages and what they mean."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from maitred.bandit.v1 import decision_pb2, policy_pb2, policy_service_pb2

from services.bandit.decision import ArmFigures, StoredDecision
from services.bandit.policy import PolicySettings
from services.bandit.ranking import Knowledge, Ranking
from services.chassis.rpc.errors import Failure, FieldProblem, invalid, not_found

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_NONE: Mapping[str, float] = {}


def to_arms(request: policy_service_pb2.RankRequest) -> dict[str, Mapping[str, float]]:
    """The features of each arm. Raises Failure INVALID_ARGUMENT if one is named twice."""
    arms: dict[str, Mapping[str, float]] = {}
    for arm in request.arms:
        arm_id, features = arm.arm_id, arm.features
        if arm_id in arms:
            raise _arm_repeated(arm_id)
        arms[arm_id] = features if len(features) else _NONE
    return arms


def from_ranking(
    request: policy_service_pb2.RankRequest,
    arms: Mapping[str, Mapping[str, float]],
    excluded: Collection[str],
    ranking: Ranking,
    *,
    arm_id: str,
    decision_id: str,
    principal_id: str,
    version: int,
    now: datetime,
    reward_window: timedelta,
) -> policy_service_pb2.RankResponse:
    """The answer to a request with its decision as it is made."""
    response = policy_service_pb2.RankResponse(
        decision=decision_pb2.Decision(
            decision_id=decision_id,
            policy_id=request.policy_id,
            policy_version=version,
            principal_id=principal_id,
            session_id=request.session_id,
            arm_id=arm_id,
            state=decision_pb2.DECISION_STATE_OPEN,
            create_time=_timestamp(now),
            expire_time=_timestamp(now + reward_window),
        )
    )
    # Filled where it is sent from: a message is copied into the one it is put in.
    decision = response.decision
    # Maps are merged, not passed: a message made of another's map reads it item by item.
    decision.context.MergeFrom(request.context)
    add = decision.arms.add
    scored = zip(arms.items(), ranking.probabilities, ranking.scores, strict=True)
    for (name, features), probability, score in scored:
        arm = add()
        arm.arm_id = name
        arm.probability = probability
        arm.score = score
        if features:
            arm.features.MergeFrom(features)  # type: ignore[arg-type]  # the request's own map
        if name in excluded:
            arm.excluded = True
    return response


def from_stored(stored: StoredDecision) -> decision_pb2.Decision:
    """A decision, and what became of it."""
    decision = decision_pb2.Decision.FromString(stored.body)
    if stored.is_expired:
        decision.state = decision_pb2.DECISION_STATE_EXPIRED
    decision.reward = stored.reward or 0.0
    decision.rewards.extend(
        decision_pb2.SourceReward(
            source=one.source,
            value=one.value,
            report_time=_timestamp(one.report_time),
            learned=one.is_learned,
        )
        for one in stored.rewards
    )
    return decision


def from_policy(
    policy_id: str, knowledge: Knowledge, figures: Sequence[ArmFigures]
) -> policy_pb2.Policy:
    """A policy and what it has learned."""
    settings = knowledge.settings
    return policy_pb2.Policy(
        policy_id=policy_id,
        algorithm=policy_pb2.ALGORITHM_LINUCB_DISJOINT,
        context_features=settings.context_features,
        arm_features=settings.arm_features,
        alpha=settings.alpha,
        exploration_floor=settings.exploration_floor,
        ridge=settings.ridge,
        half_life=_duration(settings.half_life) if settings.half_life else None,
        reward_window=_duration(settings.reward_window),
        default_reward=settings.default_reward,
        version=knowledge.version,
        arms=[_arm(arm) for arm in figures],
        update_time=_timestamp(knowledge.update_time),
    )


def to_settings(policy: policy_pb2.Policy, defaults: PolicySettings) -> PolicySettings:
    """The settings a policy asks for; what it leaves unset is as in the defaults."""
    window = policy.reward_window.ToTimedelta() if policy.HasField("reward_window") else None
    return PolicySettings(
        context_features=tuple(policy.context_features),
        arm_features=tuple(policy.arm_features),
        alpha=policy.alpha if policy.HasField("alpha") else defaults.alpha,
        exploration_floor=policy.exploration_floor
        if policy.HasField("exploration_floor")
        else defaults.exploration_floor,
        ridge=policy.ridge if policy.HasField("ridge") else defaults.ridge,
        half_life=policy.half_life.ToTimedelta() if policy.HasField("half_life") else None,
        reward_window=window or defaults.reward_window,
        default_reward=policy.default_reward,
    )


def policy_not_found(policy_id: str) -> Failure:
    """The tenant has no such policy."""
    return not_found("POLICY_NOT_FOUND", "There is no such policy.", policy_id=policy_id)


def decision_not_found(decision_id: str) -> Failure:
    """There is no such decision, or not for this caller."""
    return not_found("DECISION_NOT_FOUND", "There is no such decision.", decision_id=decision_id)


def features_fixed(policy_id: str) -> Failure:
    """The policy's features are what its caller sends; without them nobody could be chosen."""
    problem = "are fixed: leave both lists of features empty, or as they are"
    return invalid(
        "INVALID_FIELD",
        f"The features of policy {policy_id} {problem}.",
        (FieldProblem("policy.context_features", problem),),
        field="policy.context_features",
    )


def feature_unknown(feature: str) -> Failure:
    """The policy has no feature of that name."""
    return invalid("FEATURE_UNKNOWN", "The policy has no such feature.", feature=feature)


def no_eligible_arm(policy_id: str) -> Failure:
    """Every arm is excluded."""
    problem = FieldProblem("excluded_arm_ids", "leave at least one arm")
    return invalid("NO_ELIGIBLE_ARM", "Every arm is excluded.", [problem], policy_id=policy_id)


def _arm_repeated(arm_id: str) -> Failure:
    """An arm is named twice."""
    problem = FieldProblem("arms", f"{arm_id} is there twice")
    return invalid("INVALID_FIELD", "An arm can be named once.", [problem], field="arms")


def _arm(arm: ArmFigures) -> policy_pb2.ArmStatistics:
    return policy_pb2.ArmStatistics(
        arm_id=arm.arm_id,
        decisions=arm.decisions,
        learned=arm.learned,
        mean_reward=arm.mean_reward,
        recent_share=arm.recent_share,
        recent_reward=arm.recent_reward,
        last_choice_time=_timestamp(arm.last_choice_time) if arm.last_choice_time else None,
    )


def _timestamp(moment: datetime) -> Timestamp:
    # FromDatetime takes ten times as long.
    seconds = int((moment - _EPOCH) // _SECOND)
    return Timestamp(seconds=seconds, nanos=moment.microsecond * 1000)


def _duration(span: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(span)
    return duration
