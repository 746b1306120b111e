"""`maitred eval loop`: a simulated month with the loop on and off."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.assembly.evals.month.run import Month


def loop(
    sessions: Annotated[int, typer.Option(help="How many guests come in the month.", min=1000)] = (
        21_000
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same month.")] = 7,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the scores here.")] = None,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", help="Write the month as SVG here.")
    ] = None,
) -> None:
    """Serve the guests of a simulated month with the loop on and off; needs no running mesh."""
    import json
    from datetime import timedelta

    from rich.console import Console

    from services.assembly.evals.month.plot import plot
    from services.assembly.evals.month.run import play
    from services.bandit.policy import serving_settings

    month = play(serving_settings(timedelta(days=1)), seed, sessions)
    scores = _scores(month)
    if json_file:
        json_file.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    if plot_file:
        plot_file.write_text(plot(month), encoding="utf-8")
    _show(Console(), scores)


def _scores(month: "Month") -> dict[str, Any]:
    from services.assembly.evals.month.guests import AGENTS
    from services.assembly.evals.month.run import DAYS, margin

    agent, turn = month.spoilt
    periods = {
        "before": (0, turn - 1),
        "after": (turn, DAYS - 1),
        "last_week": (DAYS - 7, DAYS - 1),
    }
    margins = {name: margin(month, "on", name) for name in ("off", "chance", "best")}
    return {
        "sessions": len(month.days),
        "mean_reward": {
            way.name: round(sum(way.rewards) / len(way.rewards), 4) for way in month.ways
        },
        "loop_on_minus": {
            name: {"mean": round(one.mean, 4), "ci95": [round(one.low, 4), round(one.high, 4)]}
            for name, one in margins.items()
        },
        "spoilt": {"agent": agent, "from_day": turn + 1},
        "share": {
            each: {name: round(month.share(each, *days), 3) for name, days in periods.items()}
            for each in AGENTS
        },
        "trust": {
            each: {"before": round(values[turn - 1], 3), "end": round(values[-1], 3)}
            for each, values in month.trust.items()
        },
    }


def _show(console: Any, scores: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    rewards = Table("served", "mean reward", "loop on is better by", "95 %", box=SIMPLE_HEAD)
    for name, mean in scores["mean_reward"].items():
        better = scores["loop_on_minus"].get(name)
        interval = "{:+.3f} to {:+.3f}".format(*better["ci95"]) if better else ""
        rewards.add_row(name, f"{mean:+.3f}", f"{better['mean']:+.3f}" if better else "", interval)
    console.print(rewards)
    spoilt = scores["spoilt"]
    agents = Table("agent", "share before", "after", "last week", "trust before", "at the end")
    agents.box = SIMPLE_HEAD
    for name, share in scores["share"].items():
        trust = scores["trust"][name]
        shares = (f"{value:.0%}" for value in share.values())
        agents.add_row(name, *shares, f"{trust['before']:.2f}", f"{trust['end']:.2f}")
    console.print(agents)
    console.print(
        f"{scores['sessions']} guests; {spoilt['agent']} becomes bad on day {spoilt['from_day']}.",
        highlight=False,
    )
