"""The relay: takes what producers wrote to the outbox, numbers it, keeps it, fills the streams.

Owns schema `events`, and so shows the tenants' managers the events that consumers set aside. Never
reads what an event says, and never decides who may see a stream.
"""
