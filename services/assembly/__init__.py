"""Assembly: the one package that knows every other one.

It owns the command line, the table of targets and what each is wired to, the supervisor that runs
them as processes, and the embedded Postgres and Valkey. It never holds a business rule, serves no
RPC of its own, and nothing imports it.
"""
