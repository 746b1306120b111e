"""Compile the contracts: Python and its stubs, the lint image, the events' JSON Schemas.

Run as a script (`make gen`, `make lint`) or by hatchling as this distribution's build hook.
Nothing third-party lies in the tree: `google/api` is read from the installed googleapis, and
`buf/validate` from the descriptor inside the installed protovalidate.

    compile.py                         write protos/gen, unless it is up to date
    compile.py --image FILE [PROTOS]   write the image that `buf lint` and `buf breaking` read
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import protovalidate
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    message_factory,
    timestamp_pb2,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path(__file__).resolve().parent
GENERATED = PROTOS / "gen"
STAMP = ".inputs"
SITE = Path(sysconfig.get_path("purelib"))
SCRIPTS = Path(sysconfig.get_path("scripts"))
WELL_KNOWN = SITE / "grpc_tools" / "_proto"
VALIDATE = "buf/validate/validate.proto"
TOOLS = (
    "googleapis-common-protos",
    "grpcio-tools",
    "mypy-protobuf",
    "protobuf",
    "protovalidate",
)
# googleapis ships no typing marker and the published stubs of `google` clash with grpc's.
API = ("google/api/annotations", "google/api/http")
STUBBED = (*API, "google/rpc/code", "google/rpc/error_details", "google/rpc/status")


class ContractsBuildHook(BuildHookInterface[Any]):
    """Compiles before hatchling collects the files of the wheel or of the editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        generate()


class ContractError(Exception):
    """A contract does not compile; protoc has already printed where."""


def generate(protos: Path = PROTOS, generated: Path = GENERATED) -> bool:
    """Write `generated` from `protos`; False when it already matched its inputs."""
    inputs = fingerprint(protos)
    stamp = generated / STAMP
    if stamp.is_file() and stamp.read_text() == inputs:
        stamp.touch()
        return False
    generated.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".gen-", dir=generated.parent) as scratch:
        fresh = Path(scratch) / "gen"
        fresh.mkdir()
        write_python(protos, fresh, Path(scratch))
        files = described(protos, Path(scratch))
        write_event_schemas(files, fresh)
        write_contract_schemas(files, fresh)
        (fresh / STAMP).write_text(inputs)
        if generated.exists():
            generated.rename(Path(scratch) / "previous")
        fresh.rename(generated)
    return True


def write_image(image: Path, protos: Path = PROTOS) -> None:
    """Write the FileDescriptorSet of all contracts, imports and comments included."""
    with tempfile.TemporaryDirectory(dir=image.parent) as scratch:
        run_protoc(
            protos,
            Path(scratch),
            [f"--descriptor_set_out={image}", "--include_imports", "--include_source_info"],
            contracts(protos),
        )


def contracts(protos: Path) -> list[str]:
    """Paths of our own .proto files, relative to `protos`."""
    return sorted(p.relative_to(protos).as_posix() for p in (protos / "maitred").rglob("*.proto"))


