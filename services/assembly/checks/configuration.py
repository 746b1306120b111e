"""Whether the settings are known, valid, and where they come from."""

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches

from services.assembly.checks.finding import Finding, bad
from services.assembly.config import AssemblyConfig
from services.assembly.demo.access import CLIENT_VARIABLES
from services.assembly.settings import invalid_settings
from services.assembly.targets import TARGETS
from services.chassis.run.config import FILE_VARIABLE, Settings, describe, names_given

AREA = "settings"
OURS = "MAITRED_"


def check_settings() -> list[Finding]:
    """Every class of settings: whether it can be used, and where its values come from."""
    return [_check(name, settings) for name, settings in _classes()]


def _check(name: str, settings: type[Settings]) -> Finding:
    try:
        rows = describe(settings())
    except ValueError as error:
        problems = invalid_settings(error) or [str(error)]
        return bad(
            AREA, name, "; ".join(problems), "correct them; `.env.example` says what each may be"
        )
    counts = Counter(row.source for row in rows)
    from_defaults = counts.pop("default", 0)
    told = [f"{count} from {source}" for source, count in sorted(counts.items())]
    return Finding(AREA, name, ", ".join([*told, f"{from_defaults} defaults"]))


def check_names() -> Iterator[Finding]:
    """Names that look like settings, and nobody reads."""
    classes = [settings for _, settings in _classes()]
    known = {settings.variable(name) for settings in classes for name in settings.model_fields}
    known |= {FILE_VARIABLE, *CLIENT_VARIABLES}
    for source, names in names_given().items():
        for name in sorted(names - known):
            if name.startswith(OURS):
                near = get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else "`.env.example` lists all there are"
                yield bad(AREA, name, f"in {source}: no setting has this name", hint)


def _classes() -> list[tuple[str, type[Settings]]]:
    processes = ((target.name, target.load().config) for target in TARGETS)
    return [("installation", AssemblyConfig), *processes]
