"""`maitred chat`: a guest at a terminal."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import httpx
    from rich.console import Console

    from services.assembly.conversation import Conversation

HELP = "/cart shows the cart, /rate 1-5 [comment] rates who serves you, /quit leaves."
STARS = range(1, 6)


def chat(
    url: Annotated[
        str, typer.Option(help="The gateway; that of the running mesh by default.")
    ] = "",
    tenant: Annotated[
        str, typer.Option(help="The tenant's slug; the first demo tenant by default.")
    ] = "",
) -> None:
    """Talk as a guest. Lines may be piped in: then answers are plain text, and its end is yours."""
    import httpx
    from rich.console import Console

    from services.assembly.running import running_mesh, state_folder

    url = url or running_mesh().gateway_url
    tenant = tenant or _first_tenant(state_folder())
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    try:
        with asyncio.Runner() as runner:
            http = httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(30, read=120))
            try:
                screen = Screen(console, runner, runner.run(_arrive(http, tenant)))
                console.print(f"{tenant} at {url}. {HELP}", style="dim")
                problems = screen.serve()
            finally:
                runner.run(http.aclose())
    except KeyboardInterrupt:
        console.print()
        return
    if problems:
        raise typer.Exit(1)


def _first_tenant(home: "Any") -> str:
    from services.assembly.demo.access import read_tenants
    from services.assembly.refusal import Refusal

    tenants = read_tenants(home)
    if not tenants:
        raise Refusal("there is no demo tenant here: say whose guest you are with --tenant.")
    return tenants[0].slug


async def _arrive(http: "httpx.AsyncClient", tenant: str) -> "Conversation":
    import httpx

    from services.assembly.client import GatewayClient, Refused
    from services.assembly.conversation import Conversation
    from services.assembly.refusal import Refusal

    try:
        await http.get("/health")
    except (httpx.TransportError, httpx.UnsupportedProtocol) as error:
        raise Refusal(f"nothing answers at {http.base_url}: {error}") from None
    try:
        return await Conversation.begin(await GatewayClient.guest(http, tenant))
    except Refused as refused:
        raise Refusal(f"{tenant}: {refused}") from None


class Screen:
    """What is said and shown. On a terminal the cart is a table; piped, everything is lines."""

    def __init__(
        self, console: "Console", runner: asyncio.Runner, conversation: "Conversation"
    ) -> None:
        self._console = console
        self._runner = runner
        self._conversation = conversation
        self._shown: Mapping[str, Any] = {}
        self._problems = 0

    def serve(self) -> int:
        """Until the guest leaves; how many messages could not be answered."""
        while (line := self._read()) is not None:
            if line == "/quit":
                break
            if line:
                self._within(line)
        return self._problems

    def _read(self) -> str | None:
        """The next line, None at the end."""
        if not sys.stdin.isatty():
            line = sys.stdin.readline()
            if line:
                self._console.print(f"> {line.strip()}")
            return line.strip() if line else None
        try:
            return input("> ").strip()
        except EOFError:
            self._console.print()
            return None

    def _within(self, line: str) -> None:
        """Does what a line asks; a problem is told, and the conversation goes on."""
        from services.assembly.client import Refused

        try:
            self._runner.run(self._do(line))
        except Refused as refused:
            self._problems += 1
            self._console.print(f"problem: {refused}", style="red")

    async def _do(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        match command:
            case "/cart":
                self._show_cart(await self._conversation.cart())
            case "/rate":
                await self._rate(rest)
            case _ if command.startswith("/"):
                self._console.print(HELP, style="dim")
            case _:
                await self._ask(line)

    async def _rate(self, rest: str) -> None:
        stars, _, comment = rest.strip().partition(" ")
        if not stars.isdecimal() or int(stars) not in STARS:
            self._console.print(HELP, style="dim")
            return
        await self._conversation.rate(int(stars), comment.strip())
        self._console.print(f"rated: {stars} of 5")

    async def _ask(self, text: str) -> None:
        cart: Mapping[str, Any] | None = None
        orders: list[Mapping[str, Any]] = []
        citations: list[Mapping[str, Any]] = []
        async for event in self._conversation.ask(text):
            match event.kind:
                case "token":
                    self._write(event.data["text"])
                case "cart":
                    cart = event.data
                case "order":
                    orders.append(event.data)
                case "citation":
                    citations.append(event.data)
        self._write("\n")
        self._cite(citations)
        for order in orders:
            self._announce(order)
        if cart is not None and cart != self._shown:
            # An order has taken the cart with it.
            if cart.get("lines") or not orders:
                self._show_cart(cart)
            self._shown = cart

    def _write(self, text: str) -> None:
        """A model's words at once, as letters only: nothing in them may steer the terminal."""
        self._console.out(printable(text), end="")
        self._console.file.flush()

    def _cite(self, citations: "Sequence[Mapping[str, Any]]") -> None:
        for number, one in enumerate(citations, 1):
            headings = [one.get("title", ""), *one.get("headings", ())]
            where = " / ".join(dict.fromkeys(filter(None, headings)))
            quote = " ".join(one.get("quote", "").split())
            self._console.print(printable(f"[{number}] {where}: “{quote}”"), style="dim")

    def _announce(self, order: "Mapping[str, Any]") -> None:
        from services.assembly.receipt import money, payable, short_number

        status = order["status"].removeprefix("ORDER_STATUS_").lower()
        total = money(payable(order), order["currency_code"])
        self._console.print(f"order #{short_number(order)} {status}: {total}", style="bold green")

    def _show_cart(self, cart: "Mapping[str, Any]") -> None:
        from services.assembly.receipt import rows

        if not cart.get("lines"):
            self._console.print("cart: empty", style="dim")
        elif self._console.is_terminal:
            from rich.box import SIMPLE_HEAD
            from rich.table import Table

            table = Table("cart", "", box=SIMPLE_HEAD)
            table.columns[1].justify = "right"
            for what, price in rows(cart):
                table.add_row(printable(what), price)
            self._console.print(table)
        else:
            for what, price in rows(cart):
                self._console.print(printable(f"cart: {what} {price}").rstrip())


def printable(text: str) -> str:
    """The text without control characters but line ends and tabs."""
    return "".join(one for one in text if one.isprintable() or one in "\n\t")
