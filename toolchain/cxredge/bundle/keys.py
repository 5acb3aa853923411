"""Keys that sign bundles: ECDSA on P-256 in PEM files, and the line that marks a development key.

RFC 7468 (section 2) allows explanatory text before BEGIN: there a development key says of itself what it is, so that
no tool and no app can take it for a release key.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.errors import InputError
from cxredge.files import open_regular, read_bytes, sha256_bytes, write_new
from cxredge.path_errors import reading, shown

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

DEVELOPMENT = "cxredge development key"
MAX_BYTES = 10_000
BEGIN = b"-----BEGIN "
PUBLIC = ("PUBLIC KEY",)
PRIVATE = ("PRIVATE KEY", "EC PRIVATE KEY")
"""Labels of what is read (RFC 7468, sections 13 and 10; RFC 5915): others may hold keys, but none of ours."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


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


def make_pair(out: str | Path, development: bool) -> tuple[Path, Path]:
    """Write a fresh pair as ``out.key`` (PKCS#8, mode 0600) and ``out.pub``; returns these two.

    The public key is written first: of two processes at once, whoever wrote it goes on, and one that is killed before
    the private key leaves nothing that a bundle can have been signed with. Raises InputError KEY-NAME when ``out``
    names a folder, KEY-EXISTS when one of the two is there: a lost key cannot be had back. What cannot be written
    raises what ``write_new`` raises.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    place = Path(out)
    if os.fspath(out).endswith("/") or place.name in ("", "..") or os.path.isdir(place):
        raise InputError(
            "KEY-NAME", f"{shown(out)} is a folder", "name a pair of files in it, for example keys/release"
        )
    private, public = (place.with_name(f"{place.name}.{end}") for end in ("key", "pub"))
    for path in (private, public):
        # a link that leads nowhere is there, too
        if os.path.lexists(path):
            raise _exists(private, public)
    key = ec.generate_private_key(ec.SECP256R1())
    mark = f"{DEVELOPMENT}\n".encode() if development else b""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public_text = mark + _pem(key.public_key())
    if not write_new(public, public_text):
        raise _exists(private, public)
    placed = False
    try:
        placed = write_new(private, mark + pem, mode=0o600)
    finally:
        if not placed:
            _remove(public, public_text)
    if not placed:
        raise _exists(private, public)
    return private, public


def read_public(path: Path) -> PublicKey:
    """A public key file. Raises InputError KEY-SYNTAX, and what ``files.read_bytes`` raises."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    data = _checked(path, read_bytes(path, MAX_BYTES), PUBLIC)
    try:
        with warnings.catch_warnings(action="ignore"):  # of keys that are refused below
            key = serialization.load_pem_public_key(data)
    except Exception as error:  # a parser of foreign bytes, which names kinds of keys by exceptions of its own
        raise _refuse(path, f"not a public key that can be used here: {error}") from error
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _refuse(path, "not an elliptic-curve key on P-256")
    return PublicKey(path, fingerprint(key), _is_development(data), key)


def read_private(path: Path) -> tuple[EllipticCurvePrivateKey, bool]:
    """A private key file without a password, and whether it is a development key.

    Raises InputError KEY-EXPOSED when others than its owner may read or write it, through a link as well, KEY-SYNTAX,
    and what ``files.read_bytes`` raises.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    with reading(path), open_regular(path) as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        data = _checked(path, stream.read(MAX_BYTES + 1), PRIVATE)
    if mode & OTHERS:
        raise InputError(
            "KEY-EXPOSED",
            f"{shown(path)} has mode {mode:04o}: others than its owner may read or write it",
            f"run: chmod 600 {shlex.quote(str(path))}; if others did read it, make a new pair",
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            key = serialization.load_pem_private_key(data, password=None)
    except TypeError as error:  # so it says that there is a password
        raise _with_password(path) from error
    except Exception as error:  # as above
        raise _refuse(path, f"not a private key without a password that can be used here: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _refuse(path, "not an elliptic-curve key on P-256")
    return key, _is_development(data)


def fingerprint(key: EllipticCurvePublicKey) -> str:
    """As in ``PublicKey``."""
    return sha256_bytes(_pem(key))


def _exists(private: Path, public: Path) -> InputError:
    if not os.path.lexists(private):
        return InputError(
            "KEY-EXISTS",
            f"{shown(public)} is already there, without {shown(private)}: that is elsewhere, or being written now, or "
            "was never written, as its keygen was killed",
            "choose another name, or remove it if nobody has the private key of it",
        )
    return InputError("KEY-EXISTS", f"{shown(private)} is already there", "choose another name, or move it away")


def _remove(file: Path, data: bytes) -> None:
    """Remove what we just wrote, if it is still that."""
    with contextlib.suppress(OSError, InputError):
        if read_bytes(file, len(data)) == data:
            file.unlink()


def _pem(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _checked(path: Path, data: bytes, labels: tuple[str, ...]) -> bytes:
    """``data``, if it is one PEM block with one of these labels and no more than ``MAX_BYTES``."""
    if len(data) > MAX_BYTES:
        raise _refuse(path, f"above {MAX_BYTES} bytes")
    if data.count(BEGIN) != 1:
        raise _refuse(path, f"it holds {data.count(BEGIN)} PEM blocks, not one")
    label = data.partition(BEGIN)[2].partition(b"-----")[0].decode("latin-1")
    if label == "ENCRYPTED PRIVATE KEY" and labels == PRIVATE:
        raise _with_password(path)
    if label not in labels:
        raise _refuse(path, f"it holds {label[:40]!a}, where {labels[0]!r} is due")
    return data


def _is_development(data: bytes) -> bool:
    return DEVELOPMENT.encode() in (line.strip() for line in data[: data.index(BEGIN)].splitlines())


def _with_password(path: Path) -> InputError:
    name = shlex.quote(str(path))
    return InputError(
        "KEY-SYNTAX",
        f"{shown(path)} has a password, and nobody is there to ask for it",
        f"write it without one: (umask 077; openssl pkey -in {name} -out NEW)",
    )


def _refuse(path: Path, cause: str) -> InputError:
    return InputError("KEY-SYNTAX", f"{shown(path)}: {cause}", "name a file that `cxredge keygen` wrote")
