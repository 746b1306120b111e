"""`maitred serve`: run targets in this process, as production does."""

from typing import Annotated, Any

import typer


def serve(
    targets: Annotated[list[str], typer.Argument(help="Names of targets, or `all`.")],
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that share the targets' ports.")
    ] = 1,
    queues: Annotated[
        str,
        typer.Option(help="Queues the worker serves, separated by commas; $MAITRED_WORKER_QUEUES."),
    ] = "",
) -> None:
    """Serve one or more targets with the settings of the environment, until SIGTERM.

    Where a target is told no database of its own, but DATABASE_URL is set, it works there in the
    role that `maitred migrate` made, with the password kept in the state folder.
    """
    from services.assembly.config import AssemblyConfig
    from services.assembly.migrations import database_fields, service_urls
    from services.assembly.running import state_folder
    from services.assembly.targets import select
    from services.assembly.workers import serve_workers
    from services.chassis.run.lifecycle import Target, run_process

    shared = AssemblyConfig().database_url
    made = service_urls(shared, state_folder().ensure()) if shared else {}
    served = []
    for target in select(targets):
        wiring = target.load()
        takes_queues = queues and "queues" in wiring.config.model_fields
        told: dict[str, Any] = {"queues": queues} if takes_queues else {}
        config = wiring.config(**told)
        missing = {
            field: url
            for field, url in database_fields(wiring.config, made).items()
            if not getattr(config, field)
        }
        config = config.model_copy(update=missing)
        served.append(Target(target.name, config, wiring.build))
    if workers == 1:
        run_process(served)
    else:
        serve_workers(served, workers)
