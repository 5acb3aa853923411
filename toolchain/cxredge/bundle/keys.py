"""Keys that sign bundles: ECDSA on P-256 in PEM files, and the line that marks a development key.

RFC 7468 (section 2) allows explanatory text before BEGIN: there a development key says of itself what it is, so that
no tool and no app can take it for a release key.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.errors import InputError
from cxredge.files import sha256_bytes, write_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

DEVELOPMENT = "cxredge development key"
MAX_BYTES = 10_000
BEGIN = b"-----BEGIN "


@dataclass(frozen=True)
class PublicKey:
    """A key that bundles may be signed by.

    fingerprint: SHA-256, in hexadecimal, of the key's PEM text (SubjectPublicKeyInfo) as OpenSSL writes it; this is
    what model-signing writes into a signature as the key's hint. development: whether its file says that it is one.
    """

    file: Path
    fingerprint: str
    development: bool
    key: EllipticCurvePublicKey


def make_pair(out: Path, development: bool) -> tuple[Path, Path]:
    """Write a fresh pair as ``out.key`` (PKCS#8, mode 0600) and ``out.pub``; returns these two.

    Raises InputError KEY-EXISTS when one of them is there: a lost key cannot be had back.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private, public = (out.with_name(f"{out.name}.{end}") for end in ("key", "pub"))
    for path in (private, public):
        if path.exists():
            raise InputError("KEY-EXISTS", f"{path} is already there", "choose another name, or move it away")
    key = ec.generate_private_key(ec.SECP256R1())
    mark = f"{DEVELOPMENT}\n".encode() if development else b""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_bytes(private, mark + pem, mode=0o600)
    write_bytes(public, mark + _pem(key.public_key()))
    return private, public


def read_public(path: Path) -> PublicKey:
    """A public key file. Raises InputError KEY-SYNTAX."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    data = _read(path)
    try:
        key = serialization.load_pem_public_key(data)
    except ValueError as error:
        raise _refuse(path, f"not a PEM public key: {error}") from error
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _refuse(path, "not an elliptic-curve key on P-256")
    return PublicKey(path, fingerprint(key), _is_development(data), key)


def read_private(path: Path) -> tuple[EllipticCurvePrivateKey, bool]:
    """A private key file without a password, and whether it is a development key. Raises InputError KEY-SYNTAX."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    data = _read(path)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _refuse(path, f"not a PEM private key without a password: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _refuse(path, "not an elliptic-curve key on P-256")
    return key, _is_development(data)


def fingerprint(key: EllipticCurvePublicKey) -> str:
    """As in ``PublicKey``."""
    return sha256_bytes(_pem(key))


def _pem(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise _refuse(path, "there is no such file")
    if path.stat().st_size > MAX_BYTES:
        raise _refuse(path, f"above {MAX_BYTES} bytes")
    data = path.read_bytes()
    if data.count(BEGIN) != 1:
        raise _refuse(path, "not one PEM block")
    return data


def _is_development(data: bytes) -> bool:
    return DEVELOPMENT.encode() in (line.strip() for line in data[: data.index(BEGIN)].splitlines())


def _refuse(path: Path, cause: str) -> InputError:
    return InputError("KEY-SYNTAX", f"{path}: {cause}", "name a file that `cxredge keygen` wrote")
