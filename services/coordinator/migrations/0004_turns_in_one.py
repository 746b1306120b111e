"""A turn begins, reaches an effect and ends in one statement each.

The functions do what the statements of a transaction did one by one: each of those is a round trip,
and a coordinator is mostly busy with those.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

# No row if there is no such session of this principal. An epoch of NULL, and nothing written, if
# the message came before, or another is being answered or was left unfinished. Else the caller is
# the session's one writer for `p_term` seconds.
BEGIN_TURN_V1 = """
CREATE FUNCTION coordinator.begin_turn_v1(
    p_tenant uuid, p_session uuid, p_principal text, p_request text, p_text text, p_turn uuid,
    p_now timestamptz, p_term double precision, p_recent integer
)
RETURNS TABLE (
    epoch bigint, ordinal bigint, cart jsonb, dialogue jsonb, came_before boolean, recent json
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    held record;
    before json;
    latest bigint;
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true),
            set_config('lock_timeout', '2s', true);

    SELECT s.cart, s.dialogue, s.agent_id, s.lease_epoch,
           coalesce(s.lease_expire_time > clock_timestamp(), false) AS leased
    INTO held
    FROM coordinator.sessions s
    WHERE s.tenant_id = p_tenant AND s.session_id = p_session AND s.principal_id = p_principal
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    IF held.leased OR EXISTS (
        SELECT 1
        FROM coordinator.turns t
        WHERE t.tenant_id = p_tenant AND t.session_id = p_session
          AND (t.state = 1 OR t.checkpoint IS NOT NULL)
    ) OR EXISTS (
        SELECT 1
        FROM coordinator.turns t
        WHERE t.tenant_id = p_tenant AND t.session_id = p_session AND t.request_id = p_request
    ) THEN
        RETURN QUERY SELECT NULL::bigint, NULL::bigint, NULL::jsonb, NULL::jsonb, NULL::boolean,
                            NULL::json;
        RETURN;
    END IF;

    SELECT coalesce(max(t.ordinal), 0),
           coalesce(json_agg(json_build_object(
               'ordinal', t.ordinal, 'user_text', t.user_text, 'answer', t.answer,
               'state', t.state, 'read_back', t.read_back
           ) ORDER BY t.ordinal DESC), '[]')
    INTO latest, before
    FROM (
        SELECT n.ordinal, n.user_text, n.answer, n.state, n.read_back
        FROM coordinator.turns n
        WHERE n.tenant_id = p_tenant AND n.session_id = p_session AND n.principal_id = p_principal
        ORDER BY n.ordinal DESC
        LIMIT p_recent
    ) t;

    UPDATE coordinator.sessions s
    SET lease_epoch = held.lease_epoch + 1,
        lease_expire_time = clock_timestamp() + make_interval(secs => p_term)
    WHERE s.tenant_id = p_tenant AND s.session_id = p_session;

    INSERT INTO coordinator.turns (
        tenant_id, session_id, ordinal, turn_id, principal_id, request_id, user_text, state, cart,
        create_time, update_time
    )
    VALUES (
        p_tenant, p_session, latest + 1, p_turn, p_principal, p_request, p_text, 1, held.cart,
        p_now, p_now
    );

    RETURN QUERY SELECT held.lease_epoch + 1, latest + 1, held.cart, held.dialogue,
        held.agent_id = '' AND EXISTS (
            SELECT 1
            FROM coordinator.sessions o
            WHERE o.tenant_id = p_tenant AND o.principal_id = p_principal
              AND o.session_id < p_session
        ), before;
