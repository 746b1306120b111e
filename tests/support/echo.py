"""A service that echoes, declared here and not in a contract: what chassis tests and benches serve.

`Echo` and `Repeat` (a stream) are open to every role, `Manage` to managers, `Forgotten` has no
access rule. `text` is 1 to 100 characters long.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from maitred.identity.v1 import access_pb2

from services.chassis.rpc.server import ServicerBinding

PACKAGE = "maitred.echo.v1"
SERVICE = f"{PACKAGE}.EchoService"
EVERYBODY = tuple(number for number in access_pb2.Role.values() if number)


def _declare() -> None:
    file = descriptor_pb2.FileDescriptorProto(
        name="maitred/echo/v1/echo_service.proto",
        package=PACKAGE,
        syntax="proto3",
        dependency=["buf/validate/validate.proto", "maitred/identity/v1/access.proto"],
    )
    for name in ("EchoRequest", "EchoResponse"):
        message = file.message_type.add(name=name)
        text = message.field.add(
            name="text",
            number=1,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        )
        if name == "EchoRequest":
            rules = text.options.Extensions[validate_pb2.field].string
            rules.min_len = 1
            rules.max_len = 100
    service = file.service.add(name="EchoService")
    for name, roles in (
        ("Echo", EVERYBODY),
        ("Repeat", EVERYBODY),
        ("Manage", (access_pb2.ROLE_MANAGER,)),
        ("Forgotten", ()),
    ):
        method = service.method.add(
            name=name,
            input_type=f".{PACKAGE}.EchoRequest",
            output_type=f".{PACKAGE}.EchoResponse",
            server_streaming=name == "Repeat",
        )
        if roles:
            method.options.Extensions[access_pb2.access].roles.extend(roles)
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


_declare()


def _message(name: str) -> Any:
    described = descriptor_pool.Default().FindMessageTypeByName(f"{PACKAGE}.{name}")
    return message_factory.GetMessageClass(described)


EchoRequest: Any = _message("EchoRequest")
EchoResponse: Any = _message("EchoResponse")

Echo = Callable[[str], Awaitable[str]]
Repeat = Callable[[str], AsyncIterator[str]]


async def same(text: str) -> str:
    """What was said."""
    return text


async def three_times(text: str) -> AsyncIterator[str]:
    """What was said, three times."""
    for _ in range(3):
        yield text


@dataclass(frozen=True, slots=True)
class EchoServicer:
    """Answers with `echo`, and with `repeat` as a stream."""

    echo: Echo = same
    repeat: Repeat = three_times

    async def serve_echo(self, request: Any, _context: object) -> Any:
        return EchoResponse(text=await self.echo(request.text))

    async def serve_repeat(self, request: Any, _context: object) -> AsyncIterator[Any]:
        async for text in self.repeat(request.text):
            yield EchoResponse(text=text)

    def handlers(self) -> dict[str, Any]:
        """As generated code makes them."""
        encoding = (EchoRequest.FromString, EchoResponse.SerializeToString)
        unary: Any = self.serve_echo
        stream: Any = self.serve_repeat
        return {
            **{
                name: grpc.unary_unary_rpc_method_handler(unary, *encoding)
                for name in ("Echo", "Manage", "Forgotten")
            },
            "Repeat": grpc.unary_stream_rpc_method_handler(stream, *encoding),
        }

    def add_to_server(self, _servicer: object, server: Any) -> None:
        """What `add_EchoServiceServicer_to_server` would be."""
        server.add_registered_method_handlers(SERVICE, self.handlers())

    def binding(self) -> ServicerBinding:
        """Itself, to be served."""
        return ServicerBinding(SERVICE, self.add_to_server, self)


class EchoStub:
    """The client's side."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        encoding: dict[str, Any] = {
            "request_serializer": EchoRequest.SerializeToString,
            "response_deserializer": EchoResponse.FromString,
        }
        self.echo: Any = channel.unary_unary(f"/{SERVICE}/Echo", **encoding)
        self.manage: Any = channel.unary_unary(f"/{SERVICE}/Manage", **encoding)
        self.forgotten: Any = channel.unary_unary(f"/{SERVICE}/Forgotten", **encoding)
        self.repeat: Any = channel.unary_stream(f"/{SERVICE}/Repeat", **encoding)
