"""Conversations: who is talking, what was said, the cart so far, and one writer at a time."""
