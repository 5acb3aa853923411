"""The part of Core ML's protobuf schema that an ML Program's evaluation reads, as data.

Names and numbers are those of Apple's published ``Model.proto`` and ``MIL.proto``. The messages live in a descriptor
pool of their own, so that neither coremltools' import (seconds) nor its version matters here. Fields that are left out
(documentation strings, feature descriptions) are skipped by the parser.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cxredge.errors import InputError

PACKAGE = "mlprogram"

DATA_TYPES = {
    1: "bool", 2: "string", 10: "float16", 11: "float32", 12: "float64", 13: "bfloat16", 21: "int8", 22: "int16",
    23: "int32", 24: "int64", 25: "int4", 31: "uint8", 32: "uint16", 33: "uint32", 34: "uint64", 35: "uint4",
    36: "uint2", 37: "uint1", 38: "uint6", 39: "uint3", 40: "float8e4m3fn", 41: "float8e5m2",
}  # fmt: skip
"""``MILSpec.DataType`` by number."""

# message -> field -> (number, kind); "[T]" repeated, "{T}" map from string, "T?oneof" member of a oneof
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Model": {"specificationVersion": (1, "int32"), "mlProgram": (502, "Program")},
    "Program": {"version": (1, "int64"), "functions": (2, "{Function}")},
    "Function": {
        "inputs": (1, "[NamedValueType]"),
        "opset": (2, "string"),
        "block_specializations": (3, "{Block}"),
    },
    "Block": {"inputs": (1, "[NamedValueType]"), "outputs": (2, "[string]"), "operations": (3, "[Operation]")},
    "Binding": {"name": (1, "string?binding"), "value": (2, "Value?binding")},
    "Argument": {"arguments": (1, "[Binding]")},
    "Operation": {
        "type": (1, "string"),
        "inputs": (2, "{Argument}"),
        "outputs": (3, "[NamedValueType]"),
        "blocks": (4, "[Block]"),
        "attributes": (5, "{Value}"),
    },
    "NamedValueType": {"name": (1, "string"), "type": (2, "ValueType")},
    "ValueType": {
        "tensorType": (1, "TensorType?type"),
        "listType": (2, "Opaque?type"),
        "tupleType": (3, "Opaque?type"),
        "dictionaryType": (4, "Opaque?type"),
        "stateType": (5, "Opaque?type"),
    },
    "Opaque": {},
    "TensorType": {"dataType": (1, "int32"), "rank": (2, "int64"), "dimensions": (3, "[Dimension]")},
    "Dimension": {"constant": (1, "ConstantDimension?dimension"), "unknown": (2, "Opaque?dimension")},
    "ConstantDimension": {"size": (1, "uint64")},
    "Value": {
        "type": (2, "ValueType"),
        "immediateValue": (3, "ImmediateValue?value"),
        "blobFileValue": (5, "BlobFileValue?value"),
    },
    "ImmediateValue": {
        "tensor": (1, "TensorValue?value"),
        "tuple": (2, "Opaque?value"),
        "list": (3, "Opaque?value"),
        "dictionary": (4, "Opaque?value"),
    },
    "BlobFileValue": {"fileName": (1, "string"), "offset": (2, "uint64")},
    "TensorValue": {
        "floats": (1, "Floats?value"),
        "ints": (2, "Ints?value"),
        "bools": (3, "Bools?value"),
        "strings": (4, "Strings?value"),
        "longInts": (5, "LongInts?value"),
        "doubles": (6, "Doubles?value"),
        "bytes": (7, "Bytes?value"),
    },
    "Floats": {"values": (1, "[float]")},
    "Ints": {"values": (1, "[int32]")},
    "Bools": {"values": (1, "[bool]")},
    "Strings": {"values": (1, "[string]")},
    "LongInts": {"values": (1, "[int64]")},
    "Doubles": {"values": (1, "[double]")},
    "Bytes": {"values": (1, "bytes")},
}


def parse_model(data: bytes) -> Any:
    """The ``Model`` message in ``data``. Raises InputError MLPROGRAM-SYNTAX."""
    from google.protobuf.message import DecodeError

    model = _model_class()()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise InputError(
            "MLPROGRAM-SYNTAX",
            f"the model specification is not a readable protobuf message: {error}",
            "export the package again; its model file is damaged",
        ) from error
    return model


@cache
def _model_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name=f"{PACKAGE}.proto", package=PACKAGE, syntax="proto3")
    scalars = {
        kind: getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{kind.upper()}")
        for kind in ("int32", "int64", "uint64", "string", "float", "double", "bool", "bytes")
    }
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        oneofs: list[str] = []
        for field, (number, kind) in fields.items():
            entry = message.field.add(name=field, number=number)
            kind, _, oneof = kind.partition("?")
            base = kind.strip("[]{}")
            repeated = kind[0] in "[{"
            entry.label = entry.LABEL_REPEATED if repeated else entry.LABEL_OPTIONAL
            if kind[0] == "{":
                base = _add_map_entry(message, field, base)
            if base in scalars:
                entry.type = scalars[base]
            else:
                entry.type, entry.type_name = entry.TYPE_MESSAGE, f".{PACKAGE}.{base}"
            if oneof:
                if oneof not in oneofs:
                    oneofs.append(oneof)
                    message.oneof_decl.add(name=oneof)
                entry.oneof_index = oneofs.index(oneof)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Model"))


def _add_map_entry(message: Any, field: str, value: str) -> str:
    """Declare the nested entry type of a ``map<string, value>`` field; returns its name below the package."""
    entry = "".join(part.capitalize() for part in field.split("_")) + "Entry"
    nested = message.nested_type.add(name=entry)
    nested.options.map_entry = True
    nested.field.add(name="key", number=1, type=9, label=1)
    nested.field.add(name="value", number=2, type=11, label=1, type_name=f".{PACKAGE}.{value}")
    return f"{message.name}.{entry}"
