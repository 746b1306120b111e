"""How many reads of catalogs and promotions their cache answered."""

import re
from collections import Counter
from collections.abc import Mapping

import httpx

# Of all reads.
LEAST_RATIO = 0.85
_SERIES = re.compile(
    r'(?m)^maitred_cache_requests_total\{cache="(\w+)",result="(\w+)"\} ([0-9.e+]+)$'
)


async def read_counts(admin: str) -> Counter[str]:
    """Reads of all kinds by result, as a process at this address counts them."""
    async with httpx.AsyncClient(timeout=10) as http:
        answer = await http.get(f"http://{admin}/metrics")
    counts = Counter[str]()
    for _, result, value in _SERIES.findall(answer.text):
        counts[result] += int(float(value))
    return counts


def hit_ratio(before: Mapping[str, int], after: Counter[str]) -> float | None:
    """The share of reads in between that the cache answered; None where there were none.

    A process that was started again in between counts from its start.
    """
    between = after - Counter(before)
    if any(after[result] < count for result, count in before.items()):
        between = after
    return between["hit"] / between.total() if between.total() else None
