"""What of a cart is tax.

Amounts are integers in the minor unit of the currency, rates in basis points.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class Tax:
    """Tax of one rate: `amount` of what costs `taxable` without it, rounded half up once.

    `is_included` says that prices have it in them; otherwise it is added to what is paid.
    """

    rate: int
    taxable: int
    amount: int
    is_included: bool


def taxes(amounts: Mapping[int, int], *, is_included: bool) -> Iterator[Tax]:
    """The tax of amounts by rate: a line for each where both are above 0, lowest rate first."""
    for rate, amount in sorted(amounts.items()):
        if rate and amount:
            if is_included:
                taxable = _rounded(amount * _WHOLE, _WHOLE + rate)
                yield Tax(rate, taxable, amount - taxable, is_included)
            else:
                yield Tax(rate, amount, _rounded(amount * rate, _WHOLE), is_included)


def spread(difference: int, amounts: Mapping[int, int]) -> dict[int, int]:
    """Amounts by rate with what is added to all of them together, or taken off, in proportion.

    What does not divide goes by largest remainder, so the sum is exact; among equals the lowest
    rate comes first. Where there is nothing to be in proportion to, it goes to the lowest rate.

    Args:
        difference: not less than minus the sum of the amounts.
        amounts: none below 0.
    """
    whole, after = sum(amounts.values()), dict(amounts)
    if not difference or not amounts:
        return after
    if not whole:
        after[min(amounts)] += difference
        return after
    sign, size = (1 if difference > 0 else -1), abs(difference)
    shares = {rate: divmod(size * amount, whole) for rate, amount in amounts.items()}
    odd = size - sum(share for share, _ in shares.values())
    first = sorted(shares, key=lambda rate: (-shares[rate][1], rate))[:odd]
    for rate, (share, _) in shares.items():
        after[rate] += sign * (share + (rate in first))
    return after


def _rounded(numerator: int, denominator: int) -> int:
    """A quotient of numbers that are not negative, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)