END $$;
"""

# False if another process holds the session: then nothing is written.
FINISH_TURN_V1 = """
CREATE FUNCTION coordinator.finish_turn_v1(
    p_tenant uuid, p_session uuid, p_principal text, p_epoch bigint, p_turn uuid, p_now timestamptz,
    p_cart jsonb, p_dialogue jsonb, p_text text, p_order jsonb, p_usage jsonb, p_read_back text,
    p_decision text, p_agent text, p_citations jsonb, p_recommendations text[],
    p_partition smallint, p_events uuid[], p_event_type text, p_aggregate text, p_payloads bytea[]
)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true),
            set_config('lock_timeout', '2s', true);

    UPDATE coordinator.sessions
    SET cart = p_cart, dialogue = p_dialogue, update_time = p_now, decision_id = p_decision,
        agent_id = p_agent, lease_expire_time = NULL
    WHERE tenant_id = p_tenant AND session_id = p_session AND principal_id = p_principal
      AND lease_epoch = p_epoch;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    UPDATE coordinator.turns
    SET state = 2, answer = p_text, cart = p_cart, placed_order = p_order, usage = p_usage,
        read_back = p_read_back, checkpoint = NULL, update_time = p_now, decision_id = p_decision,
        agent_id = p_agent, citations = p_citations, recommendation_ids = p_recommendations
    WHERE tenant_id = p_tenant AND session_id = p_session AND principal_id = p_principal
      AND turn_id = p_turn;

    -- Most turns recommend nothing, and then it is one statement less.
    IF cardinality(p_events) > 0 THEN
        INSERT INTO events.outbox (
            partition, event_id, tenant_id, type, aggregate_id, principal_id, payload
        )
        SELECT p_partition, event.event_id, p_tenant, p_event_type, p_aggregate, p_principal,
               event.payload
        FROM unnest(p_events, p_payloads) WITH ORDINALITY AS event (event_id, payload, position)
        ORDER BY event.position;
    END IF;
    RETURN true;
END $$;
"""

# The attempt of the call, from 1; NULL if another process holds the session.
BEGIN_EFFECT_V1 = """
CREATE FUNCTION coordinator.begin_effect_v1(
    p_tenant uuid, p_session uuid, p_principal text, p_epoch bigint, p_turn uuid, p_now timestamptz,
    p_checkpoint jsonb, p_order jsonb, p_node text, p_ordinal integer, p_tool_call text,
    p_tool text, p_arguments text
)
RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    attempt integer;
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true),
            set_config('lock_timeout', '2s', true);

    PERFORM 1
    FROM coordinator.sessions
    WHERE tenant_id = p_tenant AND session_id = p_session AND principal_id = p_principal
      AND lease_epoch = p_epoch
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    UPDATE coordinator.turns
    SET checkpoint = p_checkpoint, placed_order = p_order, update_time = p_now
    WHERE tenant_id = p_tenant AND session_id = p_session AND principal_id = p_principal
      AND turn_id = p_turn;

    INSERT INTO coordinator.tool_calls (
        tenant_id, run_id, node_id, ordinal, session_id, principal_id, tool_call_id, tool,
        arguments, create_time, update_time
    )
    VALUES (
        p_tenant, p_turn, p_node, p_ordinal, p_session, p_principal, p_tool_call, p_tool,
        p_arguments, p_now, p_now
    )
    ON CONFLICT (tenant_id, run_id, node_id, ordinal)
    DO UPDATE SET attempts = tool_calls.attempts + 1, update_time = excluded.update_time
    RETURNING attempts INTO attempt;
    RETURN attempt;
END $$;
"""

# False if another process holds the session: then nothing is written.
RECORD_EFFECT_V1 = """
CREATE FUNCTION coordinator.record_effect_v1(
    p_tenant uuid, p_session uuid, p_principal text, p_epoch bigint, p_turn uuid, p_now timestamptz,
    p_cart jsonb, p_dialogue jsonb, p_decision text, p_agent text, p_checkpoint jsonb,
    p_order jsonb, p_node text, p_ordinal integer, p_ok boolean
)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true),
            set_config('lock_timeout', '2s', true);

    UPDATE coordinator.sessions
    SET cart = p_cart, dialogue = p_dialogue, update_time = p_now, decision_id = p_decision,
        agent_id = p_agent
    WHERE tenant_id = p_tenant AND session_id = p_session AND principal_id = p_principal
      AND lease_epoch = p_epoch;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    UPDATE coordinator.turns
    SET checkpoint = p_checkpoint, placed_order = p_order, update_time = p_now
    WHERE tenant_id = p_tenant AND session_id = p_session AND principal_id = p_principal
      AND turn_id = p_turn;

    UPDATE coordinator.tool_calls
    SET ok = p_ok, update_time = p_now
    WHERE tenant_id = p_tenant AND run_id = p_turn AND node_id = p_node AND ordinal = p_ordinal
      AND session_id = p_session AND principal_id = p_principal;
    RETURN true;
END $$;
"""


def upgrade() -> None:
    for function in (BEGIN_TURN_V1, FINISH_TURN_V1, BEGIN_EFFECT_V1, RECORD_EFFECT_V1):
        op.execute(function)
