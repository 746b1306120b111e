"""The HTTP edge: REST made of the contracts, chat and event streams, and who a caller is.

It owns schema `identity` (tenants and keys), its only database access. It holds no business
rule: what a request means is decided by the service that answers it.
"""
