"""model-signing's own command verifies our signatures, and we verify its."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format
from model_signing import manifest as listing
from model_signing._hashing.hashing import Digest
from model_signing._signing.signing import Payload

from cxredge.bundle.bundle import read_manifest
from cxredge.bundle.keys import make_pair, read_public
from cxredge.bundle.sign import sign_bundle
from cxredge.bundle.signature import verify_signature
from cxredge.bundle.statement import read_statement, write_statement
from cxredge.errors import InputError


def model_signing(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def verify(folder: Path, public: Path) -> int:
    return model_signing(
        "verify", "key", "--public_key", public, "--signature", folder / "model.sig", folder
    ).returncode


def test_their_command_verifies_our_signature_and_sees_a_change(signed: Path, tmp_path: Path) -> None:
    private, public = make_pair(tmp_path / "pair", True)
    sign_bundle(signed, private)
    assert verify(signed, public) == 0
    _, other = make_pair(tmp_path / "other", False)
    assert verify(signed, other) != 0
    (signed / "MODEL_CARD.md").write_text("other words")
    assert verify(signed, public) != 0


@pytest.mark.parametrize("options", [(), ("--no-ignore-git-paths",), ("--ignore-paths", "nothing")])
def test_we_verify_their_signature(signed: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    private, public = make_pair(tmp_path / "pair", False)
    (signed / "model.sig").unlink()
    done = model_signing("sign", "key", "--private_key", private, "--signature", signed / "model.sig", *options, signed)
    assert done.returncode == 0, done.stderr
    found = verify_signature(signed, [read_public(public)])
    assert found.manifest == read_manifest(signed)
    assert not found.key.development


def test_what_their_signature_ignores_is_not_ignored_by_us(signed: Path, tmp_path: Path) -> None:
    private, public = make_pair(tmp_path / "pair", False)
    (signed / ".gitattributes").write_text("* text")
    done = model_signing("sign", "key", "--private_key", private, "--signature", signed / "model.sig", signed)
    assert done.returncode == 0, done.stderr
    assert verify(signed, public) == 0
    with pytest.raises(InputError, match="SIGNATURE-FILES"):
        verify_signature(signed, [read_public(public)])


def test_their_envelope_has_the_form_that_ours_has(signed: Path, tmp_path: Path) -> None:
    private, _ = make_pair(tmp_path / "pair", False)
    sign_bundle(signed, private)
    ours = json.loads((signed / "model.sig").read_text())
    model_signing("sign", "key", "--private_key", private, "--signature", signed / "model.sig", signed)
    theirs = json.loads((signed / "model.sig").read_text())
    for tree in (ours, theirs):
        tree["dsseEnvelope"]["payload"] = tree["dsseEnvelope"]["signatures"][0]["sig"] = None
    assert ours == theirs


def test_our_statement_is_the_bytes_that_their_library_writes() -> None:
    paths = ["a/b", "a-b", "a/b/c.d", "Ä ü.txt", 'quote".json', "manifest.json", "a/B", "z" * 200]
    files = {path: hashlib.sha256(path.encode()).hexdigest() for path in paths}
    kind = listing.SerializationType.from_args(
        {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": ["model.sig"]}
    )
    items = [kind.new_item(path, Digest("sha256", bytes.fromhex(digest))) for path, digest in files.items()]
    theirs = Payload(listing.Manifest("the name", items, kind)).statement
    written = write_statement("the name", files, "model.sig")
    # keys sorted, as protobuf has no fixed order
    assert written == json_format.MessageToJson(theirs.pb, sort_keys=True).encode()
    assert read_statement(written) == files
