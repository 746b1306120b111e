"""The books of the demo's loop find what does not agree, whichever account is wrong."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest

from services.assembly.demo.books import Account, LoopVisit, Standing
from services.assembly.demo.guests import Guest, Mood
from services.assembly.demo.shift import rows, shift_problems
from services.assembly.demo.talk import Talk

ARMS = ("host@1+p@1+m", "seller@1+p@1+m")


def visit(number: int, stars: tuple[int, ...]) -> LoopVisit:
    """A guest who ordered a latte and rated so."""
    talk = Talk(Guest(number, Mood.HURRIED, (), "Latte", "latte"), {"latte": "Latte"})
    talk.next()
    line = {"product_id": "latte", "quantity": 1}
    talk.hear({"text": "Placed.", "order": {"order_id": f"ord_{number}", "lines": [line]}})
    ratings: list[Mapping[str, Any]] = [
        {"rating": one, "decision_id": f"dec_{number}"} for one in stars
    ]
    return LoopVisit(talk, f"ses_{number}", {f"dec_{number}"}, ratings)


def decision(number: int, arm: str, stars: tuple[int, ...]) -> dict[str, Any]:
    """The decision behind that guest."""
    rewards: list[dict[str, Any]] = [{"source": "order", "value": 0.25, "learned": True}]
    if stars:
        value = (stars[-1] - 3) / 2
        rewards.append({"source": "rating", "value": value, "learned": True})
    return {
        "decision_id": f"dec_{number}",
        "arm_id": arm,
        "arms": [{"arm_id": one, "probability": 0.5} for one in ARMS],
        "rewards": rewards,
        "reward": max(-1.0, min(1.0, sum(one["value"] for one in rewards))),
    }


def good(stars: list[tuple[int, ...]], arms: list[str]) -> Account:
    """An account in which everything agrees."""
    account = Account()
    for number, (given, arm) in enumerate(zip(stars, arms, strict=True)):
        account.visits.append(visit(number, given))
        account.decisions[f"dec_{number}"] = decision(number, arm, given)
        about = {"session_id": f"ses_{number}", "decision_id": f"dec_{number}"}
        account.feedback += [about | {"rating": one} for one in given]
        account.orders.append(about | {"order_id": f"ord_{number}", "status": "placed"})
    account.looked_up = deepcopy(account.decisions)
    account.recommendations = [
        {
            "decision_id": f"dec_{number}",
            "kind": "serve",
            "outcome": (given[-1] - 1) / 4,
            "outcome_source": "rating",
        }
        for number, given in enumerate(stars)
        if given
    ]
    account.end = Standing(policy={"arms": [_statistics(account, arm) for arm in set(arms)]})
    return account


def _statistics(account: Account, arm: str) -> dict[str, Any]:
    rewards = [one["reward"] for one in account.decisions.values() if one["arm_id"] == arm]
    count, mean = str(len(rewards)), sum(rewards) / len(rewards)
    return {"arm_id": arm, "decisions": count, "learned": count, "mean_reward": mean}


def few() -> Account:
    return good([(5,), (2, 4), (), (1,)], [ARMS[0], ARMS[0], ARMS[1], ARMS[1]])


def test_accounts_that_agree_are_no_problem() -> None:
    assert list(few().problems()) == []


def _rated_by_the_first(account: Account) -> None:
    account.decisions["dec_1"]["rewards"][1]["value"] = -0.5


def _rewarded_twice(account: Account) -> None:
    rewards = account.decisions["dec_0"]["rewards"]
    rewards.append(dict(rewards[1]))


def _not_learned(account: Account) -> None:
    account.decisions["dec_0"]["rewards"][0]["learned"] = False


def _not_clipped(account: Account) -> None:
    account.decisions["dec_0"]["reward"] = 1.25  # type: ignore[index]


def _rewarded_for_nothing(account: Account) -> None:
    account.decisions["dec_2"]["rewards"].append(
        {"source": "rating", "value": 0.0, "learned": True}
    )


def _unlikely(account: Account) -> None:
    account.decisions["dec_0"]["arms"][1]["probability"] = 0.4


def _impossible(account: Account) -> None:
    for one, chance in zip(account.decisions["dec_0"]["arms"], (0.0, 1.0), strict=True):
        one["probability"] = chance


def _missing(account: Account) -> None:
    del account.decisions["dec_3"]


def _told_otherwise(account: Account) -> None:
    account.looked_up["dec_3"]["arm_id"] = ARMS[0]  # type: ignore[index]


def _heard_once(account: Account) -> None:
    del account.feedback[1]


def _heard_without_decision(account: Account) -> None:
    account.orders[0] = {**account.orders[0], "decision_id": ""}


def _heard_again(account: Account) -> None:
    account.repeats = 1


def _taken_otherwise(account: Account) -> None:
    account.recommendations = account.recommendations[1:]


def _counted_twice(account: Account) -> None:
    account.end.policy["arms"][0]["learned"] = "3"


def _meant_otherwise(account: Account) -> None:
    account.visits[0].talk.wants["cookie"] = 1


def _passed_around(account: Account) -> None:
    account.visits[0].decision_ids.add("dec_")


@pytest.mark.parametrize(
    "spoil",
    [
        _rated_by_the_first,
        _rewarded_twice,
        _not_learned,
        _not_clipped,
        _rewarded_for_nothing,
        _unlikely,
        _impossible,
        _missing,
        _told_otherwise,
        _heard_once,
        _heard_without_decision,
        _heard_again,
        _taken_otherwise,
        _counted_twice,
        _meant_otherwise,
        _passed_around,
    ],
)
def test_an_account_that_is_wrong_is_told(spoil: Callable[[Account], None]) -> None:
    account = few()
    spoil(account)

    assert list(account.problems()) != []


def trust(overall: float) -> dict[str, Any]:
    return {"overall": overall, "low": overall - 0.1, "high": overall + 0.1}


def shifted(share_after: float, trust_after: float, kind: str = "trust_fell") -> Account:
    """A loop in which the seller served 60 % of 40 guests, then so many of 40."""
    later = round(40 * share_after)
    arms = [ARMS[1]] * 24 + [ARMS[0]] * 16 + [ARMS[1], ARMS[0]] * 10
    arms += ([ARMS[1]] * later + [ARMS[0]] * 40)[:20]
    account = good([(5,)] * 80, arms)
    account.half = Standing({"host": trust(0.7), "seller": trust(0.7)})
    insights = [{"kind": kind, "agent_id": "seller", "text": "…"}]
    policy = account.end.policy
    account.end = Standing({"host": trust(0.8), "seller": trust(trust_after)}, policy, insights)
    return account


def test_a_shift_is_told_by_half_and_last_quarter() -> None:
    account = shifted(0.05, 0.5)
    host, seller = rows(account)

    assert list(shift_problems(account, "seller")) == []
    assert (seller.first.share, seller.last.share) == (0.6, 0.1)
    assert (host.first.share, host.last.share) == (0.4, 0.9)
    assert seller.first.reward == 1.0


@pytest.mark.parametrize(
    "account",
    [shifted(0.3, 0.5), shifted(0.05, 0.68), shifted(0.05, 0.5, "trust_rose"), Account()],
    ids=["share stays", "trust stays", "no insight", "nothing"],
)
def test_what_did_not_shift_is_a_problem(account: Account) -> None:
    assert list(shift_problems(account, "seller")) != []
