"""What is sent when: subscriptions, the schedule, the breaker, and what an attempt leads to."""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from services.orders.config import OrdersConfig
from services.orders.webhooks.breaker import BreakerState, failed, slots, state, succeeded
from services.orders.webhooks.delivery import (
    Answer,
    Delivery,
    DeliveryStatus,
    Outcome,
    outcome_of,
    text_of,
)
from services.orders.webhooks.events import KNOWN, TEST, TYPES
from services.orders.webhooks.schedule import Schedule, retry_after
from services.orders.webhooks.sealing import SealBroken, Seals
from services.orders.webhooks.settling import (
    Policy,
    Verdict,
    admit,
    begun,
    disabled,
    enabled,
    judged,
    retried,
    settled,
)
from services.orders.webhooks.signing import shown, signed
from services.orders.webhooks.webhook import (
    DisableReason,
    Health,
    Secrets,
    Terms,
    Thresholds,
    Webhook,
    wants,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
S = timedelta(seconds=1)
THRESHOLDS = Thresholds(3, 60 * S)
POLICY = Policy(
    schedule=Schedule((5 * S, 300 * S)),
    thresholds=THRESHOLDS,
    most_at_once=4,
    lease=30 * S,
    disable_after=timedelta(days=5),
)
WEBHOOK = Webhook(
    webhook_id=UUID(int=1),
    terms=Terms("https://example.com/", ("*",)),
    secrets=Secrets(b"sealed"),
    create_time=NOW,
    update_time=NOW,
)
WAITING = Delivery(
    delivery_id=UUID(int=2),
    webhook_id=UUID(int=1),
    event_id="evt_1",
    event_type="maitred.order.v1",
    status=DeliveryStatus.WAITING,
    create_time=NOW,
    expire_time=NOW + timedelta(days=30),
    next_attempt_time=NOW,
)
SENDING = begun(WAITING, POLICY, NOW)


def answer(outcome: Outcome, status_code: int = 0, retry: str = "") -> Answer:
    return Answer(outcome, S, status_code=status_code, retry_after=retry)


FAILURE = answer(Outcome.REJECTED, 500)
SUCCESS = answer(Outcome.DELIVERED, 204)


@pytest.mark.parametrize(
    ("pattern", "is_wanted"),
    [
        ("*", True),
        ("maitred.order.v1", True),
        ("maitred.order.*", True),
        ("maitred.*", True),
        ("maitred.order", False),
        ("maitred.order.v", False),
        ("maitred.ord.*", False),
        ("maitred.order.v1.*", False),
        ("maitred.session.v1", False),
    ],
)
def test_an_endpoint_gets_the_types_its_patterns_cover(pattern: str, is_wanted: bool) -> None:
    assert wants([pattern], "maitred.order.v1") is is_wanted
    assert wants(["maitred.trust.v1", pattern], "maitred.order.v1") is is_wanted


def test_endpoints_may_be_sent_every_event_of_the_contracts_and_no_other() -> None:
    contracts = Path(__file__).parents[3] / "protos" / "maitred" / "events" / "v1"
    told = {
        name
        for path in contracts.glob("*.proto")
        for name in re.findall(r"Data of CloudEvents type `([\w.]+)`", path.read_text())
    }
    assert told == KNOWN == TYPES | {TEST}


def test_the_default_schedule_is_that_of_standard_webhooks() -> None:
    schedule = Schedule.parse(OrdersConfig().webhook_retry_waits_s)
    waits = [schedule.wait(tries, 0.5) for tries in range(1, 11)]
    hours = [timedelta(hours=count) for count in (2, 5, 10, 14, 20, 24)]
    assert waits == [5 * S, 300 * S, 1800 * S, *hours, None]


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.8), (0.5, 1.0), (0.999999, 1.2)])
def test_a_wait_is_off_by_a_fifth_at_most(chance: float, share: float) -> None:
    wait = Schedule((100 * S,)).wait(1, chance)
    assert wait is not None
    assert wait.total_seconds() == pytest.approx(100 * share, rel=1e-5)


def test_an_empty_schedule_tries_once() -> None:
    assert Schedule.parse("").wait(1, 0.5) is None


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("120", NOW + 120 * S),
        (" 0 ", NOW),
        ("86401", NOW + timedelta(hours=24)),
        ("9" * 400, NOW + timedelta(hours=24)),
        ("Sun, 01 Mar 2026 12:02:00 GMT", NOW + 120 * S),
        ("Sunday, 01-Mar-26 12:02:00 GMT", NOW + 120 * S),
        ("Sun Mar  1 12:02:00 2026", NOW + 120 * S),
        ("Tue, 03 Mar 2026 12:00:00 GMT", NOW + timedelta(hours=24)),
        ("Sun, 01 Mar 2026 11:00:00 GMT", NOW - timedelta(hours=1)),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("\u0661", None),
    ],
)
def test_a_receiver_may_ask_for_time(header: str, moment: datetime | None) -> None:
    assert retry_after(header, NOW) == moment


