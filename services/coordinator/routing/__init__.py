"""Routing: who serves a guest. Trust says who may be chosen, a bandit chooses, and both are asked
once per segment of a conversation. Nothing changes a choice after it was made.
"""
