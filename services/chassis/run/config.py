"""Typed settings, each with one name, one sentence and a known source.

A value comes from the first of: the TOML file named by MAITRED_CONFIG (a flat table of the very
names the environment uses), the environment, `.env` in the working folder, the default. A setting
is `sensitive` when it must never be shown, and `dynamic` when it may change while a process runs.
"""

import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import AfterValidator, Field
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

FILE_VARIABLE = "MAITRED_CONFIG"
HIDDEN = "•••"


def setting(
    default: object,
    description: str,
    *,
    env: str | None = None,
    sensitive: bool = False,
    dynamic: bool = False,
    **constraints: Any,
) -> Any:
    """A field of a `Settings` class.

    Args:
        default: its value when nobody says otherwise.
        description: one sentence with unit and range, for `config show` and `.env.example`.
        env: its name; by default the class's prefix and the field's name in capitals.
        sensitive: shown as `•••`.
        dynamic: may be changed while processes run; never an address, a key or a role.
        constraints: passed on to pydantic (`ge`, `le`, …).
    """
    extra = {"sensitive": sensitive, "dynamic": dynamic}
    return Field(
        default,
        validation_alias=env,
        description=description,
        json_schema_extra=cast("dict[str, Any]", extra),
        **constraints,
    )


def _redis_url(url: str) -> str:
    if url and not url.startswith(("redis://", "rediss://")):
        raise ValueError("must begin with redis:// or rediss://")
    return url


RedisUrl = Annotated[str, AfterValidator(_redis_url)]
"""Where a Redis or Valkey is, or empty."""


def peer(name: str, default: str) -> Any:
    """A field that says where the gRPC service `name` is: a target such as `ipv4:a:1,b:1`."""
    field = setting(
        default,
        f"Where {name} answers: a gRPC target, `ipv4:host:port,host:port` or `dns:///host:port`.",
        env=f"MAITRED_{name.upper()}_ADDRESS",
    )
    field.json_schema_extra["peer"] = name
    return field


class Settings(BaseSettings):
    """Base of all settings."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_prefix="MAITRED_",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        env_ignore_empty=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win (tests and the supervisor give them), then the documented order."""
        return (init_settings, _FileSource(settings_cls), env_settings, dotenv_settings)

    @classmethod
    def variable(cls, field: str) -> str:
        """The name of a field in the environment."""
        alias = cls.model_fields[field].validation_alias
        return (
            alias if isinstance(alias, str) else f"{cls.model_config['env_prefix']}{field}".upper()
        )

    @classmethod
    def shown(cls, field: str, text: str) -> str:
        """A field's value as people may see it: `•••` if it is sensitive and not empty."""
        return HIDDEN if text and _extra(cls.model_fields[field])["sensitive"] else text

    def peers(self) -> dict[str, str]:
        """Targets of the services named with `peer`, by service."""
        return {
            extra["peer"]: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if "peer" in (extra := _extra(field))
        }


