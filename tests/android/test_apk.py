"""`make apk`'s packager, as make calls it: a tiny bundle, built and signed by the product, becomes an APK."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.tiny_recipe import TINY, write_weights

ROOT = Path(__file__).parents[2]
CXREDGE = str(Path(sys.executable).with_name("cxredge"))
RUNTIME = ROOT / "build" / "android" / "runtime"
TARGETS = {
    "targets: {onnx: [fp32, w8a8], executorch: [fp32]}": "targets: {executorch: [fp32], tflite: [fp32]}",
    "bundles: {android: [executorch/fp32]}": "bundles: {android: [executorch/fp32, tflite/fp32]}",
    "  w8a8: {logit_sqnr_db: 1}\n": "",
}


def run(*command: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=540, check=False)


def tool(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The packager's program, by the class path that the Makefile uses."""
    tools = ROOT / "android-app" / "tools" / "target"
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    return run("java", *quick, "-cp", f"{tools}/tools-1.0.0.jar:{tools}/lib/*", "org.cxredge.tools.MainKt", *arguments)


@pytest.fixture(scope="module")
def compiled() -> None:
    """The app and the packager, compiled, and the default runtime laid."""
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        if os.environ.get("CI"):
            pytest.fail("Maven and a JDK are needed (docs/android.md)")
        pytest.skip("Maven and a JDK are not installed (docs/android.md)")
    made = run("make", "android-app", "RUNTIME=npm")
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture(scope="module")
def assets(compiled: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed Android bundle of a tiny student, and the key that an app would pin."""
    folder = tmp_path_factory.mktemp("tiny")
    recipe = TINY.format(digest=write_weights(folder / "weights.safetensors"))
    for old, new in TARGETS.items():
        assert old in recipe
        recipe = recipe.replace(old, new)
    (folder / "model.yaml").write_text(recipe)
    for command in (
        ("build", folder, "--out", folder / "dist", "--android-assets", folder / "assets" / "model"),
        ("keygen", folder / "pair", "--development"),
        ("sign", folder / "assets" / "model", "--key", folder / "pair.key"),
    ):
        done = run(CXREDGE, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    (folder / "assets" / "keys").mkdir()
    shutil.copy(folder / "pair.pub", folder / "assets" / "keys")
    return folder / "assets"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


def package(assets: Path, to: Path, keys: Path, **other: object) -> subprocess.CompletedProcess[str]:
    options = {"runtime": RUNTIME, "abi": "arm64-v8a", "pages": "16k", "keystore": "", **other}
    named = {"app": ROOT / "android-app" / "app", "assets": assets, "keys": keys, "to": to, **options}
    return tool("apk", *(part for name, value in named.items() for part in (f"--{name}", value)))


@pytest.fixture(scope="module")
def apk(assets: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = package(assets, folder, keys)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.iterdir()
    assert made.name == "cxr-edge-tiny-0.0.1.apk"
    return made


def offsets(path: Path) -> dict[str, tuple[zipfile.ZipInfo, int]]:
    """Each entry, and where its data begins in the file."""
    found = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as raw:
        for info in archive.infolist():
            raw.seek(info.header_offset + 26)
            name, extra = struct.unpack("<HH", raw.read(4))
            found[info.filename] = (info, info.header_offset + 30 + name + extra)
    return found


def test_the_same_inputs_give_the_same_bytes(apk: Path, assets: Path, keys: Path, tmp_path: Path) -> None:
    # nothing kept from the first time: R8 runs again
    shutil.rmtree(ROOT / "android-app" / "app" / "target" / "apk")
    done = package(assets, tmp_path, keys)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / apk.name).read_bytes() == apk.read_bytes()


def test_models_and_libraries_are_mapped_where_they_lie(apk: Path) -> None:
    entries = offsets(apk)
    alignment = {".so": 16384, ".pte": 4096, ".tflite": 4096, ".arsc": 4}
    assert {Path(name).suffix for name in entries} >= set(alignment)
    for name, (info, offset) in entries.items():
        if Path(name).suffix in alignment:
            assert info.compress_type == zipfile.ZIP_STORED, name
            assert offset % alignment[Path(name).suffix] == 0, name
    assert {n for n in entries if n.startswith("lib/")} == {
        f"lib/arm64-v8a/{name}" for name in ("libc++_shared.so", "libexecutorch.so", "libfbjni.so")
    }


def test_the_bundle_is_packed_whole(apk: Path, assets: Path) -> None:
    with zipfile.ZipFile(apk) as archive:
        packed = {n: archive.read(n) for n in archive.namelist() if n.startswith(("assets/model/", "assets/keys/"))}
        said = json.loads(archive.read("assets/runtime.json"))
    source = {f"assets/{p.relative_to(assets).as_posix()}": p.read_bytes() for p in assets.rglob("*") if p.is_file()}
    assert packed == source
    assert said["target"] == "executorch"
    assert said["name"] == "react-native-executorch"


def test_it_wants_no_permission_and_names_its_android_versions(apk: Path) -> None:
    aapt2 = ROOT / "android-app/app/target/tools/prebuilt/linux/aapt2"
    badging = run(aapt2, "dump", "badging", apk).stdout
    assert "permission" not in badging
    assert "targetSdkVersion:'35'" in badging
    assert "native-code: 'arm64-v8a'" in badging


def test_apksigner_accepts_it(apk: Path) -> None:
    if shutil.which("apksigner") is None:
        if os.environ.get("CI"):
            pytest.fail("apksigner is needed")
        pytest.skip("apksigner is not installed")
    done = run("apksigner", "verify", "--verbose", "--min-sdk-version", "26", apk)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "v2 scheme (APK Signature Scheme v2): true" in done.stdout
    assert "v3 scheme (APK Signature Scheme v3): true" in done.stdout


def test_a_changed_bundle_is_not_packaged(assets: Path, keys: Path, apk: Path, tmp_path: Path) -> None:
    spoilt = shutil.copytree(assets, tmp_path / "assets")
    card = spoilt / "model" / "MODEL_CARD.md"
    card.write_text(card.read_text().replace("e", "E", 1))
    kept = tmp_path / "dist" / apk.name
    kept.parent.mkdir()
    kept.write_bytes(b"last good one")
    done = package(spoilt, kept.parent, keys)
    assert done.returncode == 2
    assert "error [BUNDLE-" in done.stderr or "error [SIGNATURE-" in done.stderr
    assert [p.read_bytes() for p in kept.parent.iterdir()] == [b"last good one"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"abi": "mips"}, "APK-ABI"),
        ({"pages": "8k"}, "APK-PAGES"),
        ({"keystore": "absent.p12"}, "APK-KEYSTORE"),
        ({"runtime": "absent"}, "RUNTIME-MISSING"),
        ({"app": "absent"}, "APK-COMPILED"),
        ({"assets": "absent"}, "APK-MODEL"),
    ],
)
def test_what_is_missing_or_unknown_is_named(
    change: dict[str, str], code: str, assets: Path, keys: Path, tmp_path: Path
) -> None:
    done = package(**{"assets": assets, "to": tmp_path / "dist", "keys": keys, **change})
    assert done.returncode == 2, done.stderr
    assert f"error [{code}]" in done.stderr
    assert "\nfix: " in done.stderr
    assert not (tmp_path / "dist").exists()


def test_a_bundle_without_its_key_is_not_packaged(assets: Path, keys: Path, tmp_path: Path) -> None:
    shutil.copytree(assets / "model", tmp_path / "assets" / "model")
    done = package(tmp_path / "assets", tmp_path / "dist", keys)
    assert (done.returncode, "error [APK-KEYS]" in done.stderr) == (2, True), done.stderr


def test_a_bundle_for_trying_out_is_in_no_apk_for_release(
    assets: Path, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "release.p12"
    made = run(
        *("keytool", "-genkeypair", "-keystore", store, "-storetype", "PKCS12", "-storepass", "released"),
        *("-alias", "release", "-keyalg", "RSA", "-keysize", "3072", "-dname", "CN=Release"),
    )
    assert made.returncode == 0, made.stdout
    monkeypatch.setenv("ANDROID_KEYSTORE_PASSWORD", "released")
    done = package(assets, tmp_path / "dist", keys, keystore=store)
    assert (done.returncode, "error [APK-DEVELOPMENT]" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "dist").exists()


@pytest.mark.slow
def test_tflite_is_packaged_only_where_small_pages_are_asked_for(assets: Path, keys: Path, tmp_path: Path) -> None:
    laid = tool(
        *("runtime", "--choice", "tflite", "--tools", ROOT / "android-app" / "tools"),
        *("--downloads", ROOT / "build" / "android" / "downloads", "--to", tmp_path / "runtime"),
    )
    assert laid.returncode == 0, laid.stderr
    refused = package(assets, tmp_path / "dist", keys, runtime=tmp_path / "runtime")
    assert (refused.returncode, "error [APK-PAGES]" in refused.stderr) == (2, True), refused.stderr
    assert "choices: RUNTIME=npm, RUNTIME=executorch-android, PAGES=4k" in refused.stderr
    done = package(assets, tmp_path / "dist", keys, runtime=tmp_path / "runtime", pages="4k")
    assert done.returncode == 0, done.stderr
    assert "PAGES=4k: Play, and phones with pages of 16 KiB, refuse this APK" in done.stdout


def test_an_unknown_runtime_is_refused_with_the_choices(compiled: None, tmp_path: Path) -> None:
    done = tool(
        "runtime", "--choice", "onnx", "--tools", tmp_path, "--downloads", tmp_path, "--to", tmp_path / "runtime"
    )
    assert (done.returncode, "error [RUNTIME-CHOICE]" in done.stderr) == (2, True), done.stderr
    assert "choices: RUNTIME=npm, RUNTIME=executorch-android, RUNTIME=tflite" in done.stderr
    assert not (tmp_path / "runtime").exists()
