"""Promotions over REST: managers write them, guests find them in their carts."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.edge.serving import House, Tenant, cart

TEATIME = {
    "promotion_id": "teatime",
    "display_name": "Tea time",
    "happy_hour": {"percent": 20, "start_time": "15:00", "end_time": "17:00",
                   "weekdays": ["WEEKDAY_MONDAY"]},
    "scope": {"categories": ["Tea"]},
}  # fmt: skip
WELCOME = {
    "promotion_id": "welcome",
    "display_name": "Welcome",
    "code": {"code": "WELCOME", "amount": {"amount_minor": "100"}},
}


async def test_a_manager_writes_reads_changes_and_deletes_promotions(
    served: House, tenant: Tenant, staff: httpx.AsyncClient
) -> None:
    path = "/api/v1/promotions/teatime"
    async with served.client(tenant.manager_key) as manager:
        made = await manager.post("/api/v1/promotions", json=TEATIME)
        assert made.status_code == 200, made.text
        promotion = made.json()
        assert promotion["happy_hour"] == TEATIME["happy_hour"]
        assert (await staff.get(path)).json() == promotion
        listed = (await staff.get("/api/v1/promotions")).json()
        assert listed == {"promotions": [promotion], "next_page_token": ""}
        again = await manager.post("/api/v1/promotions", json=TEATIME)
        assert (again.status_code, again.json()["reason"]) == (409, "PROMOTION_EXISTS")
        changed = await manager.put(path, json={**TEATIME, "display_name": "Teatime"})
        assert (changed.status_code, changed.json()["display_name"]) == (200, "Teatime")
        assert (await manager.delete(path)).json() == {}
        gone = await manager.get(path)
        assert (gone.status_code, gone.json()["reason"]) == (404, "PROMOTION_NOT_FOUND")


async def test_staff_change_nothing_and_guests_see_nothing(
    staff: httpx.AsyncClient, guest: httpx.AsyncClient
) -> None:
    assert (await staff.post("/api/v1/promotions", json=TEATIME)).status_code == 403
    assert (await guest.get("/api/v1/promotions")).status_code == 403


async def test_a_promotion_that_makes_no_sense_names_the_field(
    served: House, tenant: Tenant
) -> None:
    async with served.client(tenant.manager_key) as manager:
        wrong = await manager.post(
            "/api/v1/promotions", json={**TEATIME, "scope": {"categories": ["Fish"]}}
        )
        both = await manager.post(
            "/api/v1/promotions", json={**TEATIME, "percentage": {"percent": 10}}
        )
        none = await manager.post("/api/v1/promotions", json={"promotion_id": "x"})
        huge = await manager.post(
            "/api/v1/promotions", json={**TEATIME, "minimum_subtotal_minor": -1, "schedule": [{}]}
        )
        odd = await manager.post("/api/v1/promotions", json={**TEATIME, "scope": {"colour": 1}})
        listed = await manager.post("/api/v1/promotions", json=[TEATIME])
    assert (wrong.status_code, wrong.json()["reason"]) == (400, "PROMOTION_INVALID")
    assert wrong.json()["errors"][0]["field"] == "scope.categories"
    problem = huge.json()
    assert (huge.status_code, problem["reason"]) == (400, "INVALID_FIELD")
    named = [error["field"] for error in problem["errors"]]
    assert {"minimum_subtotal_minor", "schedule[0].start_time"} <= set(named)
    assert problem["metadata"]["field"].split(",") == list(dict.fromkeys(named))
    assert "promotion." not in huge.text
    assert (odd.json()["reason"], odd.json()["errors"][0]["field"]) == (
        "MALFORMED_BODY",
        "scope.colour",
    )
    assert listed.json()["reason"] == "MALFORMED_BODY"
    assert "errors" not in listed.json()
    assert (both.status_code, none.status_code) == (400, 400)


async def test_a_guest_orders_with_a_code(
    served: House, tenant: Tenant, guest: httpx.AsyncClient
) -> None:
    async with served.client(tenant.manager_key) as manager:
        made = await manager.post("/api/v1/promotions", json=WELCOME)
        assert made.status_code == 200, made.text
    asked = {"cart": cart("latte"), "codes": ["welcome", "FRIENDS"]}
    applied = (await guest.post("/api/v1/carts:applyPromotions", json=asked)).json()
    assert applied["refusals"] == [
        {
            "code": "FRIENDS",
            "problem": "CODE_PROBLEM_UNKNOWN",
            "reason": "There is no code FRIENDS.",
        }
    ]
    quote = (await guest.post("/api/v1/quotes", json={"cart": applied["cart"]})).json()
    assert quote["cart"] == applied["cart"]
    assert quote["cart"]["discounts"] == [
        {
            "promotion_id": "welcome",
            "display_name": "Welcome",
            "reason": "€1.00 off the whole order with the code WELCOME.",
            "amount_minor": "100",
            "line_id": "",
            "uses_per_customer": 0,
            "first_order_only": False,
        }
    ]
    assert (quote["cart"]["total_minor"], quote["total_minor"]) == ("380", "280")
    placed = await guest.post(
        "/api/v1/orders",
        json={"quote_id": quote["quote_id"], "decision_id": "dec_" + "1" * 32},
        headers={"idempotency-key": "with a code"},
    )
    order = placed.json()
    assert (order["subtotal_minor"], order["total_minor"]) == ("380", "280")
    assert order["discounts"] == quote["cart"]["discounts"]
    assert order["decision_id"] == "dec_" + "1" * 32


async def test_a_guest_hears_what_is_off_and_pays_what_was_read_back(
    served: House,
) -> None:
    other = await served.open_tenant()
    async with served.client(other.manager_key) as manager:
        made = await manager.post("/api/v1/promotions", json=WELCOME)
        assert made.status_code == 200, made.text
    async with served.guest(other) as someone:
        session = (await someone.post("/api/v1/sessions", json={})).json()
        path = f"/api/v1/sessions/{session['session_id']}/messages"

        async def say(text: str) -> dict[str, Any]:
            answer = await someone.post(path, json={"text": text})
            assert answer.status_code == 200, answer.text
            turn: dict[str, Any] = answer.json()
            return turn

        await say("a latte please")
        redeemed = await say("I have the code WELCOME")
        assert "€3.80 less €1.00 for Welcome: €2.80 to pay" in redeemed["text"]
        assert redeemed["cart"]["payable_minor"] == "280"
        # The code stays with the cart while it changes.
        more = await say("and a croissant")
        assert "€6.40 less €1.00 for Welcome: €5.40 to pay" in more["text"]
        order = (await say("yes please"))["order"]
    assert (order["subtotal_minor"], order["total_minor"]) == ("640", "540")
    assert [discount["promotion_id"] for discount in order["discounts"]] == ["welcome"]
