"""`maitred serve`: run targets in this process, as production does."""

from typing import Annotated

import typer


def serve(
    targets: Annotated[list[str], typer.Argument(help="Names of targets, or `all`.")],
) -> None:
    """Serve one or more targets with the settings of the environment, until SIGTERM."""
    from services.assembly.targets import select
    from services.chassis.run.lifecycle import Target, run_process

    served = []
    for target in select(targets):
        wiring = target.load()
        served.append(Target(target.name, wiring.config(), wiring.build))
    run_process(served)
