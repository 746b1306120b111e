"""The guest's page and the staff's board, side by side in a real browser."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, expect

from services.assembly.demo.access import DemoTenant
from tests.support.browsers import PATIENCE_MS, launched, needs_chromium
from tests.support.mesh import RunningMesh, paused
from tests.support.people import decision, order
from tests.support.people import guest as guest_of

SIZES = {
    "desktop": ViewportSize(width=1280, height=800),
    "phone": ViewportSize(width=390, height=844),
}

pytestmark = needs_chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with launched(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@asynccontextmanager
async def visiting(browser: Browser, mesh: RunningMesh, size: str) -> AsyncIterator[Page]:
    """A page of a browser that knows nobody here yet, and that complains of nothing."""
    context = await browser.new_context(
        viewport=SIZES[size],
        is_mobile=size == "phone",
        has_touch=size == "phone",
        base_url=mesh.gateway_url,
        locale="en-GB",
    )
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield page
    assert complaints == []
    await context.close()


async def arrive(page: Page, tenant: DemoTenant) -> None:
    """Opens the guest's page and waits until it is live."""
    await page.goto(f"/t/{tenant.slug}")
    await expect(page.locator("#tenant")).to_have_text(tenant.display_name)
    await expect(page.locator("#live")).to_have_text("live")


async def open_board(page: Page, tenant: DemoTenant) -> None:
    """Opens the board with the staff link and waits until it is live."""
    await page.goto(f"/t/{tenant.slug}/board#key={tenant.staff_key}")
    await expect(page.locator("#tenant")).to_contain_text(tenant.display_name)
    await expect(page.locator("#live")).to_have_text("live")


async def say(page: Page, text: str) -> None:
    """Says something in the chat and waits for the answer."""
    answers = await page.locator("#messages li.agent").count()
    await page.get_by_label("Your message").fill(text)
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#messages li.agent")).to_have_count(answers + 1)
    await expect(page.locator("#composer button")).to_be_enabled()


async def ordered(mesh: RunningMesh, tenant: DemoTenant) -> str:
    """The short number of an order that somebody has just placed."""
    async with guest_of(mesh, tenant.slug) as somebody:
        return (await order(somebody))[-6:].upper()


async def fits(page: Page) -> bool:
    """Whether nothing of the page sticks out sideways."""
    sticks_out: bool = await page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return not sticks_out


