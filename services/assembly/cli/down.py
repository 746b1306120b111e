"""`maitred down`: stop the mesh that runs from this state folder."""


def down() -> None:
    """Stop the running mesh; its data stay."""
    import os
    import signal
    import time

    from services.assembly.config import AssemblyConfig
    from services.assembly.home import Home
    from services.assembly.record import read_record

    home = Home.locate(AssemblyConfig().home)
    record = read_record(home)
    if record is None:
        print("Nothing is running.")
        return
    os.kill(record.pid, signal.SIGTERM)
    # The supervisor bounds its own stop: every process has its grace period.
    while home.is_held():
        time.sleep(0.05)
    print("Stopped. The data stay in", home.path)
