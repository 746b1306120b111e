"""Decisions are counted by labels of few values, whatever callers name."""

from prometheus_client import CollectorRegistry

from services.bandit.metrics import BanditMetrics


def test_labels_stay_few_however_many_arms_and_policies_there_are() -> None:
    registry = CollectorRegistry()
    metrics = BanditMetrics(registry)
    for number in range(200):
        metrics.decided("serving", f"arm-{number}")
        metrics.decided(f"policy-{number}", "a")
    metrics.decided("serving", "arm-0")

    def count(policy: str, arm: str) -> float | None:
        return registry.get_sample_value("bandit_decisions_total", {"policy": policy, "arm": arm})

    (family,) = (one for one in registry.collect() if one.name == "bandit_decisions")
    assert len([one for one in family.samples if one.name.endswith("_total")]) == 52
    assert (count("serving", "arm-0"), count("serving", "other")) == (2.0, 150.0)
    assert count("other", "other") == 200.0