class ProcessConfig(Settings):
    """What every process is told. A service's own class adds its fields under its own prefix."""

    listen: str = setting("127.0.0.1:0", "Address gRPC is served on; port 0 takes a free one.")
    admin_listen: str = setting(
        "127.0.0.1:0", "Address of /metrics and /healthz; port 0 takes a free one."
    )
    share_ports: bool = setting(
        False,
        "Whether several processes may listen on the same gRPC and HTTP address and share its "
        "connections; `maitred serve --workers` sets it.",
        env="MAITRED_SHARE_PORTS",
    )
    database_url: str = setting(
        "", "Postgres of this service, with its own role; empty for none.", sensitive=True
    )
    database_pool: int = setting(8, "Most connections to Postgres, 1 to 32.", ge=1, le=32)
    redis_url: RedisUrl = setting(
        "", "Redis or Valkey; empty for none.", env="REDIS_URL", sensitive=True
    )
    mesh_public_keys: str = setting(
        "",
        "Public keys of those who may mint mesh tokens: Ed25519, PEM blocks one after another.",
        env="MAITRED_MESH_PUBLIC_KEYS",
    )
    mesh_private_key: str = setting(
        "",
        "Private key this process mints mesh tokens with: Ed25519, PEM; empty if it mints none.",
        env="MAITRED_MESH_PRIVATE_KEY",
        sensitive=True,
    )
    page_token_key: str = setting(
        "",
        "Secret that signs page tokens, the same in all replicas of a service.",
        env="MAITRED_PAGE_TOKEN_KEY",
        sensitive=True,
    )
    log_level: str = setting(
        "info",
        "Least severe log lines that are written: debug, info, warning or error.",
        env="MAITRED_LOG_LEVEL",
        pattern="^(debug|info|warning|error)$",
    )
    otlp_endpoint: str = setting(
        "",
        "Base address of an OTLP/HTTP collector, `http://host:4318`; empty for no tracing.",
        env="MAITRED_OTLP_ENDPOINT",
    )
    trace_ratio: float = setting(
        1.0,
        "Share of new traces that are recorded, 0 to 1; a caller's decision is kept.",
        env="MAITRED_TRACE_RATIO",
        ge=0,
        le=1,
    )
    call_timeout_s: float = setting(
        30.0,
        "Seconds a call may take whose caller set no deadline.",
        env="MAITRED_CALL_TIMEOUT_S",
        gt=0,
    )
    connection_age_s: int = setting(
        300,
        "Seconds after which a server asks a client to connect anew, so that load spreads.",
        env="MAITRED_CONNECTION_AGE_S",
        ge=1,
    )
    drain_delay_s: float = setting(
        0.5,
        "Seconds between saying NOT_SERVING and accepting no more, for callers to look elsewhere.",
        env="MAITRED_DRAIN_DELAY_S",
        ge=0,
    )
    drain_grace_s: float = setting(
        10.0,
        "Seconds calls in flight are given to finish before they are cancelled.",
        env="MAITRED_DRAIN_GRACE_S",
        gt=0,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as shown: its variable, its value as text (`•••` if sensitive), its source."""

    name: str
    value: str
    source: str
    description: str


def describe(settings: Settings) -> list[Row]:
    """The effective settings in the order of their fields, each with where its value came from.

    Sources are `argument`, the path of the TOML file, `environment`, `.env` and `default`.
    """
    cls = type(settings)
    origins = {name: source for source, names in _found(cls) for name in names}
    rows = []
    for name, field in cls.model_fields.items():
        value = getattr(settings, name)
        if name not in settings.model_fields_set:
            source = "default"
        else:
            source = origins.get(name, "argument")
        rows.append(
            Row(cls.variable(name), cls.shown(name, _text(value)), source, field.description or "")
        )
    return rows


def example(classes: Iterable[type[Settings]]) -> str:
    """The text of `.env.example`: every setting of these classes once, commented out at default.

    A class's settings stand under the first line of its docstring; what classes share stands
    where it is declared first.
    """
    seen: set[str] = set()
    sections = []
    for cls in classes:
        lines = []
        for name, field in cls.model_fields.items():
            variable = cls.variable(name)
            if variable in seen:
                continue
            seen.add(variable)
            lines += [f"# {field.description}", f"# {variable}={_text(field.default)}"]
        if lines:
            title = (cls.__doc__ or cls.__name__).strip().splitlines()[0]
            sections.append("\n".join([f"## {title}", *lines]))
    return "\n\n".join(sections) + "\n"


def names_given() -> dict[str, set[str]]:
    """Every name each source has a value for, in capitals, whether a setting has it or not."""
    sources = {
        ".env": DotEnvSettingsSource(Settings),
        "the environment": EnvSettingsSource(Settings),
        os.environ.get(FILE_VARIABLE, "no file"): _FileSource(Settings),
    }
    return {label: {name.upper() for name in source.env_vars} for label, source in sources.items()}


class _FileSource(EnvSettingsSource):
    """The TOML file, read as if its keys were environment variables."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        path = os.environ.get(FILE_VARIABLE)
        if not path:
            return {}
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        return {key.lower(): _text(value) for key, value in table.items()}


def _found(cls: type[Settings]) -> Iterator[tuple[str, set[str]]]:
    """Which fields each source has a value for, the weakest source first."""
    sources = (
        (".env", DotEnvSettingsSource(cls)),
        ("environment", EnvSettingsSource(cls)),
        (os.environ.get(FILE_VARIABLE, ""), _FileSource(cls)),
    )
    for label, source in sources:
        yield (
            label,
            {
                name
                for name, field in cls.model_fields.items()
                if source.get_field_value(field, name)[0] is not None
            },
        )


def _extra(field: FieldInfo) -> dict[str, Any]:
    return cast("dict[str, Any]", field.json_schema_extra)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
