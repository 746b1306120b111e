"""Settings: where a value comes from, and how it is shown."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from services.chassis.run.config import ProcessConfig, describe, example, peer, setting


class KitchenConfig(ProcessConfig):
    """Settings of the kitchen."""

    model_config = SettingsConfigDict(env_prefix="MAITRED_KITCHEN_")

    listen: str = setting("127.0.0.1:7999", "Address gRPC is served on.")
    database_url: str = setting("", "Postgres.", env="MAITRED_DB_KITCHEN_URL", sensitive=True)
    hobs: int = setting(4, "Number of hobs, 1 to 8.", ge=1, le=8)
    cellar: str = peer("cellar", "ipv4:127.0.0.1:7998")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("MAITRED_CONFIG", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def source_of(settings: KitchenConfig, variable: str) -> str:
    return next(row.source for row in describe(settings) if row.name == variable)


def test_the_file_wins_over_environment_over_dotenv_over_default(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hobs = "MAITRED_KITCHEN_HOBS"
    assert (KitchenConfig().hobs, source_of(KitchenConfig(), hobs)) == (4, "default")
    (empty_folder / ".env").write_text(f"{hobs}=5\nSOMETHING_ELSE=1\n")
    assert (KitchenConfig().hobs, source_of(KitchenConfig(), hobs)) == (5, ".env")
    monkeypatch.setenv(hobs, "6")
    assert (KitchenConfig().hobs, source_of(KitchenConfig(), hobs)) == (6, "environment")
    (empty_folder / "kitchen.toml").write_text(f"{hobs} = 7\n")
    monkeypatch.setenv("MAITRED_CONFIG", "kitchen.toml")
    assert (KitchenConfig().hobs, source_of(KitchenConfig(), hobs)) == (7, "kitchen.toml")


def test_what_all_share_keeps_its_name_and_what_is_its_own_has_its_prefix() -> None:
    assert KitchenConfig.variable("log_level") == "MAITRED_LOG_LEVEL"
    assert KitchenConfig.variable("listen") == "MAITRED_KITCHEN_LISTEN"
    assert KitchenConfig.variable("database_url") == "MAITRED_DB_KITCHEN_URL"


def test_a_sensitive_value_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAITRED_DB_KITCHEN_URL", "postgresql://cook:hunter2@db/x")
    rows = describe(KitchenConfig())
    assert next(row.value for row in rows if row.name == "MAITRED_DB_KITCHEN_URL") == "•••"
    assert "hunter2" not in str(rows)


def test_a_value_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAITRED_KITCHEN_HOBS", "9")
    with pytest.raises(ValidationError, match="less than or equal to 8"):
        KitchenConfig()


def test_peers_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAITRED_CELLAR_ADDRESS", "dns:///cellar:7998")
    assert KitchenConfig().peers() == {"cellar": "dns:///cellar:7998"}


def test_the_example_tells_each_setting_once() -> None:
    text = example([ProcessConfig, KitchenConfig])
    assert text.count("MAITRED_LOG_LEVEL=info") == 1
    assert "# Number of hobs, 1 to 8.\n# MAITRED_KITCHEN_HOBS=4\n" in text
    assert "## Settings of the kitchen." in text
