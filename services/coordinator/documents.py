"""YAML that is shipped with the package."""

from importlib import resources

import yaml


def packaged_document(package: str, name: str) -> object:
    """The parsed document `name` of a package. Raises FileNotFoundError, yaml.YAMLError."""
    return yaml.safe_load(resources.files(package).joinpath(name).read_text("utf-8"))
