"""`maitred serve`: run targets in this process, as production does."""

from typing import Annotated

import typer


def serve(
    targets: Annotated[list[str], typer.Argument(help="Names of targets, or `all`.")],
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that share the targets' ports.")
    ] = 1,
) -> None:
    """Serve one or more targets with the settings of the environment, until SIGTERM."""
    from services.assembly.targets import select
    from services.assembly.workers import serve_workers
    from services.chassis.run.lifecycle import Target, run_process

    served = []
    for target in select(targets):
        wiring = target.load()
        served.append(Target(target.name, wiring.config(), wiring.build))
    if workers == 1:
        run_process(served)
    else:
        serve_workers(served, workers)
