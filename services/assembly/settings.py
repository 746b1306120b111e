"""What is wrong with the settings, for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.chassis.run.config import Settings


def invalid_settings(error: ValueError) -> list[str] | None:
    """A sentence per setting that cannot be used; None if the error is about something else."""
    from pydantic import ValidationError

    from services.assembly.config import AssemblyConfig
    from services.assembly.targets import TARGETS

    if not isinstance(error, ValidationError):
        return None
    classes: list[type[Settings]] = [AssemblyConfig, *(one.load().config for one in TARGETS)]
    for settings in classes:
        if settings.__name__ == error.title:
            problems = error.errors(include_url=False)
            named = [_variable(settings, problem["loc"]) for problem in problems]
            return [
                f"{name}={problem['input']}: {problem['msg'].lower()}"
                for name, problem in zip(named, problems, strict=True)
            ]
    return None


def _variable(settings: "type[Settings]", location: tuple[int | str, ...]) -> str:
    """The name people set: pydantic names the field, or its alias, which is that name."""
    name = str(location[0])
    return settings.variable(name) if name in settings.model_fields else name
