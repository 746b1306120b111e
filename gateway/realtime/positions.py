"""Positions as clients give them back."""

from __future__ import annotations

from services.chassis.data.outbox import partition_of
from services.chassis.data.streams import Cursor
from services.chassis.rpc.errors import Failure, invalid
from services.chassis.rpc.identity import Principal


def position_of(principal: Principal, text: str) -> Cursor:
    """A position in what a principal sees. Fails with INVALID_ARGUMENT (CURSOR_INVALID)."""
    try:
        cursor = Cursor.parse(text)
    except ValueError:
        raise _not_ours(text) from None
    if cursor.partition != partition_of(principal.tenant_id):
        raise _not_ours(text)
    return cursor


def _not_ours(text: str) -> Failure:
    shown = text[:64]
    return invalid("CURSOR_INVALID", f"{shown} is no position of these events.", cursor=shown)