async def picture(page: Page, name: str) -> None:
    """Keeps a screenshot where MAITRED_SCREENSHOTS says, if it does."""
    if folder := os.environ.get("MAITRED_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("size", SIZES)
async def test_a_guest_orders_and_staff_move_the_order(
    browser: Browser, mesh: RunningMesh, coffee_bar: DemoTenant, size: str
) -> None:
    async with visiting(browser, mesh, size) as guest, visiting(browser, mesh, size) as staff:
        await open_board(staff, coffee_bar)
        await arrive(guest, coffee_bar)
        await picture(guest, f"guest-{size}-1-arrived")

        await say(guest, "A latte with oat milk and a croissant, please")
        await expect(guest.locator("#cart")).to_contain_text("Oat milk")
        await picture(guest, f"guest-{size}-2-read-back")
        await say(guest, "yes, please")
        own = guest.locator("#orders article")
        await expect(own.locator(".status")).to_have_text("placed")
        number = await own.locator("strong").first.inner_text()
        await picture(guest, f"guest-{size}-3-ordered")

        placed = staff.locator(".column[data-status=placed] article").filter(has_text=number)
        await expect(placed).to_contain_text("Oat milk")
        await picture(staff, f"board-{size}-1-placed")
        for action, status in (("Accept", "accepted"), ("Start", "preparing"), ("Ready", "ready")):
            card = staff.locator(".board article").filter(has_text=number)
            await card.get_by_role("button", name=action).click()
            moved = staff.locator(f".column[data-status={status}] article")
            await expect(moved.filter(has_text=number)).to_have_count(1)
            await expect(own.locator(".status")).to_have_text(status)
        await picture(staff, f"board-{size}-2-ready")
        await picture(guest, f"guest-{size}-4-ready")

        assert await fits(guest)
        assert await fits(staff)
        assert "key=" not in staff.url


async def test_a_guest_calls_an_order_off_and_a_manager_refunds_it(
    browser: Browser, mesh: RunningMesh, coffee_bar: DemoTenant
) -> None:
    async with (
        visiting(browser, mesh, "desktop") as guest,
        visiting(browser, mesh, "desktop") as staff,
        visiting(browser, mesh, "desktop") as manager,
    ):
        await open_board(staff, coffee_bar)
        await open_board(manager, replace(coffee_bar, staff_key=coffee_bar.manager_key))
        await arrive(guest, coffee_bar)
        await say(guest, "an espresso, please")
        await say(guest, "yes")
        own = guest.locator("#orders article")
        number = await own.locator("strong").first.inner_text()
        await picture(guest, "guest-cancel-1-offered")
        await own.get_by_role("button", name="Cancel").click()
        await expect(own.locator(".status")).to_have_text("cancelled")
        await expect(own.get_by_role("button")).to_have_count(0)

        cancelled = ".column[data-status=cancelled] article"
        seen = staff.locator(cancelled).filter(has_text=number)
        await expect(seen).to_have_count(1)
        await expect(seen.get_by_role("button")).to_have_count(0)
        manager.on("dialog", lambda dialog: dialog.accept("out of beans"))
        mine = manager.locator(cancelled).filter(has_text=number)
        await mine.get_by_role("button", name="Refund").click()
        refunded = manager.locator(".column[data-status=refunded] article")
        await expect(refunded.filter(has_text=number)).to_have_count(1)
        await expect(own.locator(".status")).to_have_text("refunded")
        await picture(manager, "board-cancel-2-refunded")
        assert await fits(manager)


async def test_a_reload_keeps_the_chat_the_cart_and_the_orders(
    browser: Browser, mesh: RunningMesh, coffee_bar: DemoTenant
) -> None:
    async with visiting(browser, mesh, "desktop") as guest:
        await arrive(guest, coffee_bar)
        await say(guest, "an espresso, please")
        await say(guest, "yes")
        await expect(guest.locator("#orders article")).to_have_count(1)
        await say(guest, "and a bagel")
        said = await guest.locator("#messages li").all_inner_texts()
        await guest.reload()

        await expect(guest.locator("#orders article")).to_contain_text("Espresso")
        await expect(guest.locator("#cart")).to_contain_text("Bagel")
        # The greeting is the page's own, the rest is the conversation.
        await expect(guest.locator("#messages li")).to_have_text(said[1:])


async def test_an_answer_that_breaks_off_comes_after_all(
    browser: Browser, mesh: RunningMesh, coffee_bar: DemoTenant
) -> None:
    context = await browser.new_context(base_url=mesh.gateway_url)
    guest = await context.new_page()
    await arrive(guest, coffee_bar)
    with paused(mesh, "orders"):
        await guest.get_by_label("Your message").fill("a flat white")
        async with guest.expect_request("**/messages"):
            await guest.get_by_role("button", name="Send").click()
        await asyncio.to_thread(mesh.wait_until_back, mesh.kill("gateway"))

    await expect(guest.locator("#cart")).to_contain_text("Flat white")
    await expect(guest.locator("#messages li.agent").last).to_contain_text("Flat white")
    await expect(guest.locator("#live")).to_have_text("live")
    await say(guest, "yes")
    await expect(guest.locator("#orders article")).to_have_count(1)
    await context.close()


async def test_what_staff_press_while_the_gateway_is_away_is_done_when_it_is_back(
    browser: Browser, mesh: RunningMesh, coffee_bar: DemoTenant
) -> None:
    context = await browser.new_context(base_url=mesh.gateway_url)
    staff = await context.new_page()
    faults: list[str] = []
    staff.on("pageerror", lambda error: faults.append(str(error)))
    await open_board(staff, coffee_bar)
    number = await ordered(mesh, coffee_bar)
    card = staff.locator(".board article").filter(has_text=number)
    accept = card.get_by_role("button", name=f"Accept #{number}")
    await expect(accept).to_be_enabled()
    killed = mesh.kill("gateway")
    await accept.click()
    await asyncio.to_thread(mesh.wait_until_back, killed)
    accepted = staff.locator(".column[data-status=accepted] article").filter(has_text=number)
    await expect(accepted).to_have_count(1)
    await expect(staff.locator("#notice")).to_be_hidden()
    await expect(card.get_by_role("button", name="Start")).to_be_enabled()
    assert faults == []
    await context.close()


async def test_the_board_is_worked_by_keyboard(
    browser: Browser, mesh: RunningMesh, coffee_bar: DemoTenant
) -> None:
    async with visiting(browser, mesh, "desktop") as staff:
        await open_board(staff, coffee_bar)
        number = await ordered(mesh, coffee_bar)
        placed = staff.get_by_role("region", name="placed")
        card = placed.get_by_role("article", name=f"Order #{number}, placed")
        await card.get_by_role("button", name=f"Accept #{number}").focus()
        assert await card.evaluate("card => card.scrollWidth <= card.clientWidth")
        await staff.keyboard.press("Enter")
        moved = staff.get_by_role("article", name=f"Order #{number}, accepted")
        await expect(moved).to_be_focused()
        await staff.keyboard.press("Tab")
        await expect(moved.get_by_role("button", name=f"Start #{number}")).to_be_focused()


async def test_an_order_of_another_guest_is_on_the_board_only(
    browser: Browser, mesh: RunningMesh, pizzeria: DemoTenant
) -> None:
    async with (
        visiting(browser, mesh, "desktop") as one,
        visiting(browser, mesh, "phone") as other,
        visiting(browser, mesh, "desktop") as staff,
    ):
        await open_board(staff, pizzeria)
        for guest, wish in ((one, "a margherita"), (other, "a cola")):
            await arrive(guest, pizzeria)
            await say(guest, wish)
            await say(guest, "yes")
            await expect(guest.locator("#orders article")).to_have_count(1)
        shown = [await page.locator("#orders article").inner_text() for page in (one, other)]
        for text in shown:
            number = re.search(r"#[0-9A-F]+", text)
            assert number
            await expect(staff.locator("article").filter(has_text=number[0])).to_have_count(1)

        assert "Margherita" in shown[0]
        assert "Cola" in shown[1]


async def test_the_board_without_its_link_says_how_to_open_it(
    browser: Browser, mesh: RunningMesh, pizzeria: DemoTenant
) -> None:
    context = await browser.new_context(base_url=mesh.gateway_url)
    page = await context.new_page()
    await page.goto(f"/t/{pizzeria.slug}/board")

    await expect(page.locator("#notice")).to_contain_text("staff link")
    await context.close()


@pytest.mark.parametrize("size", SIZES)
async def test_a_rating_moves_trust_and_reward_before_the_staffs_eyes(
    browser: Browser, mesh: RunningMesh, coffee_bar: DemoTenant, size: str
) -> None:
    async with visiting(browser, mesh, size) as guest, visiting(browser, mesh, size) as staff:
        await staff.goto(f"/t/{coffee_bar.slug}/trust#key={coffee_bar.manager_key}")
        await expect(staff.locator("#live")).to_have_text("live")
        agents = staff.locator("#agents article")
        await expect(agents).to_have_count(3)
        async with guest_of(mesh, coffee_bar.slug) as somebody:
            # Where the bandit was too busy a moment ago, nobody asks it for a while.
            await decision(somebody)
        served = await staff.locator("#arms").inner_text()

        await arrive(guest, coffee_bar)
        await expect(guest.locator("#rating")).to_be_hidden()
        await say(guest, "an espresso")
        await say(guest, "yes")
        # An order and its reward, before anybody rates.
        await expect(staff.locator("#arms")).not_to_have_text(served)
        before = await staff.locator("#arms").inner_text()
        await guest.get_by_label("1 of 5: terrible").check(force=True)
        await expect(guest.locator("#thanks")).to_have_text("Thank you!")
        await expect(staff.locator("#arms")).not_to_have_text(before)
        await picture(guest, f"guest-{size}-5-rated")

        await staff.get_by_role("button", name="Run a cycle").click()
        await expect(staff.locator("#cycle")).to_contain_text("outcomes")
        await picture(staff, f"trust-{size}-1-cycle")
        assert await fits(guest)
        assert await fits(staff)
        assert "key=" not in staff.url


async def test_a_guest_sees_where_an_answer_stands(
    browser: Browser, mesh: RunningMesh, coffee_bar: DemoTenant
) -> None:
    async with visiting(browser, mesh, "desktop") as guest:
        await arrive(guest, coffee_bar)
        await say(guest, "What are your opening hours?")
        sources = guest.locator("#messages li.agent").last.locator("details.sources")
        await expect(sources).to_have_count(1)
        await sources.locator("summary").click()
        await expect(sources.locator("q").first).not_to_be_empty()
        await picture(guest, "guest-desktop-6-cited")
        await guest.reload()

        await expect(guest.locator("#messages li.agent").last.locator("details")).to_have_count(1)
