"""Who a caller is: tenants, API keys, guests' tokens, cookies.

It owns schema `identity`, the gateway's only database access, and serves maitred.identity.v1. It
never decides what a caller may do: roles stand in the contracts and services enforce them.
"""