def fingerprint(protos: Path) -> str:
    """A hash of everything the output depends on: contracts, this script, the compilers."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in contracts(protos):
        digest.update(name.encode() + b"\0" + (protos / name).read_bytes() + b"\0")
    for tool in TOOLS:
        digest.update(f"{tool}=={version(tool)}\n".encode())
    return digest.hexdigest()


def run_protoc(protos: Path, scratch: Path, options: list[str], files: list[str]) -> None:
    """Run protoc with every import resolvable; raises ContractError when it fails."""
    descriptors = scratch / "validate.binpb"
    descriptors.write_bytes(validate_descriptors().SerializeToString())
    status = protoc.main(
        [
            "protoc",
            f"--descriptor_set_in={descriptors}",
            f"-I{protos}",
            f"-I{SITE}",
            f"-I{WELL_KNOWN}",
            *options,
            *files,
        ]
    )
    if status != 0:
        raise ContractError("the contracts do not compile")


def validate_descriptors() -> descriptor_pb2.FileDescriptorSet:
    """`buf/validate/validate.proto` and its imports, from the installed protovalidate."""
    found = type(protovalidate.Violation().proto).desc().file.proto.to_binary()
    validate = descriptor_pb2.FileDescriptorProto.FromString(found)
    descriptors = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(descriptors.file.add())
    descriptors.file.append(validate)
    return descriptors


def write_python(protos: Path, generated: Path, scratch: Path) -> None:
    """Modules and stubs of our contracts and of buf/validate, stubs of googleapis."""
    ours = contracts(protos)
    stubs = generated / "stubs"
    stubs.mkdir()
    messages = plugin("mypy")
    run_protoc(
        protos,
        scratch,
        [f"--python_out={generated}", messages, f"--mypy_out=quiet:{generated}"],
        [*ours, VALIDATE],
    )
    services = [name for name in ours if re.search(r"(?m)^service ", (protos / name).read_text())]
    if services:
        run_protoc(
            protos,
            scratch,
            [
                f"--grpc_python_out={generated}",
                plugin("mypy_grpc"),
                f"--mypy_grpc_out=quiet,only_async:{generated}",
            ],
            services,
        )
    run_protoc(
        protos,
        scratch,
        [messages, f"--mypy_out=quiet:{stubs}"],
        [f"{name}.proto" for name in STUBBED],
    )
    for package in (generated / "maitred", generated / "buf"):
        package.mkdir(exist_ok=True)
        (package / "py.typed").touch()


def plugin(name: str) -> str:
    """The protoc flag naming a plugin of this environment by path: it need not be on PATH."""
    suffix = ".exe" if sys.platform == "win32" else ""
    return f"--plugin=protoc-gen-{name}={SCRIPTS / f'protoc-gen-{name}{suffix}'}"


# JSON Schemas


class Described(NamedTuple):
    """All contracts as descriptors, with what their comments say by full name.

    No dataclass: hatchling runs this file without making it a module, which they need.
    """

    files: list[descriptor_pb2.FileDescriptorProto]
    pool: descriptor_pool.DescriptorPool
    comments: dict[str, str]


def described(protos: Path, scratch: Path) -> Described:
    """The contracts, compiled with their comments."""
    image = scratch / "image.binpb"
    write_image(image, protos)
    files = descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return Described(list(files.file), pool, read_comments(files))


def write_event_schemas(contracts: Described, generated: Path) -> None:
    """`order_v1.json` for message `OrderV1` of `maitred.events.v1`, and so on, beside its module.

    They describe the `data` of a CloudEvent: ProtoJSON with the contract's own field names.
    """
    for event in events(contracts):
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", event.name).lower()
        schema = Schemas(contracts, "#/$defs/").document(event)
        path = generated / Path(event.file.name).parent / f"{name}.json"
        path.write_text(json.dumps(schema, indent=2) + "\n")


def events(contracts: Described) -> Iterator[Descriptor]:
    """The messages that are data of events: `OrderV1` of `maitred.events.v1`, and so on."""
    for file in contracts.files:
        if file.package.startswith("maitred.events."):
            for message in file.message_type:
                if re.search(r"V\d+$", message.name):
                    yield contracts.pool.FindMessageTypeByName(f"{file.package}.{message.name}")


def write_contract_schemas(contracts: Described, generated: Path) -> None:
    """`contracts.json`: schemas of events and of all that RPCs take and answer, and the comments.

    The gateway makes its OpenAPI document of it: `{"schemas": {name: …}, "comments": {name: …}}`,
    schemas by the message's own name, comments of services and methods by full name.
    """
    schemas = Schemas(contracts, "#/components/schemas/")
    comments = {}
    for event in events(contracts):
        schemas.reference(event)
    for file in contracts.files:
        for service in file.service if file.package.startswith("maitred.") else ():
            name = f"{file.package}.{service.name}"
            found = contracts.pool.FindServiceByName(name)
            comments[name] = contracts.comments.get(name, "")
            for method in found.methods:
                comments[method.full_name] = contracts.comments.get(method.full_name, "")
                schemas.reference(method.input_type)
                schemas.reference(method.output_type)
    path = generated / "maitred" / "contracts.json"
    content = {"schemas": schemas.definitions, "comments": comments}
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_comments(files: descriptor_pb2.FileDescriptorSet) -> dict[str, str]:
    """The leading comment of every top-level message, field, service and method, by full name."""
    comments: dict[str, str] = {}
    for file in files.file:
        for location in file.source_code_info.location:
            text = " ".join(location.leading_comments.split())
            match list(location.path):
                case [4, index]:
                    comments[f"{file.package}.{file.message_type[index].name}"] = text
                case [4, index, 2, member]:
                    message = file.message_type[index]
                    field = message.field[member].name
                    comments[f"{file.package}.{message.name}.{field}"] = text
                case [6, index]:
                    comments[f"{file.package}.{file.service[index].name}"] = text
                case [6, index, 2, member]:
                    service = file.service[index]
                    method = service.method[member].name
                    comments[f"{file.package}.{service.name}.{method}"] = text
    return comments


WELL_KNOWN_SCHEMAS = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?s$"},
}
SCALARS: dict[int, dict[str, Any]] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number"},
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer"},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0},
}
SIXTY_FOUR_BITS = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
STRING_RULES = {"const": "const", "min_len": "minLength", "max_len": "maxLength"}
STRING_RULES |= {"pattern": "pattern", "in": "enum"}
STRING_FORMATS = ("email", "hostname", "ipv4", "ipv6", "uri", "uuid")
NUMBER_RULES = {"const": "const", "lt": "exclusiveMaximum", "lte": "maximum", "in": "enum"}
NUMBER_RULES |= {"gt": "exclusiveMinimum", "gte": "minimum"}
LIST_RULES = {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"}
MAP_RULES = {"min_pairs": "minProperties", "max_pairs": "maxProperties"}


class Schemas:
    """Messages as JSON Schema 2020-12, their protovalidate rules included.

    Messages within messages are `definitions` by their own name, referred to below `base`.
    """

    def __init__(self, contracts: Described, base: str) -> None:
        self.definitions: dict[str, Any] = {}
        self._pool = contracts.pool
        self._comments = contracts.comments
        self._base = base
        self._named: dict[str, str] = {}
        options = contracts.pool.FindMessageTypeByName("google.protobuf.FieldOptions")
        self._options: type[Message] = message_factory.GetMessageClass(options)
        self._validator = protovalidate.Validator()

    def document(self, message: Descriptor) -> dict[str, Any]:
        """A schema that stands by itself."""
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:{message.full_name.replace('.', ':')}",
            "title": message.full_name,
            **self._object(message),
        }
        return schema | ({"$defs": self.definitions} if self.definitions else {})

    def reference(self, message: Descriptor) -> dict[str, Any]:
        """A reference to the message's definition, which is made if it is missing."""
        if self._named.setdefault(message.name, message.full_name) != message.full_name:
            raise ContractError(f"two messages are named {message.name}")
        if message.name not in self.definitions:
            self.definitions[message.name] = {}
            self.definitions[message.name] = self._object(message)
        return {"$ref": f"{self._base}{message.name}"}

    def _object(self, message: Descriptor) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "object"}
        if comment := self._comments.get(message.full_name):
            schema["description"] = comment
        schema["properties"] = {
            field.name: self._field(field, self._rules(field)) for field in message.fields
        }
        required = self._required(message)
        return schema | ({"required": required} if required else {})

    def _required(self, message: Descriptor) -> list[str]:
        """The fields that may not be left out: those an empty message is refused for."""
        empty = message_factory.GetMessageClass(message)()
        paths = [found.proto.field for found in self._validator.collect_violations(empty)]
        refused = {path.elements[0].field_name for path in paths if path is not None}
        return [field.name for field in message.fields if field.name in refused]

    def _rules(self, field: FieldDescriptor) -> Any:
        """The field's `buf.validate.FieldRules`, None without any."""
        try:
            rules = self._pool.FindExtensionByName("buf.validate.field")
        except KeyError:
            return None
        options: Any = self._options.FromString(field.GetOptions().SerializeToString())
        return options.Extensions[rules] if options.HasExtension(rules) else None

    def _field(self, field: FieldDescriptor, rules: Any) -> dict[str, Any]:
        comment = self._comments.get(field.full_name)
        described = {"description": comment} if comment else {}
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            entry = field.message_type.fields_by_name
            values = self._value(entry["value"], rules and rules.map.values)
            pairs = set_rules(rules.map, MAP_RULES) if rules else {}
            return described | {"type": "object", "additionalProperties": values} | pairs
        if field.is_repeated:
            items = self._value(field, rules and rules.repeated.items)
            sizes = set_rules(rules.repeated, LIST_RULES) if rules else {}
            return described | {"type": "array", "items": items} | sizes
        return described | self._value(field, rules)

    def _value(self, field: FieldDescriptor, rules: Any) -> dict[str, Any]:
        kind = field.cpp_type
        if field.message_type is not None:
            return self._message(field.message_type)
        if field.enum_type is not None:
            refused = set(rules.enum.not_in) if rules else set()
            values = field.enum_type.values
            return {"type": "string", "enum": [v.name for v in values if v.number not in refused]}
        if field.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        constraints = getattr(rules, rules.WhichOneof("type") or "", None) if rules else None
        if kind == FieldDescriptor.CPPTYPE_STRING:
            return {"type": "string"} | (string_rules(constraints) if constraints else {})
        if kind in SIXTY_FOUR_BITS:
            return {"type": "string", "pattern": integer_pattern(kind, constraints)}
        return SCALARS[kind] | (set_rules(constraints, NUMBER_RULES) if constraints else {})

    def _message(self, message: Descriptor) -> dict[str, Any]:
        if message.full_name in WELL_KNOWN_SCHEMAS:
            return dict(WELL_KNOWN_SCHEMAS[message.full_name])
        return self.reference(message)


