"""Credentials: keys, guests' tokens, cookies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.integration.edge.serving import House, Tenant, cart

ORDERS = "/api/v1/orders"


async def sign_in(client: httpx.AsyncClient, tenant: Tenant) -> httpx.Response:
    """Makes a browser staff of the tenant, as the board's link does."""
    answer = await client.post(
        "/api/v1/auth/session", headers={"authorization": f"Bearer {tenant.staff_key}"}
    )
    assert answer.status_code == 200, answer.text
    return answer


async def arrive(client: httpx.AsyncClient, tenant: Tenant) -> httpx.Response:
    """Makes a browser a guest of the tenant."""
    answer = await client.post("/api/v1/auth/guest", json={"tenant": tenant.slug})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize(
    ("authorization", "problem"),
    [
        ("", "no credential"),
        ("Basic abc", "not a bearer credential"),
        ("Bearer mk_abc", "not an API key"),
        ("Bearer mk_" + "A" * 75, "unknown API key"),
        ("Bearer a.b.c", "not a valid token"),
    ],
)
async def test_who_has_no_credential_that_holds_is_refused(
    nobody: httpx.AsyncClient, authorization: str, problem: str
) -> None:
    answer = await nobody.get(ORDERS, headers={"authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["metadata"] == {"problem": problem}


async def test_a_key_with_one_letter_changed_is_refused(
    nobody: httpx.AsyncClient, tenant: Tenant
) -> None:
    last = "A" if tenant.staff_key[-5] != "A" else "B"
    forged = tenant.staff_key[:-5] + last + tenant.staff_key[-4:]
    answer = await nobody.get(ORDERS, headers={"authorization": f"Bearer {forged}"})
    assert (answer.status_code, answer.json()["metadata"]) == (401, {"problem": "unknown API key"})


async def test_a_guest_is_told_who_they_are(nobody: httpx.AsyncClient, tenant: Tenant) -> None:
    answer = await arrive(nobody, tenant)
    guest = answer.json()
    assert guest["principal_id"].startswith("gst_")
    assert guest["tenant"] == {
        "tenant_id": tenant.tenant_id,
        "slug": tenant.slug,
        "display_name": "Café",
    }
    expires = datetime.fromisoformat(guest["expires_at"])
    assert timedelta(0) < expires - datetime.now(UTC) <= timedelta(hours=12)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"maitred-guest-{tenant.slug}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


async def test_elsewhere_than_on_localhost_a_cookie_is_bound_to_tls(
    nobody: httpx.AsyncClient, tenant: Tenant
) -> None:
    answer = await nobody.post(
        "/api/v1/auth/guest",
        json={"tenant": tenant.slug},
        headers={"host": "coffee.example"},
    )
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"__Host-maitred-guest-{tenant.slug}=")
    assert cookie.endswith("; Secure")
    assert "Path=/;" in cookie
    value = cookie.partition(";")[0]
    theirs = await nobody.get(ORDERS, headers={"host": "coffee.example", "cookie": value})
    assert theirs.status_code == 200


@pytest.mark.parametrize("slug", ["nobody-here", "No Such", "a\u0000b", "x" * 5000])
async def test_a_guest_of_no_tenant_is_refused(nobody: httpx.AsyncClient, slug: str) -> None:
    answer = await nobody.post("/api/v1/auth/guest", json={"tenant": slug})
    assert answer.status_code in {404, 413}


@pytest.mark.parametrize("body", [{}, {"tenant": 1}, {"tenant": "a", "role": "staff"}, []])
async def test_a_guest_asks_for_a_tenant_and_nothing_else(
    nobody: httpx.AsyncClient, body: object
) -> None:
    answer = await nobody.post("/api/v1/auth/guest", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "MALFORMED_BODY")


async def test_a_browser_that_comes_back_is_the_same_guest(
    nobody: httpx.AsyncClient, tenant: Tenant
) -> None:
    first = (await arrive(nobody, tenant)).json()
    second = (await arrive(nobody, tenant)).json()
    assert second["principal_id"] == first["principal_id"]
    nobody.cookies.clear()
    third = (await arrive(nobody, tenant)).json()
    assert third["principal_id"] != first["principal_id"]


async def test_a_page_of_ours_may_write_by_cookie(
    served: House, nobody: httpx.AsyncClient, tenant: Tenant
) -> None:
    await arrive(nobody, tenant)
    for headers in ({"origin": served.url}, {"sec-fetch-site": "same-origin"}):
        answer = await nobody.post("/api/v1/quotes", json={"cart": cart()}, headers=headers)
        assert answer.status_code == 200


async def test_a_foreign_page_may_not_write_by_cookie(
    served: House, nobody: httpx.AsyncClient, tenant: Tenant
) -> None:
    await arrive(nobody, tenant)
    for headers in (
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": served.url + ".evil.example"},
        {"sec-fetch-site": "cross-site"},
    ):
        answer = await nobody.post("/api/v1/quotes", json={"cart": cart()}, headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (403, "ORIGIN_NOT_ALLOWED"), headers
    assert (await nobody.get(ORDERS)).status_code == 200
    signing_in = await nobody.post(
        "/api/v1/auth/guest",
        json={"tenant": tenant.slug},
        headers={"origin": "https://evil.example"},
    )
    assert signing_in.status_code == 403


async def test_a_browser_with_several_credentials_says_which(
    served: House, nobody: httpx.AsyncClient, tenant: Tenant
) -> None:
    other = await served.open_tenant()
    here = (await arrive(nobody, tenant)).json()["principal_id"]
    there = (await arrive(nobody, other)).json()["principal_id"]
    await sign_in(nobody, tenant)
    quote = {"json": {"cart": cart()}}

    async def asks_as(selector: str) -> httpx.Response:
        return await nobody.post(
            "/api/v1/quotes",
            headers={"origin": served.url, "x-maitred-credential": selector},
            **quote,  # type: ignore[arg-type]
        )

    assert (await asks_as(f"guest-{tenant.slug}")).json()["principal_id"] == here
    assert (await asks_as(f"guest-{other.slug}")).json()["principal_id"] == there
    assert (await asks_as(f"staff-{tenant.slug}")).json()["principal_id"].startswith("key_")
    assert (await asks_as(f"staff-{other.slug}")).status_code == 401
    assert (await nobody.get(ORDERS)).status_code == 401
    by_query = await nobody.get(ORDERS, params={"credential": f"staff-{tenant.slug}"})
    assert by_query.status_code == 200


async def test_the_boards_link_becomes_a_cookie(nobody: httpx.AsyncClient, tenant: Tenant) -> None:
    answer = await sign_in(nobody, tenant)
    assert answer.json()["roles"] == ["staff"]
    assert answer.json()["tenant"]["slug"] == tenant.slug
    assert answer.headers["set-cookie"].startswith(f"maitred-staff-{tenant.slug}=")
    assert tenant.staff_key not in answer.headers["set-cookie"]
    assert (await nobody.get(ORDERS)).status_code == 200


async def test_only_an_api_key_becomes_a_staff_cookie(
    guest: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    for client in (guest, nobody):
        assert (await client.post("/api/v1/auth/session")).status_code == 401


async def test_a_revoked_key_is_refused_at_once_with_its_cookies(
    served: House, nobody: httpx.AsyncClient, tenant: Tenant
) -> None:
    async with served.client(tenant.manager_key) as manager:
        created = (
            await manager.post(
                "/api/v1/api-keys", json={"display_name": "till", "roles": ["ROLE_STAFF"]}
            )
        ).json()
        till = Tenant(tenant.tenant_id, tenant.slug, "", created["secret"])
        await sign_in(nobody, till)
        async with served.client(created["secret"]) as client:
            assert (await client.get(ORDERS)).status_code == 200
            revoked = await manager.post(
                f"/api/v1/api-keys/{created['api_key']['api_key_id']}:revoke", json={}
            )
            assert revoked.json()["revoke_time"]
            for refused in (client, nobody):
                answer = await refused.get(ORDERS)
                assert (answer.status_code, answer.json()["metadata"]["problem"]) == (
                    401,
                    "revoked",
                )
        again = await manager.post(
            f"/api/v1/api-keys/{created['api_key']['api_key_id']}:revoke", json={}
        )
        assert again.json() == revoked.json()
        listed = (await manager.get("/api/v1/api-keys")).json()["api_keys"]
        assert listed[0]["revoke_time"] == revoked.json()["revoke_time"]
        assert listed[0]["last_used_time"]


async def test_nobody_gives_a_role_they_do_not_hold(served: House, tenant: Tenant) -> None:
    async with served.client(tenant.manager_key) as manager:
        answer = await manager.post(
            "/api/v1/api-keys", json={"display_name": "mesh", "roles": ["ROLE_SERVICE"]}
        )
        assert (answer.status_code, answer.json()["reason"]) == (403, "ROLE_REQUIRED")
        created = await manager.post(
            "/api/v1/api-keys", json={"display_name": "peer", "roles": ["ROLE_MANAGER"]}
        )
        assert created.status_code == 200


async def test_keys_are_the_managers_to_make(
    guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    for client in (guest, staff):
        answer = await client.post(
            "/api/v1/api-keys", json={"display_name": "mine", "roles": ["ROLE_GUEST"]}
        )
        assert (answer.status_code, answer.json()["reason"]) == (403, "ROLE_REQUIRED")


async def test_a_manager_sees_their_own_tenant_only(served: House, tenant: Tenant) -> None:
    other = await served.open_tenant()
    async with served.client(tenant.manager_key) as manager:
        own = await manager.get(f"/api/v1/tenants/{tenant.tenant_id}")
        assert own.json()["slug"] == tenant.slug
        foreign = await manager.get(f"/api/v1/tenants/{other.tenant_id}")
        assert (foreign.status_code, foreign.json()["reason"]) == (404, "TENANT_NOT_FOUND")
        listed = await manager.get("/api/v1/tenants")
        assert (listed.status_code, listed.json()["reason"]) == (403, "ROLE_REQUIRED")


async def test_pages_are_served_for_tenants_there_are(
    nobody: httpx.AsyncClient, tenant: Tenant
) -> None:
    for path in (f"/t/{tenant.slug}", f"/t/{tenant.slug}/board"):
        page = await nobody.get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        known = await nobody.get(path, headers={"if-none-match": page.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
    assert (await nobody.get("/t/nobody-here")).status_code == 404
    script = await nobody.get("/ui/guest.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert (await nobody.get("/ui/%2e%2e%2fconfig.py")).status_code == 404
