"""`maitred check` on a mesh that is well, and on one that is not."""

import subprocess
import sys

import psycopg

from tests.support.mesh import RunningMesh, own_environment, paused

# Wide enough that nothing is broken over lines.
WIDTH = "240"


def checked(mesh: RunningMesh, **settings: str) -> tuple[int, str]:
    """Its exit status and what it printed."""
    environment = own_environment(mesh.home) | {"COLUMNS": WIDTH} | settings
    done = subprocess.run(
        [sys.executable, "-m", "services.assembly.cli", "check"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def failures(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if "✗" in line]


def test_a_mesh_that_is_well_passes_every_check(mesh: RunningMesh) -> None:
    status, printed = checked(mesh)
    assert failures(printed) == []
    assert "none failed" in printed
    assert "was learned in" in printed
    assert "maitred_bandit" in printed
    assert status == 0


def test_what_is_wrong_is_named_with_what_to_do(mesh: RunningMesh) -> None:
    """A misspelt setting, a service that hangs, a table without its policy."""
    with psycopg.connect(mesh.record.database_url, autocommit=True) as migrator:
        migrator.execute("ALTER TABLE orders.quotes DISABLE ROW LEVEL SECURITY")
        try:
            with paused(mesh, "learning"):
                status, printed = checked(mesh, MAITRED_RELAY_BATHC="100")
        finally:
            migrator.execute("ALTER TABLE orders.quotes ENABLE ROW LEVEL SECURITY")
    assert status == 1
    assert len(failures(printed)) == 4
    assert "did you mean MAITRED_RELAY_BATCH?" in printed
    assert "no policy is forced on quotes" in printed
    assert f"no answer at ipv4:{mesh.address('learning', 'grpc')}" in printed
    assert f"no answer at {mesh.address('learning', 'admin')}" in printed


def test_settings_that_cannot_be_read_are_said_before_anything_else(mesh: RunningMesh) -> None:
    status, printed = checked(mesh, MAITRED_RELAY_BATCH="0")
    assert status == 1
    assert len(failures(printed)) == 1
    assert "MAITRED_RELAY_BATCH=0" in printed
    assert "peers" not in printed
