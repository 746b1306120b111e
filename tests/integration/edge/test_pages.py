"""The pages when something is in the way: lost requests, streams refused, no credential."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.integration.edge.serving import House, Tenant, order_coffee
from tests.support.browsers import launched, needs_chromium

pytestmark = needs_chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with launched(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, served: House) -> AsyncIterator[Page]:
    """A page of a browser that knows nobody here yet."""
    context = await browser.new_context(base_url=served.url)
    yield await context.new_page()
    await context.close()


async def test_a_board_without_credential_says_so_and_how_to_get_one(
    page: Page, tenant: Tenant
) -> None:
    await page.goto(f"/t/{tenant.slug}/board")
    await expect(page.locator("#live")).to_have_text("signed out")
    await expect(page.locator("#notice")).to_contain_text("staff link")


async def test_a_board_with_a_key_that_does_not_hold_says_so(page: Page, tenant: Tenant) -> None:
    await page.goto(f"/t/{tenant.slug}/board#key={tenant.staff_key[:-1]}")
    await expect(page.locator("#live")).to_have_text("signed out")
    assert "key=" not in page.url


async def test_a_stream_that_is_refused_is_begun_anew(
    served: House, page: Page, tenant: Tenant
) -> None:
    refused = 0

    async def refuse_once(route: Route) -> None:
        nonlocal refused
        refused += 1
        await (route.fulfill(status=503) if refused == 1 else route.fallback())

    await page.route("**/api/v1/events*", refuse_once)
    await page.goto(f"/t/{tenant.slug}/board#key={tenant.staff_key}")
    await expect(page.locator("#live")).to_have_text("live")
    assert refused == 2
    async with served.guest(tenant) as guest:
        order = await order_coffee(guest)
    placed = page.locator(".column[data-status=placed] article")
    await expect(placed.filter(has_text=order["order_id"][-6:].upper())).to_have_count(1)


async def test_a_message_that_does_not_arrive_is_sent_again_under_its_key(
    page: Page, tenant: Tenant
) -> None:
    sent: list[str] = []

    async def lose_some(route: Route) -> None:
        if route.request.method != "POST":
            await route.fallback()
            return
        message: Any = route.request.post_data_json
        sent.append(message["request_id"])
        await (route.abort("connectionrefused") if len(sent) < 3 else route.fallback())

    await page.route("**/messages", lose_some)
    await page.goto(f"/t/{tenant.slug}")
    await expect(page.locator("#live")).to_have_text("live")
    await page.get_by_label("Your message").fill("a croissant please")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#cart")).to_contain_text("croissant")
    assert len(sent) == 3
    assert len(set(sent)) == 1


async def test_a_guest_whose_time_is_over_is_a_new_guest(page: Page, tenant: Tenant) -> None:
    arrivals: list[str] = []
    page.on("request", lambda one: arrivals.append(one.url) if "/auth/guest" in one.url else None)

    async def end(route: Route) -> None:
        if len(arrivals) == 1:
            await page.context.clear_cookies()
            await route.fulfill(status=401)
        else:
            await route.fallback()

    await page.route("**/api/v1/events*", end)
    await page.goto(f"/t/{tenant.slug}")
    await expect(page.locator("#live")).to_have_text("live")
    assert len(arrivals) == 2
