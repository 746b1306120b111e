"""Webhooks: endpoints of tenants, and each event's way to each of them (Standard Webhooks).

Owns who is sent what, what was tried and what came of it. What an event says is its producer's: the
bytes go out as they came.
"""
