"""What a signature says, read strictly: Sigstore bundle v0.3, DSSE envelope, in-toto statement v1.

The form is OpenSSF model-signing's (predicate ``https://model_signing/signature/v1.0``). A signature file is read in
one spelling, byte for byte: that in which model-signing 1.1 and ``cxredge sign`` write it. What is left to vary is the
key's fingerprint, the payload, every bit of which is signed, and two numbers, in the one DER that they have.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from cxredge import strict_json
from cxredge.files import sha256_bytes

MAX_BYTES = 4_000_000
MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256's base point (FIPS 186-4, D.1.2.3)."""
_PLAIN = re.compile(rb"[\n -\[\]-~]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Envelope:
    """Who says that they signed (hint: a key's fingerprint), the signed bytes, and the signature (DER) over them."""

    hint: str
    payload: bytes
    signature: bytes

    def signed_bytes(self) -> bytes:
        """What the signature is over: DSSE v1's pre-authentication encoding of type and payload."""
        head = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(self.payload)} "
        return head.encode("ascii") + self.payload

    def text(self) -> bytes:
        """The signature file, in the one spelling that is read."""
        tree = {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": self.hint}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(self.payload).decode("ascii"),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(self.signature).decode("ascii"), "keyid": ""}],
            },
        }
        return json.dumps(tree, separators=(",", ":")).encode("ascii")


def read_envelope(data: bytes) -> Envelope:
    """The envelope of a signature file. Raises ValueError, in words."""
    # a tab and a carriage return are one bit apart, as are the two cases of an escape's digits, and JSON takes either
    if not _PLAIN.fullmatch(data):
        raise ValueError("it holds escapes, or other characters than printable ASCII")
    top = _exact(strict_json.parse(data, MAX_BYTES), ("mediaType", "verificationMaterial", "dsseEnvelope"))
    _constant(top["mediaType"], MEDIA_TYPE)
    material = _exact(top["verificationMaterial"], ("publicKey", "tlogEntries"))
    _constant(material["tlogEntries"], [])
    hint = _digest(_exact(material["publicKey"], ("hint",))["hint"])
    envelope = _exact(top["dsseEnvelope"], ("payload", "payloadType", "signatures"))
    _constant(envelope["payloadType"], PAYLOAD_TYPE)
    (signature,) = _list(envelope["signatures"], 1)
    signature = _exact(signature, ("sig", "keyid"))
    _constant(signature["keyid"], "")
    read = Envelope(hint, _base64(envelope["payload"]), _der(_base64(signature["sig"])))
    if read.text() != data:
        raise ValueError("it is not written as model-signing writes it, byte for byte")
    return read


def write_statement(name: str, files: Mapping[str, str], signature: str) -> bytes:
    """The statement over ``files`` (SHA-256 by path), which lie beside the file ``signature``; model-signing's bytes.

    ``name`` is whatever says what was signed; no verifier holds it against anything.
    """
    # by folders and names, as it sorts them: "a/b" stands before "a-b"
    paths = sorted(files, key=PurePosixPath)
    whole = sha256_bytes(b"".join(bytes.fromhex(files[path]) for path in paths))
    tree = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": whole}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [signature],
            },
            "resources": [{"name": path, "algorithm": "sha256", "digest": files[path]} for path in paths],
        },
    }
    return json.dumps(tree, indent=2, sort_keys=True).encode("ascii")


def read_statement(payload: bytes) -> dict[str, str]:
    """SHA-256 by path, as the statement has it. Raises ValueError, in words; paths are not judged here."""
    top = _exact(strict_json.parse(payload, MAX_BYTES), ("_type", "subject", "predicateType", "predicate"))
    _constant(top["_type"], STATEMENT_TYPE)
    _constant(top["predicateType"], PREDICATE_TYPE)
    (subject,) = _list(top["subject"], 1)
    subject = _exact(subject, ("name", "digest"))
    _string(subject["name"])
    whole = _digest(_exact(subject["digest"], ("sha256",))["sha256"])
    predicate = _exact(top["predicate"], ("serialization", "resources"))
    serialization = _exact(
        predicate["serialization"], ("method", "hash_type", "allow_symlinks"), optional=("ignore_paths",)
    )
    _constant(serialization["method"], "files")
    _constant(serialization["hash_type"], "sha256")
    _constant(serialization["allow_symlinks"], False)
    # what it ignores is not ignored here: the list of files must be the whole bundle
    for path in _list(serialization.get("ignore_paths", [])):
        _string(path)
    files: dict[str, str] = {}
    for entry in _list(predicate["resources"]):
        resource = _exact(entry, ("name", "algorithm", "digest"))
        _constant(resource["algorithm"], "sha256")
        name = _string(resource["name"])
        if name in files:
            raise ValueError(f"{name!a} is listed twice")
        files[name] = _digest(resource["digest"])
    if sha256_bytes(b"".join(bytes.fromhex(digest) for digest in files.values())) != whole:
        raise ValueError("the digest of its subject is not that of the files it lists")
    return files


def _exact(value: object, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, object]:
    if not isinstance(value, dict) or not set(keys) <= set(value) <= {*keys, *optional}:
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise ValueError(f"where keys {sorted(keys)} are due, there is {str(found)[:200]!a}")
    return value


def _constant(value: object, due: object) -> None:
    if type(value) is not type(due) or value != due:
        raise ValueError(f"{str(value)[:100]!a} stands where {due!r} is due")


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} stands where a string is due")
    return value


def _list(value: object, count: int | None = None) -> list[object]:
    if not isinstance(value, list) or count not in (None, len(value)):
        raise ValueError("no list stands where one is due, or one of another length")
    return value


def _digest(value: object) -> str:
    if not _DIGEST.fullmatch(_string(value)):
        raise ValueError(f"{str(value)[:100]!a} stands where a SHA-256 is due")
    return _string(value)


def _der(signature: bytes) -> bytes:
    """``signature``, if it is the one DER of two numbers below P-256's order (RFC 3279, section 2.2.3).

    Of a message and a key there are many signatures, and for (r, s) also (r, order - s): whoever holds one can write
    the other. Either is taken, as model-signing writes either: both vouch for the same bytes.
    """
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    try:
        numbers = decode_dss_signature(signature)
    except ValueError as error:
        raise ValueError("it holds no ECDSA signature") from error
    if not all(0 < number < ORDER for number in numbers) or encode_dss_signature(*numbers) != signature:
        raise ValueError("it holds no ECDSA signature")
    return signature


def _base64(value: object) -> bytes:
    text = _string(value)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not base64: {error}") from error
    # unused bits of the last character could be anything otherwise
    if base64.b64encode(data).decode("ascii") != text:
        raise ValueError("its base64 is not canonical")
    return data
