"""The OpenAPI 3.1 description of everything under `/api/v1`.

Annotated methods are described from the contracts, the surfaces by hand beside what they share.
"""
