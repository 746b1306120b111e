"""What learning makes of a tenant's events, read one after another by one reader."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from uuid import UUID

from services.chassis.data.postgres import Connection
from services.learning.events import READ, TENANT, read
from services.learning.evidence import Observation, gathered, observed
from services.learning.facts import Subject
from services.learning.recommendations import Recommendation, prevails
from services.learning.rows import to_recommendation, to_trust
from services.learning.tallies import Counts, TallyKey, changes
from services.learning.trust import TrustPolicy
from tests.support.loop import TOLERANCE, Logged


@dataclass(slots=True)
class Pupil:
    """A learner without a database.

    Attributes:
        known: recommendations with the outcomes that count.
        tallies: counts.
    """

    known: dict[UUID, Recommendation] = field(default_factory=dict)
    tallies: dict[TallyKey, Counts] = field(default_factory=lambda: defaultdict(Counts))

    def learn(self, events: Iterable[Logged]) -> "Pupil":
        """Learns from events in their order."""
        for event in events:
            told = read(event.type, event.payload) if event.type in READ - {TENANT} else None
            if isinstance(told, Recommendation):
                if told.recommendation_id not in self.known:
                    self._replace(None, told)
            elif told is not None:
                for before in [*self._about(told.subject)]:
                    outcome = told.says_of(before)
                    if prevails(before, outcome):
                        self._replace(before, replace(before, outcome=outcome))
        return self

    def observations(self, agent_id: str) -> Iterator[Observation]:
        """The outcomes of an agent that count."""
        for one in self.known.values():
            outcome = observed(one, TrustPolicy().timely)
            if one.agent_id == agent_id and outcome:
                yield outcome

    def _replace(self, before: Recommendation | None, after: Recommendation) -> None:
        self.known[after.recommendation_id] = after
        for key, counts in changes([(before, after)]).items():
            self.tallies[key] += counts

    def _about(self, subject: Subject) -> Iterator[Recommendation]:
        for one in self.known.values():
            is_of_decision = one.decision_id == subject.decision_id
            if one.recommendation_id in subject.recommendation_ids or (
                is_of_decision and (one.decision_id or one.session_id == subject.session_id)
            ):
                yield one


async def assert_learning_equals_its_replay(
    connection: Connection, tenant_id: UUID, log: Sequence[Logged]
) -> int:
    """Recommendations, counts and evidence are those of the log; how many outcomes there are."""
    pupil = Pupil().learn(log)
    assert await _recommendations(connection, tenant_id) == pupil.known
    assert await _tallies(connection, tenant_id) == pupil.tallies
    agents = await connection.fetch("SELECT * FROM learning.trust WHERE tenant_id = $1", tenant_id)
    trusted = [to_trust(row) for row in agents]
    assert {one.agent_id for one in trusted} == {one.agent_id for one in pupil.known.values()}
    outcomes = 0
    for agent in trusted:
        seen = [*pupil.observations(agent.agent_id)]
        expected = gathered(agent.evidence.as_of, seen, TrustPolicy().half_life)
        # Sums that cancel out are as exact as the count is.
        scale = expected.count or 1.0
        pairs = zip(astuple(agent.evidence)[1:], astuple(expected)[1:], strict=True)
        assert max(abs(found - wanted) / scale for found, wanted in pairs) <= TOLERANCE
        outcomes += len(seen)
    return outcomes


async def _recommendations(
    connection: Connection, tenant_id: UUID
) -> Mapping[UUID, Recommendation]:
    rows = await connection.fetch(
        "SELECT * FROM learning.recommendations WHERE tenant_id = $1", tenant_id
    )
    return {row["recommendation_id"]: to_recommendation(row) for row in rows}


async def _tallies(connection: Connection, tenant_id: UUID) -> Mapping[TallyKey, Counts]:
    rows = await connection.fetch(
        "SELECT day, agent_id, subject, is_confident, recommendations, outcomes, successes"
        " FROM learning.tallies WHERE tenant_id = $1",
        tenant_id,
    )
    return {TallyKey(*row[:4]): Counts(*row[4:]) for row in map(tuple, rows)}
