"""keygen, sign and verify-signature as a person runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.command import ROOT, Run

V2 = ROOT / "tests" / "bundle" / "fixtures" / "v2"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return shutil.copytree(V2 / "bundle", tmp_path / "bundle")


def test_a_bundle_is_signed_checked_and_still_a_bundle(bundle: Path, cxredge: Run, tmp_path: Path) -> None:
    done = cxredge("keygen", tmp_path / "keys" / "release")
    assert done.status == 0, done.err
    fingerprint = done.out.split()[1]
    public = tmp_path / "keys" / "release.pub"
    assert cxredge("sign", bundle, "--key", public.with_suffix(".key")).status == 0
    done = cxredge("verify-signature", bundle, "--pub", V2 / "signer.pub", "--pub", public, "--not-before", "1.0.0")
    assert done.status == 0, done.err
    assert fingerprint in done.out
    assert "DEVELOPMENT" not in done.out
    film = bundle / "selftest" / "phantom-0.png"
    done = cxredge("predict", bundle, film, "--json")
    assert done.status == 0, done.err


def test_a_development_key_is_said_loudly(bundle: Path, cxredge: Run, tmp_path: Path) -> None:
    done = cxredge("keygen", tmp_path / "dev", "--development")
    assert "development key" in done.out
    assert "DEVELOPMENT KEY" in cxredge("sign", bundle, "--key", tmp_path / "dev.key").out
    done = cxredge("verify-signature", bundle, "--pub", tmp_path / "dev.pub")
    assert done.status == 0, done.err
    assert "DEVELOPMENT KEY" in done.out


def test_refusals_have_codes(bundle: Path, cxredge: Run, tmp_path: Path) -> None:
    public = V2 / "signer.pub"
    cxredge("keygen", tmp_path / "k")
    for arguments, code in (
        (("keygen", tmp_path / "k"), "KEY-EXISTS"),
        (("sign", bundle, "--key", tmp_path / "nothing"), "PATH-READ"),
        (("sign", bundle, "--key", public), "KEY-SYNTAX"),
        (("sign", tmp_path, "--key", tmp_path / "k.key"), "BUNDLE-MISSING"),
        (("verify-signature", tmp_path, "--pub", public), "SIGNATURE-MISSING"),
        (("verify-signature", bundle, "--pub", tmp_path / "k.pub"), "SIGNATURE-KEY"),
        (("verify-signature", bundle, "--pub", public, "--not-before", "1.0.1"), "BUNDLE-ROLLBACK"),
    ):
        done = cxredge(*arguments)
        assert (done.status, f"[{code}]" in done.err) == (2, True), done.err
    done = cxredge("verify-signature", bundle, "--pub", public, "--not-before", "latest")
    assert (done.status, "no version" in done.err) == (2, True), done.err
    assert cxredge("verify-signature", bundle).status == 2
