"""Keeping things: transactions of a tenant, migrations, the outbox, streams, leases.

Everything here takes its connections and its clock; nothing knows a business noun.
"""
