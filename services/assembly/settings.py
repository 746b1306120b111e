"""What is wrong with the settings, for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

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
            return [_sentence(settings, problem) for problem in error.errors(include_url=False)]
    return None


def _sentence(settings: "type[Settings]", problem: "ErrorDetails") -> str:
    # pydantic names the field, or its alias.
    located = str(problem["loc"][0])
    field = next(one for one in settings.model_fields if located in {one, settings.variable(one)})
    shown = settings.shown(field, str(problem["input"]))
    said = problem["msg"].removeprefix("Value error, ").lower()
    return f"{settings.variable(field)}={shown}: {said}"
