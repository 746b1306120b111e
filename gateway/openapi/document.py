"""The document, and the endpoint that serves it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files

from gateway.exchange import Answer, Exchange, json_answer
from gateway.openapi import websockets
from gateway.openapi.operations import operation
from gateway.openapi.parts import PROBLEM, PROBLEM_RESPONSE, SECURITY, SECURITY_SCHEMES, Json
from gateway.openapi.surfaces import envelopes, surfaces
from gateway.transcoding.bindings import Binding


class OpenApi:
    """The endpoint of the document, which is made at its first use."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self._bindings = tuple(bindings)

    async def answer(self, _exchange: Exchange) -> Answer:
        """The document."""
        return json_answer(self._text)

    @cached_property
    def document(self) -> Json:
        """The document as JSON values."""
        contracts = json.loads(files("maitred").joinpath("contracts.json").read_text("utf-8"))
        paths: dict[str, Json] = {}
        for binding in self._bindings:
            described = operation(binding, contracts)
            paths.setdefault(binding.path, {})[binding.verb.lower()] = described
        for path, method, described in (*surfaces(contracts), *websockets.described()):
            paths.setdefault(path, {})[method] = described
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Maitred",
                "version": version("maitred"),
                "summary": "The back of house for agents that sell.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "tags": [
                {"name": name.rpartition(".")[2], "description": contracts["comments"][name]}
                for name in _services(self._bindings)
            ],
            "security": SECURITY,
            "paths": paths,
            "components": {
                "schemas": {
                    **contracts["schemas"],
                    **envelopes(),
                    "Problem": PROBLEM,
                },
                "responses": {"Problem": PROBLEM_RESPONSE},
                "securitySchemes": SECURITY_SCHEMES,
            },
        }

    @cached_property
    def _text(self) -> str:
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))


def _services(bound: Iterable[Binding]) -> list[str]:
    """Full names of the services, each once."""
    return list(dict.fromkeys(one.method.containing_service.full_name for one in bound))
