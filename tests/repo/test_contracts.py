"""What protos/compile.py makes of a contract, and what ours have in common."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from google.protobuf.descriptor import FileDescriptor
from maitred.errors.v1 import error_reason_pb2
from maitred.identity.v1 import access_pb2

from tests.repo.sources import ROOT, files, parsed

EVENT = """
syntax = "proto3";
package maitred.events.v1;
import "buf/validate/validate.proto";
import "google/protobuf/timestamp.proto";

// A table was laid.
message TableLaidV2 {
  // Which one.
  string table_id = 1 [
    (buf.validate.field).required = true,
    (buf.validate.field).string = {pattern: "^tab_", max_len: 40}
  ];
  int64 seats = 2 [(buf.validate.field).int64.gte = 0];
  Cloth cloth = 3 [(buf.validate.field).enum = {defined_only: true, not_in: [0]}];
  repeated Setting settings = 4 [(buf.validate.field).repeated = {min_items: 1, max_items: 12}];
  google.protobuf.Timestamp lay_time = 5;
  map<string, int32> glasses = 6;
}

message Setting {
  int32 forks = 1 [(buf.validate.field).int32 = {gte: 1, lte: 5}];
}

enum Cloth {
  CLOTH_UNSPECIFIED = 0;
  CLOTH_LINEN = 1;
}
"""


@pytest.fixture(scope="module")
def compiler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compile", ROOT / "protos" / "compile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    events = tmp_path / "protos" / "maitred" / "events" / "v1"
    events.mkdir(parents=True)
    (events / "table.proto").write_text(EVENT)
    return tmp_path / "protos"


@pytest.fixture
def schema(compiler: ModuleType, protos: Path) -> dict[str, Any]:
    compiler.generate(protos, protos / "gen")
    found: dict[str, Any] = json.loads(
        (protos / "gen/maitred/events/v1/table_laid_v2.json").read_text()
    )
    return found


def test_an_events_schema_carries_comments_and_rules(schema: dict[str, Any]) -> None:
    assert schema["title"] == "maitred.events.v1.TableLaidV2"
    assert schema["description"] == "A table was laid."
    assert schema["properties"]["table_id"] == {
        "description": "Which one.",
        "type": "string",
        "maxLength": 40,
        "pattern": "^tab_",
    }


def test_a_field_whose_rules_refuse_its_default_is_required(schema: dict[str, Any]) -> None:
    assert schema["required"] == ["table_id", "cloth", "settings"]
    assert schema["$defs"]["Setting"]["required"] == ["forks"]


def test_an_events_schema_speaks_protojson(schema: dict[str, Any]) -> None:
    properties = schema["properties"]
    assert properties["seats"] == {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}
    assert properties["cloth"] == {"type": "string", "enum": ["CLOTH_LINEN"]}
    assert properties["lay_time"] == {"type": "string", "format": "date-time"}
    assert properties["glasses"]["additionalProperties"] == {"type": "integer"}
    assert properties["settings"] == {
        "type": "array",
        "items": {"$ref": "#/$defs/Setting"},
        "minItems": 1,
        "maxItems": 12,
    }
    assert schema["$defs"]["Setting"]["properties"]["forks"] == {
        "type": "integer",
        "maximum": 5,
        "minimum": 1,
    }


def test_contracts_are_compiled_again_only_when_they_changed(
    compiler: ModuleType, protos: Path
) -> None:
    assert compiler.generate(protos, protos / "gen") is True
    assert compiler.generate(protos, protos / "gen") is False
    with (protos / "maitred/events/v1/table.proto").open("a") as file:
        file.write("// Changed.\n")
    assert compiler.generate(protos, protos / "gen") is True


def test_a_broken_contract_leaves_the_last_good_output(compiler: ModuleType, protos: Path) -> None:
    compiler.generate(protos, protos / "gen")
    (protos / "maitred/events/v1/table.proto").write_text('syntax = "proto3"; message {')
    with pytest.raises(compiler.ContractError):
        compiler.generate(protos, protos / "gen")
    assert (protos / "gen/maitred/events/v1/table_laid_v2.json").is_file()


def contracts() -> list[FileDescriptor]:
    modules = [
        ".".join(path.with_suffix("").parts[1:]) + "_pb2"
        for path in files(".proto", under=("protos",))
    ]
    return [importlib.import_module(name).DESCRIPTOR for name in modules]


def test_every_method_names_the_roles_that_may_call_it() -> None:
    open_methods = [
        method.full_name
        for file in contracts()
        for service in file.services_by_name.values()
        for method in service.methods
        if not method.GetOptions().Extensions[access_pb2.access].roles
    ]
    assert open_methods == []


def test_every_method_has_a_request_and_a_response_of_its_own() -> None:
    borrowed = [
        method.full_name
        for file in contracts()
        for service in file.services_by_name.values()
        for method in service.methods
        if method.input_type.name != f"{method.name}Request"
        or method.output_type.name != f"{method.name}Response"
    ]
    assert borrowed == []


def test_every_reason_raised_is_in_the_contract() -> None:
    names = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    known = {name.removeprefix("ERROR_REASON_") for name in names}
    raised = {
        (str(path), reason)
        for path in files(".py")
        for node in ast.walk(parsed(path))
        if (reason := reason_of(node)) is not None
    }
    assert {(path, reason) for path, reason in raised if reason not in known} == set()


CONSTRUCTORS = {
    *("invalid", "precondition", "not_found", "already_exists", "aborted", "denied", "exhausted"),
}


def reason_of(node: ast.AST) -> str | None:
    """The literal reason given to a constructor of failures."""
    match node:
        case ast.Call(
            func=ast.Name(id=name) | ast.Attribute(attr=name),
            args=[ast.Constant(value=str(reason)), *_],
        ) if name in CONSTRUCTORS:
            return reason
        case _:
            return None
