"""Checking a bundle's signature: who signed, and that every file is the one that they signed.

Nothing of the bundle is parsed before that but the signature itself, then the manifest, which is held to the signature
first: it says how long every file is, so that nobody's endless file is hashed. Without a signature the manifest
is asked whether the bundle can have one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.bundle.bundle import is_bundle_path, read_manifest, walk_files
from cxredge.bundle.keys import PublicKey
from cxredge.bundle.manifest import FILE, SIGNATURE, Manifest, parse_manifest
from cxredge.bundle.manifest import MAX_BYTES as MANIFEST_BYTES
from cxredge.bundle.statement import MAX_BYTES, Envelope, read_envelope, read_statement
from cxredge.errors import CxrError, InputError
from cxredge.files import read_bytes, sha256_bytes, sha256_file
from cxredge.path_errors import reading


@dataclass(frozen=True)
class Signed:
    """A bundle whose signature holds: its manifest, and the key that signed it."""

    manifest: Manifest
    key: PublicKey


def verify_signature(folder: Path, keys: Sequence[PublicKey], not_before: str | None = None) -> Signed:
    """Check signature, list of files, every size and hash, then the manifest. keys: at least one that may have signed.

    not_before: least version of the model that is taken. Raises InputError SIGNATURE-MISSING, SIGNATURE-SYNTAX,
    SIGNATURE-KEY, SIGNATURE-WRONG, SIGNATURE-FILES, SIGNATURE-HASH, BUNDLE-ROLLBACK, and what ``read_manifest`` raises
    (BUNDLE-FAILED also without a signature).
    """
    key, files = _signed_files(folder, keys)
    _check_files(folder, files)
    manifest = read_manifest(folder)
    found = manifest.model.version
    if not_before is not None and _number(found) < _number(not_before):
        raise InputError(
            "BUNDLE-ROLLBACK",
            f"{folder} holds version {found} of {manifest.model.name}, and nothing before {not_before} is taken",
            "get a newer bundle",
        )
    return Signed(manifest, key)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _signed_files(folder: Path, keys: Sequence[PublicKey]) -> tuple[PublicKey, dict[str, str]]:
    path = folder / SIGNATURE
    if not os.path.lexists(path):
        raise _unsigned(folder)
    if path.is_symlink() or not path.is_file():
        raise InputError(
            "SIGNATURE-FILES", f"{path} is a link or no file", "get the bundle again from where it was signed"
        )
    try:
        envelope = read_envelope(read_bytes(path, MAX_BYTES))
    except ValueError as error:
        raise InputError(
            "SIGNATURE-SYNTAX", f"{path}: {error}", "get the bundle again from where it was signed"
        ) from error
    for key in keys:
        if key.fingerprint == envelope.hint:
            _check_key(path, key, envelope)
            try:
                return key, read_statement(envelope.payload)
            except ValueError as error:
                raise InputError(
                    "SIGNATURE-SYNTAX",
                    f"{path}: signed statement: {error}",
                    "get the bundle again from where it was signed",
                ) from error
    raise InputError(
        "SIGNATURE-KEY",
        f"{folder} says that it was signed by {envelope.hint}, which is none of the keys given",
        "name the key of those whom you trust for this model, or do not use it",
        [f"{key.fingerprint} ({key.file})" for key in keys],
    )


def _unsigned(folder: Path) -> CxrError:
    """That nobody signed it; of what a failed build left, that nobody can."""
    try:
        parse_manifest(folder / FILE)
    except CxrError as error:
        if error.code == "BUNDLE-FAILED":
            return error
    return InputError("SIGNATURE-MISSING", f"{folder} is not signed: it has no {SIGNATURE}", "run `cxredge sign`")


def _check_key(path: Path, key: PublicKey, envelope: Envelope) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key.key.verify(envelope.signature, envelope.signed_bytes(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise InputError(
            "SIGNATURE-WRONG",
            f"{path} was not made with the key {key.fingerprint}",
            "get the bundle again from where it was signed",
        ) from error


def _check_files(folder: Path, signed: dict[str, str]) -> None:
    bad = [name for name in signed if not is_bundle_path(name) or name == SIGNATURE]
    if bad:
        raise InputError(
            "SIGNATURE-FILES",
            f"the signature of {folder} lists {bad[0][:200]!a}, no path in it",
            "get the bundle again from where it was signed",
        )
    present = set()
    for name, whole in walk_files(folder):
        if not whole:
            raise InputError(
                "SIGNATURE-FILES",
                f"{name!a} in {folder} is a link or a special file",
                "get the bundle again from where it was signed",
            )
        present.add(name)
    missing, extra = sorted(set(signed) - present), sorted(present - set(signed) - {SIGNATURE})
    if missing or extra:
        raise InputError(
            "SIGNATURE-FILES",
            f"{folder} does not hold the files that were signed (missing: {missing[:5]!a}, extra: {extra[:5]!a})",
            "get the bundle again from where it was signed",
        )
    if FILE not in signed:
        return  # no bundle, which whoever reads the manifest says
    if sha256_bytes(read_bytes(folder / FILE, MANIFEST_BYTES)) != signed[FILE]:
        raise _changed(folder, FILE)
    sizes = {entry.path: entry.bytes for entry in parse_manifest(folder / FILE).files}
    for name, digest in signed.items():
        if name not in sizes:
            continue  # the manifest, or what is no file of a bundle, which whoever reads the manifest says
        with reading(folder / name):
            size = os.stat(folder / name).st_size
        if size != sizes[name] or sha256_file(folder / name) != digest:
            raise _changed(folder, name)


def _changed(folder: Path, name: str) -> InputError:
    return InputError(
        "SIGNATURE-HASH",
        f"{name} in {folder} is not the file that was signed",
        "get the bundle again from where it was signed",
    )