def test_failures_open_the_breaker_and_time_half_opens_it() -> None:
    health = Health()
    for _ in range(2):
        health = failed(health, THRESHOLDS, NOW)
        assert state(health, THRESHOLDS, NOW) is BreakerState.CLOSED
    health = failed(health, THRESHOLDS, NOW)
    assert state(health, THRESHOLDS, NOW + 59 * S) is BreakerState.OPEN
    assert state(health, THRESHOLDS, NOW + 60 * S) is BreakerState.HALF_OPEN
    health = failed(health, THRESHOLDS, NOW + 61 * S)
    assert state(health, THRESHOLDS, NOW + 120 * S) is BreakerState.OPEN
    assert health.failing_since == NOW
    assert state(succeeded(), THRESHOLDS, NOW) is BreakerState.CLOSED


def test_an_open_breaker_lets_nobody_through_and_a_half_open_one_a_single_attempt() -> None:
    assert [slots(at, 4) for at in BreakerState] == [4, 1, 0]


@pytest.mark.parametrize("own", [Terms("", (), "", 1, 5), Terms("", (), "", 1, 0)])
def test_an_owner_may_set_thresholds(own: Terms) -> None:
    assert own.thresholds(THRESHOLDS) == Thresholds(1, 5 * S if own.open_seconds else 60 * S)


@pytest.mark.parametrize(
    ("status_code", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (299, Outcome.DELIVERED),
        (301, Outcome.REDIRECTED),
        (304, Outcome.REDIRECTED),
        (400, Outcome.REJECTED),
        (410, Outcome.GONE),
        (500, Outcome.REJECTED),
        (101, Outcome.REJECTED),
    ],
)
def test_only_2xx_is_success(status_code: int, outcome: Outcome) -> None:
    assert outcome_of(status_code) is outcome


def test_a_due_delivery_goes() -> None:
    assert admit(WEBHOOK, WAITING, 1, 3, POLICY, NOW).verdict is Verdict.GO


@pytest.mark.parametrize("number", [0, 2])
def test_a_job_for_another_attempt_is_over(number: int) -> None:
    assert admit(WEBHOOK, WAITING, number, 0, POLICY, NOW).verdict is Verdict.OVER


@pytest.mark.parametrize("status", [DeliveryStatus.DELIVERED, DeliveryStatus.FAILED])
def test_a_job_of_what_is_done_is_over(status: DeliveryStatus) -> None:
    assert (
        admit(WEBHOOK, replace(WAITING, status=status), 1, 0, POLICY, NOW).verdict is Verdict.OVER
    )


def test_a_job_that_comes_early_comes_again() -> None:
    early = admit(WEBHOOK, WAITING, 1, 0, POLICY, NOW - S)
    assert (early.verdict, early.at) == (Verdict.LATER, NOW)


def test_whoever_takes_a_lost_attempt_over_waits_for_its_lease() -> None:
    waits = admit(WEBHOOK, SENDING, 1, 0, POLICY, NOW + 29 * S)
    assert (waits.verdict, waits.at) == (Verdict.LATER, NOW + 30 * S)
    assert admit(WEBHOOK, SENDING, 1, 0, POLICY, NOW + 30 * S).verdict is Verdict.GO
    assert admit(WEBHOOK, SENDING, 2, 0, POLICY, NOW + 30 * S).verdict is Verdict.OVER


@pytest.mark.parametrize(
    ("webhook", "busy"),
    [
        (WEBHOOK, 4),
        (disabled(WEBHOOK, DisableReason.OWNER, NOW), 0),
        (replace(WEBHOOK, health=Health(3, NOW + S, NOW)), 0),
        (replace(WEBHOOK, health=Health(3, NOW - S, NOW)), 1),
    ],
    ids=["full", "disabled", "open", "half-open"],
)
def test_a_delivery_without_a_place_is_parked(webhook: Webhook, busy: int) -> None:
    assert admit(webhook, WAITING, 1, busy, POLICY, NOW).verdict is Verdict.PARK


def test_who_was_woken_by_a_clock_that_is_ahead_waits_for_the_breaker() -> None:
    opens = replace(WEBHOOK, health=Health(3, NOW + S / 100, NOW), wake_time=NOW + S / 100)
    early = admit(opens, WAITING, 1, 0, POLICY, NOW)
    assert (early.verdict, early.at) == (Verdict.LATER, NOW + S / 100)
    assert admit(opens, WAITING, 1, 0, POLICY, NOW + S / 100).verdict is Verdict.GO


def test_a_success_is_the_end() -> None:
    done = settled(SENDING, SUCCESS, POLICY, NOW, 0.5)
    assert (done.status, done.finish_time, done.last_status_code) == (
        DeliveryStatus.DELIVERED,
        NOW,
        204,
    )
    assert (done.next_attempt_time, done.lease_time) == (None, None)


