"""REST from the contracts: every RPC annotated with `google.api.http` is served as it says.

Nothing here knows a method by name. Codecs, routes and the OpenAPI document are compiled once
from descriptors when the process starts.
"""
