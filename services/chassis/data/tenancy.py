"""What keeps tenants apart in the database, as SQL for migrations."""


def guarded(table: str) -> str:
    """SQL for a migration: whoever reads or writes the table sees the transaction's tenant alone.

    Outside a tenant's transaction it is empty and takes nothing in. The table's owner is held to
    it, too; only roles with BYPASSRLS are not.

    Args:
        table: with its schema; it has a column `tenant_id`.
    """
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table}
    USING (tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));
"""