def test_failures_are_tried_again_until_the_schedule_ends() -> None:
    delivery, waits = WAITING, []
    for _ in range(3):
        delivery = settled(begun(delivery, POLICY, NOW), FAILURE, POLICY, NOW, 0.5)
        waits.append(delivery.next_attempt_time)
    assert waits == [NOW + 5 * S, NOW + 300 * S, None]
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.FAILED, 3)


@pytest.mark.parametrize(("asked", "waits"), [("60", 60 * S), ("1", 5 * S), ("never", 5 * S)])
def test_a_receiver_may_put_off_the_next_attempt_but_not_hasten_it(
    asked: str, waits: timedelta
) -> None:
    busy = answer(Outcome.REJECTED, 503, asked)
    assert settled(SENDING, busy, POLICY, NOW, 0.5).next_attempt_time == NOW + waits


def test_gone_ends_the_delivery_and_the_endpoint() -> None:
    gone = answer(Outcome.GONE, 410)
    assert settled(SENDING, gone, POLICY, NOW, 0.5).status is DeliveryStatus.FAILED
    assert judged(WEBHOOK, gone, POLICY, NOW).disable_reason is DisableReason.GONE


def test_failing_for_too_long_disables_an_endpoint() -> None:
    webhook = judged(WEBHOOK, FAILURE, POLICY, NOW)
    almost = judged(webhook, FAILURE, POLICY, NOW + timedelta(days=5) - S)
    assert almost.is_enabled
    assert judged(almost, FAILURE, POLICY, NOW + timedelta(days=5)).disable_reason is (
        DisableReason.FAILING
    )
    never = replace(POLICY, disable_after=timedelta())
    assert judged(almost, FAILURE, never, NOW + timedelta(days=50)).is_enabled
    well = judged(almost, SUCCESS, POLICY, NOW)
    assert judged(well, FAILURE, POLICY, NOW + timedelta(days=9)).is_enabled


def test_enabling_forgets_the_past_and_disabling_twice_changes_nothing() -> None:
    webhook = disabled(judged(WEBHOOK, FAILURE, POLICY, NOW), DisableReason.GONE, NOW)
    assert disabled(webhook, DisableReason.OWNER, NOW + S) == webhook
    assert enabled(webhook) == WEBHOOK


def test_a_retry_by_hand_begins_the_schedule_anew_and_goes_on_counting() -> None:
    given_up = settled(replace(SENDING, tries=3, attempts=3), FAILURE, POLICY, NOW, 0.5)
    again = retried(given_up, NOW + S)
    assert (again.status, again.tries, again.attempts) == (DeliveryStatus.WAITING, 0, 3)
    assert admit(WEBHOOK, again, 4, 0, POLICY, NOW + S).verdict is Verdict.GO


def test_an_answer_is_kept_in_part_and_as_text() -> None:
    assert text_of(b"a\0b\xff" + b"c" * 2000) == "a\ufffdb\ufffd" + "c" * 1020


def test_a_signature_is_what_the_specification_says() -> None:
    secret, body = bytes(range(32)), '{"say":"caffè"}'.encode()
    headers = signed("evt_1", body, [secret], NOW)
    digest = hmac.digest(secret, b"evt_1.1772366400." + body, "sha256")
    assert headers == {
        "webhook-id": "evt_1",
        "webhook-timestamp": "1772366400",
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def test_both_secrets_verify_while_they_overlap_and_nothing_else_does() -> None:
    now, body = datetime.now(UTC), json.dumps({"a": 1}).encode()
    new, old = hashlib.sha256(b"new").digest(), hashlib.sha256(b"old").digest()
    headers = dict(signed("evt_1", body, [new, old], now))
    assert Receiver(shown(new)).verify(body, headers) == {"a": 1}
    assert Receiver(shown(old)).verify(body, headers) == {"a": 1}
    with pytest.raises(WebhookVerificationError):
        Receiver(shown(bytes(32))).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Receiver(shown(new)).verify(body + b" ", headers)


def test_the_old_secret_signs_until_its_time() -> None:
    secrets = Secrets(b"new", b"old", NOW)
    assert secrets.at(NOW - S) == (b"new", b"old")
    assert secrets.at(NOW) == (b"new",)


def test_a_seal_is_opened_by_its_secret_for_its_owner_alone() -> None:
    old, new = Seals(["one"], bytes), Seals(["two", "one"], bytes)
    sealed = old.seal(b"secret", b"owner")
    assert b"secret" not in sealed
    assert new.open(sealed, b"owner") == b"secret"
    for seals, text, owner in (
        (Seals(["two"], bytes), sealed, b"owner"),
        (old, sealed, b"somebody"),
        (old, sealed[:-1], b"owner"),
        (old, b"", b"owner"),
        (old, new.seal(b"secret", b"owner"), b"owner"),
    ):
        with pytest.raises(SealBroken):
            seals.open(text, owner)


def test_nothing_is_sealed_without_a_secret() -> None:
    with pytest.raises(ValueError, match="MAITRED_ORDERS_SEALING_KEY"):
        Seals([""], bytes)
