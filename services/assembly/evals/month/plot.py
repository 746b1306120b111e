"""The month as a picture: an SVG of three panels over its days."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.assembly.evals.month.guests import AGENTS
from services.assembly.evals.month.run import DAYS, Month, by_day

_WIDTH, _PANEL, _GAP, _LEFT, _RIGHT = 760, 170, 44, 52, 120
_SVG, _FONT = "http://www.w3.org/2000/svg", 'font-family="sans-serif" font-size="12"'
_INK, _SOFT = "#444", "#999"
# Okabe and Ito's colours, which people who see few can tell apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#999999")
_NAMES = {"on": "loop on", "off": "loop off", "chance": "chance", "best": "best possible"}


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    low: float
    high: float
    lines: Mapping[str, Sequence[float]]


def plot(month: Month) -> str:
    """The SVG: mean reward, share of guests and trust, day by day."""
    shares = {agent: [month.share(agent, day, day) for day in range(DAYS)] for agent in AGENTS}
    rewards = {_NAMES[way.name]: by_day(month.days, way.rewards) for way in month.ways}
    panels = (
        _Panel("Mean reward of a conversation", -0.2, 0.8, rewards),
        _Panel("Share of conversations, loop on", 0.0, 1.0, shares),
        _Panel("Trust in each agent", 0.0, 1.0, month.trust),
    )
    height = len(panels) * (_PANEL + _GAP) + 10
    agent, day = month.spoilt
    body = [
        element
        for place, panel in enumerate(panels)
        for element in _drawn(panel, place * (_PANEL + _GAP) + 26, day, f"{agent} becomes bad")
    ]
    return "\n".join(
        (
            f'<svg xmlns="{_SVG}" viewBox="0 0 {_WIDTH} {height}" {_FONT}>',
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
            *body,
            "</svg>\n",
        )
    )


def _drawn(panel: _Panel, top: float, turn: int, event: str) -> Iterator[str]:
    right, bottom = _WIDTH - _RIGHT, top + _PANEL

    def x(day: float) -> float:
        return _LEFT + (right - _LEFT) * day / (DAYS - 1)

    def y(value: float) -> float:
        return bottom - _PANEL * (value - panel.low) / (panel.high - panel.low)

    yield _text(_LEFT, top - 8, panel.title, _INK, weight="bold")
    for step in range(6):
        value = panel.low + step * (panel.high - panel.low) / 5
        yield f'<path d="M{_LEFT} {y(value):.1f}H{right}" stroke="#e4e4e4"/>'
        yield _text(_LEFT - 8, y(value) + 4, f"{value:.1f}", _SOFT, anchor="end")
    for day in range(0, DAYS, 5):
        yield _text(x(day), bottom + 15, f"day {day + 1}", _SOFT, anchor="middle")
    yield f'<path d="M{x(turn):.1f} {top}V{bottom}" stroke="{_SOFT}" stroke-dasharray="4 4"/>'
    yield _text(x(turn) + 5, top + 12, event, _SOFT)
    labels = _apart([(y(values[-1]), name) for name, values in panel.lines.items()])
    for (name, values), colour in zip(panel.lines.items(), _COLOURS, strict=False):
        points = " ".join(f"{x(day):.1f},{y(value):.1f}" for day, value in enumerate(values))
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield _text(right + 8, labels[name] + 4, name, colour)


def _apart(wanted: Sequence[tuple[float, str]]) -> dict[str, float]:
    """Heights of labels near those wanted, none over another."""
    found: dict[str, float] = {}
    free = float("-inf")
    for height, name in sorted(wanted):
        found[name] = free = max(height, free + 14)
    return found


def _text(
    x: float, y: float, text: str, colour: str, anchor: str = "start", weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{text}</text>'
    )
