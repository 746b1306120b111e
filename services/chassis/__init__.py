"""The chassis: what every process stands on, in three rooms.

`rpc` speaks gRPC (server, peers, errors, mesh tokens), `data` keeps and moves rows and events,
`run` starts, configures, watches and stops a process. A module enters when two packages need it.
It knows no business noun and imports no other package of the project but the contracts of
identity and errors.
"""
