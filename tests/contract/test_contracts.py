"""What the contracts promise is what the code enforces and says."""

import ast
import importlib
from collections.abc import Iterator

import protovalidate
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor
from maitred.errors.v1 import error_reason_pb2

from services.chassis.rpc.chain import allowed_roles
from services.chassis.rpc.identity import Role
from tests.repo.sources import files, parsed


def contracts() -> Iterator[FileDescriptor]:
    """Every contract, compiled."""
    for path in files(".proto", under=("protos",)):
        module = ".".join(path.with_suffix("").parts[1:]) + "_pb2"
        yield importlib.import_module(module).DESCRIPTOR


def messages() -> Iterator[Descriptor]:
    """Every message, those inside others too."""
    found = [message for file in contracts() for message in file.message_types_by_name.values()]
    while found:
        message = found.pop()
        found.extend(message.nested_types)
        if not message.GetOptions().map_entry:
            yield message


@pytest.mark.parametrize("message", list(messages()), ids=lambda message: message.full_name)
def test_every_rule_of_a_message_can_be_checked(message: Descriptor) -> None:
    empty = message_factory.GetMessageClass(message)()
    protovalidate.Validator().collect_violations(empty)


def test_every_role_of_the_contract_is_one_the_servers_know() -> None:
    named = {
        role
        for file in contracts()
        for service in file.services_by_name.values()
        for method in service.methods
        for role in allowed_roles(method)
    }
    assert named == set(Role)


def test_every_reason_of_the_contract_is_raised_somewhere() -> None:
    reasons = {
        value.name.removeprefix("ERROR_REASON_")
        for value in error_reason_pb2.ErrorReason.DESCRIPTOR.values
    } - {"UNSPECIFIED"}
    said = {
        node.value
        for path in files(".py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert reasons - said == set()
