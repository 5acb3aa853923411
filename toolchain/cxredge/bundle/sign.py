"""Signing a bundle in the form of OpenSSF model-signing, so that its own tools verify it too.

That package signs with a random nonce, and lists what it ignores in a set's order. Here the nonce is RFC 6979's and the
order is fixed: the same bundle and key give the same bytes. The form is written without the package, which no plain
``pip`` installs beside litert-torch (they want different typing-extensions); the tests hold one against the other.
"""

from __future__ import annotations

from pathlib import Path

from cxredge.bundle import keys
from cxredge.bundle.build_record import read_record
from cxredge.bundle.bundle import read_manifest
from cxredge.bundle.manifest import FILE, SIGNATURE, Manifest
from cxredge.bundle.statement import Envelope, write_statement
from cxredge.errors import InputError
from cxredge.files import sha256_file, write_bytes
from cxredge.places import check_outputs


def sign_bundle(folder: Path, key_file: Path) -> tuple[str, bool]:
    """Check the bundle, then write ``model.sig`` into it; an older signature is replaced.

    Returns the key's fingerprint and whether it is a development key. Raises InputError KEY-EXPOSED, KEY-SYNTAX,
    SIGN-SHIP (for release, and its weights may not be passed on), and what ``read_manifest``, ``read_record`` and
    ``check_outputs`` raise.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    check_outputs([folder / SIGNATURE], [key_file])
    key, development = keys.read_private(key_file)
    manifest = read_manifest(folder)
    if not development:
        _check_ships(folder)
    payload = _payload(folder, manifest)
    fingerprint = keys.fingerprint(key.public_key())
    over = Envelope(fingerprint, payload, b"").signed_bytes()
    signature = key.sign(over, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    write_bytes(folder / SIGNATURE, Envelope(fingerprint, payload, signature).text())
    return fingerprint, development


def _check_ships(folder: Path) -> None:
    recipe = read_record(folder).recipe
    if recipe.ship is not None:
        raise InputError(
            "SIGN-SHIP",
            f"the weights of {recipe.name} may not be passed on: {recipe.ship.why}",
            "for trying it out here, sign it with a development key: cxredge keygen keys/development --development",
        )


def _payload(folder: Path, manifest: Manifest) -> bytes:
    digests = {f.path: f.sha256 for f in manifest.files} | {FILE: sha256_file(folder / FILE)}
    # the bundle's id in place of the folder's name, which says nothing
    return write_statement(manifest.id, digests, SIGNATURE)
