"""What agents did, what came of it, and how far each is worth trusting.

Owns schema `learning`: recommendations and their outcomes, trust, cycles and what they found. It
learns from events alone and changes no choice itself: who is chosen, and for which guest, is never
asked here.
"""
