"""News of what a tenant sells, which the database writes, are events like any other."""

import json
import re
from importlib.resources import files
from typing import Any
from uuid import UUID

from google.protobuf import json_format
from maitred.events.v1 import catalog_event_pb2

from services.chassis.data.postgres import Connection
from services.chassis.rpc.chain import problems_of

SCHEMA: dict[str, Any] = json.loads(
    files("maitred.events.v1").joinpath("catalog_v1.json").read_text(encoding="utf-8")
)


async def news(sees: Connection, tenant_id: UUID) -> dict[str, bytes]:
    """An event of each kind, by kind."""
    for table in ("promotion_versions", "stock_versions"):
        await sees.execute(
            f"INSERT INTO orders.{table} AS v (tenant_id, version) VALUES ($1, 1)"
            " ON CONFLICT (tenant_id) DO UPDATE SET version = v.version + 1",
            tenant_id,
        )
    rows = await sees.fetch(
        "SELECT payload FROM events.outbox WHERE tenant_id = $1 AND type = 'maitred.catalog.v1'",
        tenant_id,
    )
    return {json.loads(row["payload"])["data"]["kind"]: row["payload"] for row in rows}


async def test_news_are_compact_as_all_events_are(tenant_id: UUID, sees: Connection) -> None:
    told = await news(sees, tenant_id)
    assert told.keys() == {"catalog", "promotions", "stock"}
    for payload in told.values():
        event = json.loads(payload)
        assert payload == json.dumps(event, separators=(",", ":")).encode()
        assert list(event) == [
            *("specversion", "id", "source", "type", "subject", "time"),
            *("datacontenttype", "data"),
        ]


async def test_news_are_as_their_schema_says(tenant_id: UUID, sees: Connection) -> None:
    for kind, payload in (await news(sees, tenant_id)).items():
        data = json.loads(payload)["data"]
        assert data.keys() == set(SCHEMA["required"]) == SCHEMA["properties"].keys()
        for name, rule in SCHEMA["properties"].items():
            assert isinstance(data[name], str), rule
            assert re.search(rule.get("pattern", ""), data[name]), rule
            assert data[name] in rule.get("enum", [data[name]])
        assert (UUID(data["tenant_id"]), data["kind"]) == (tenant_id, kind)
        message = json_format.ParseDict(data, catalog_event_pb2.CatalogV1())
        assert problems_of(message) == []
