"""Whether Postgres and Redis are new enough, and the schemas at their newest revision."""

from typing import Any

import asyncpg
from redis.exceptions import RedisError

from services.assembly.checks.finding import Finding, bad, why
from services.assembly.checks.site import Site, host_of
from services.assembly.migrations import schemas
from services.chassis.data.migrate import SchemaMismatch, check_schema
from services.chassis.data.postgres import FAULTS, Connection
from services.chassis.data.redis_client import open_redis

AREA = "versions"
POSTGRES = 15
REDIS = 7
VALKEY = 8


async def check_servers(site: Site) -> list[Finding]:
    """Both servers and every schema."""
    return [await check_redis(site.redis_url), *await _postgres(site.database_url)]


async def _postgres(url: str) -> list[Finding]:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except FAULTS as error:
        text = f"no answer at {host_of(url)}: {why(error)}"
        return [bad(AREA, "postgres", text, "start it, or set DATABASE_URL to one that runs")]
    try:
        schemas_found = [await _schema(connection, target) for target in schemas()]
    finally:
        await connection.close()
    version = connection.get_server_version()
    text = f"{version.major}.{version.minor}"
    if version.major < POSTGRES:
        remedy = f"use Postgres {POSTGRES} or newer"
        return [bad(AREA, "postgres", text, remedy), *schemas_found]
    return [Finding(AREA, "postgres", text), *schemas_found]


async def _schema(connection: Connection, target: str) -> Finding:
    schema = schemas()[target]
    subject = f"schema {schema.schema}"
    try:
        await check_schema(connection, schema)
    except SchemaMismatch as mismatch:
        return bad(AREA, subject, str(mismatch), "run `maitred migrate`, or a newer maitred")
    return Finding(AREA, subject, f"at {schema.head}")


async def check_redis(url: str) -> Finding:
    """Whether a Redis answers, and is new enough."""
    # The stubs type answers for every protocol and decoding at once.
    client: Any = open_redis(url)
    try:
        info = await client.info("server")
    except (RedisError, OSError) as error:
        text = f"no answer at {host_of(url)}: {why(error)}"
        return bad(AREA, "redis", text, "start it, or set REDIS_URL to one that runs")
    finally:
        await client.aclose()
    valkey = info.get("valkey_version", "")
    name, version, least = (
        ("valkey", valkey, VALKEY) if valkey else ("redis", info["redis_version"], REDIS)
    )
    if int(version.partition(".")[0]) < least:
        return bad(AREA, name, version, f"use Redis {REDIS} or Valkey {VALKEY}, or newer")
    return Finding(AREA, name, version)
