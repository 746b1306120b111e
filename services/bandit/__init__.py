"""Choices among arms that learn from what came of them: an open Rank and Reward service.

Owns schema `bandit`: policies, the decisions they made with the probabilities they were drawn from,
and every reward. It never knows what an arm does or why it was rewarded, and nothing it is told
changes a choice after it was made.
"""
