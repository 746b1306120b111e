"""Whether row-level security keeps tenants apart in this very database."""

from uuid import uuid4

import asyncpg

from services.assembly.checks.finding import Finding, bad, why
from services.assembly.checks.site import Site
from services.assembly.migrations import schemas
from services.chassis.data.postgres import FAULTS, Connection

AREA = "tenants"
# The relay moves every tenant's events without reading what they say.
ALL_TENANTS = {"relay": {"outbox", "log"}}

_TABLES = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS is_guarded
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname
"""
_POWERS = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


async def check_tenancy(site: Site) -> list[Finding]:
    """The migrator's power to see all, and each service's role to see nothing of others."""
    roles = [await _role(target, site.service_urls[target]) for target in schemas()]
    return [await _migrator(site.database_url), *roles]


async def _migrator(url: str) -> Finding:
    remedy = "give it BYPASSRLS: ALTER ROLE … BYPASSRLS; migrations and backups need every row"
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except FAULTS as error:
        return bad(AREA, "migrator", f"cannot connect: {why(error)}", "see DATABASE_URL")
    try:
        if await connection.fetchval(_POWERS):
            return Finding(AREA, "migrator", "bypasses row security, as it must")
        return bad(AREA, "migrator", "does not bypass row security", remedy)
    finally:
        await connection.close()


async def _role(target: str, url: str) -> Finding:
    role = schemas()[target].role
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except FAULTS as error:
        text = f"cannot connect: {why(error)}"
        remedy = f"run `maitred migrate`, or correct MAITRED_DB_{target.upper()}_URL"
        return bad(AREA, role, text, remedy)
    try:
        if await connection.fetchval(_POWERS):
            text = "may go around row security"
            return bad(AREA, role, text, f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS")
        return await _tables(connection, target, role)
    finally:
        await connection.close()


async def _tables(connection: Connection, target: str, role: str) -> Finding:
    """Looks into every table as nobody, and as a tenant that has nothing."""
    schema = schemas()[target].schema
    rows = await connection.fetch(_TABLES, schema)
    bare = [row["relname"] for row in rows if not row["is_guarded"]]
    if bare:
        text = f"no policy is forced on {', '.join(bare)}"
        return bad(AREA, role, text, "run `maitred migrate`; somebody has altered the tables")
    looked = [row["relname"] for row in rows if row["relname"] not in ALL_TENANTS.get(target, ())]
    if not looked:
        return Finding(AREA, role, "has no tenant's table of its own")
    for tenant in ("", str(uuid4())):
        seen = [name for name in looked if await _sees(connection, f"{schema}.{name}", tenant)]
        if seen:
            whose = "another tenant's rows" if tenant else "rows without a tenant"
            remedy = "stop this service and see the policies of these tables (\\d in psql)"
            return bad(AREA, role, f"sees {whose} in {', '.join(seen)}", remedy)
    return Finding(AREA, role, f"sees nobody else's rows in {len(looked)} tables")


async def _sees(connection: Connection, table: str, tenant: str) -> bool:
    async with connection.transaction(readonly=True):
        await connection.execute("SELECT set_config('maitred.tenant', $1, true)", tenant)
        seen = await connection.fetchval(
            f"SELECT 1 FROM {table} LIMIT 1"  # noqa: S608 - named by the catalog of the database
        )
    return seen is not None
