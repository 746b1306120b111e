"""The relay: takes what producers wrote to the outbox, numbers it, keeps it, fills the streams.

Owns schema `events`. Never reads what an event says, and never decides who may see it.
"""