def set_rules(rules: Any, keywords: dict[str, str]) -> dict[str, Any]:
    """The rules that are set, under their JSON Schema keywords."""
    found = {field.name: value for field, value in rules.ListFields()}
    return {
        keyword: list(found[name]) if name == "in" else found[name]
        for name, keyword in keywords.items()
        if name in found
    }


def string_rules(rules: Any) -> dict[str, Any]:
    """Length, pattern, choices and the well-known format of a string."""
    found = set_rules(rules, STRING_RULES)
    known = rules.WhichOneof("well_known")
    if known in STRING_FORMATS:
        found["format"] = known
    if rules.HasField("prefix") and "pattern" not in found:
        found["pattern"] = "^" + re.escape(rules.prefix)
    return found


def integer_pattern(kind: int, rules: Any) -> str:
    """ProtoJSON writes 64-bit integers as strings, so only the sign can be constrained."""
    lowest = set_rules(rules, {"gte": "at_least", "gt": "above"}) if rules else {}
    if lowest.get("above", -1) >= 0 or lowest.get("at_least", -1) >= 1:
        return "^[1-9][0-9]*$"
    if kind == FieldDescriptor.CPPTYPE_UINT64 or lowest.get("at_least", -1) == 0:
        return "^(0|[1-9][0-9]*)$"
    return "^(0|-?[1-9][0-9]*)$"


def main() -> int:
    """Parse the command line; 1 when a contract does not compile."""
    parser = argparse.ArgumentParser(description="Compile the contracts.")
    parser.add_argument("--image", type=Path, help="write this lint image and nothing else")
    parser.add_argument("protos", type=Path, nargs="?", default=PROTOS, help="default: ours")
    options = parser.parse_args()
    try:
        if options.image:
            write_image(options.image, options.protos)
        else:
            generate(options.protos)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
