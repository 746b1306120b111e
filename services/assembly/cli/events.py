"""`maitred events`: watch the streams, or fill them again from the log."""

from typing import Annotated

import typer

app = typer.Typer(
    help="Watch the streams of events, or fill them.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def tail(
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with the oldest event kept, not from now.")
    ] = False,
    follow: Annotated[
        bool, typer.Option(help="Wait for more; without, end where the streams end.")
    ] = True,
) -> None:
    """Print the events of all tenants: the cursor, a tab, the CloudEvent in JSON."""
    import asyncio
    import contextlib

    from services.assembly.events import tail_streams
    from services.assembly.running import redis_url

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(tail_streams(redis_url(), from_start=from_start, follow=follow, write=print))


@app.command()
def replay() -> None:
    """Make every stream agree with the log; run again, it changes nothing."""
    import asyncio

    from services.assembly.events import replay_log
    from services.assembly.migrations import service_url
    from services.assembly.running import database_url, redis_url, state_folder
    from services.relay.config import RelayConfig

    url = service_url("relay", database_url(), state_folder(), RelayConfig().database_url)
    added = asyncio.run(replay_log(url, redis_url()))
    print(f"{added} events added.")
