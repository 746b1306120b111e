"""What a command finds out about the installation it works on."""

from services.assembly.config import AssemblyConfig
from services.assembly.home import Home
from services.assembly.record import RunRecord, read_record
from services.assembly.refusal import Refusal


def state_folder() -> Home:
    """The state folder chosen by the settings."""
    return Home.locate(AssemblyConfig().home)


def running_mesh() -> RunRecord:
    """The mesh that runs from the state folder.

    Raises:
        Refusal: none does.
    """
    record = read_record(state_folder())
    if record is None:
        raise Refusal("no mesh runs from this folder; `maitred up` starts one.")
    return record


def database_url() -> str:
    """The migrator's database: the one configured, else that of the running mesh."""
    return AssemblyConfig().database_url or running_mesh().database_url


def redis_url() -> str:
    """The Redis configured, else that of the running mesh."""
    return AssemblyConfig().redis_url or running_mesh().redis_url
