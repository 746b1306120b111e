"""Two rankings made one: scores of each scaled to [0, 1], then weighed.

Scaled by their least and greatest (min–max), scores keep their distances, which reciprocal rank
fusion throws away: where one side is the weaker, it then drags the other down (Bruch, Gai and
Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", 2023). What that makes here stands
in docs/developer/evaluation.md.
"""

from collections.abc import Mapping


def fuse(
    dense: Mapping[int, float], sparse: Mapping[int, float], dense_weight: float
) -> list[tuple[int, float]]:
    """What was found by meaning or words, the best first.

    Args:
        dense: score of each key found by meaning.
        sparse: score of each key found by words.
        dense_weight: of meaning against words, in [0, 1].

    Returns:
        Keys with their weighed scores in [0, 1]; what one side did not find has 0 of it.
    """
    by_meaning, by_words = scaled(dense), scaled(sparse)
    fused = {
        key: dense_weight * by_meaning.get(key, 0.0) + (1 - dense_weight) * by_words.get(key, 0.0)
        for key in {**by_meaning, **by_words}
    }
    return sorted(fused.items(), key=lambda one: (-one[1], one[0]))


def scaled(scores: Mapping[int, float]) -> dict[int, float]:
    """Scores from 0 for the least to 1 for the greatest; all 1 where they are equal."""
    if not scores:
        return {}
    least, greatest = min(scores.values()), max(scores.values())
    span = greatest - least
    return {key: (score - least) / span if span else 1.0 for key, score in scores.items()}
