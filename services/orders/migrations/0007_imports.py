"""Catalogs taken in and given out as jobs."""

from alembic import op

from services.chassis.data.tenancy import guarded

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE orders.catalog_transfers (
            tenant_id uuid NOT NULL,
            transfer_id uuid NOT NULL,
            -- who asked for it
            asked_by text NOT NULL,
            is_import boolean NOT NULL,
            format text NOT NULL CHECK (format IN ('json', 'csv')),
            mode text NOT NULL CHECK (mode IN ('replace', 'merge')),
            is_dry_run boolean NOT NULL,
            state text NOT NULL CHECK (state IN ('waiting', 'running', 'succeeded', 'failed')),
            -- what an import was given, what an export wrote
            content text NOT NULL,
            done integer NOT NULL DEFAULT 0,
            total integer NOT NULL DEFAULT 0,
            added integer NOT NULL DEFAULT 0,
            changed integer NOT NULL DEFAULT 0,
            removed integer NOT NULL DEFAULT 0,
            problem_lines integer[] NOT NULL DEFAULT '{}',
            problem_columns text[] NOT NULL DEFAULT '{}',
            problem_descriptions text[] NOT NULL DEFAULT '{}',
            create_time timestamptz NOT NULL,
            end_time timestamptz,
            PRIMARY KEY (tenant_id, transfer_id)
        );
        """
    )
    op.execute(guarded("orders.catalog_transfers"))
