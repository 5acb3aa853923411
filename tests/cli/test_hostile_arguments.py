"""No command ends in a traceback, whatever it is given, however it is started and wherever it prints."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cxredge.cli.last_resort import last_resort
from cxredge.cli.main import run
from support.bundles import V2
from support.command import CXREDGE, ROOT
from support.commands import every_command
from support.unprivileged import give_up_overrides

PROGRAM = [sys.executable, "-c", "from cxredge.cli.main import main; main()"]


@pytest.mark.parametrize(
    ("every", "least"), [(96, 70), pytest.param(1, 8_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_every_command_refuses_hostile_arguments(every: int, least: int, tmp_path: Path) -> None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cli.hostile_arguments", str(tmp_path), str(every)],
            cwd=ROOT / "tests",
            env={**os.environ, "OMP_NUM_THREADS": "1", "CXR_CACHE": str(tmp_path / "cache")},
            preexec_fn=give_up_overrides,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)  # deeper than Python removes
    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout)
    assert report["failures"] == []
    assert set(report["ran"]) == set(every_command())
    assert sum(sum(ran.values()) for ran in report["ran"].values()) > least
    if not report["bound"]:
        pytest.skip("this process may read any file: what cannot be read was not tried")


def test_what_no_check_foresaw_is_said_by_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise EOFError("/home/somebody/films/name-of-a-patient.dcm")

    monkeypatch.setattr("cxredge.workflows.doctor.checks", broken)
    assert run(["doctor"]) == 4
    said = capsys.readouterr().err
    for word in ("error [INTERNAL]: EOFError in cxredge/cli/doctor.py:", "command `doctor`", "CXREDGE_TRACEBACK=1"):
        assert word in said
    assert "Traceback" not in said
    assert "patient" not in said
    monkeypatch.setenv("CXREDGE_TRACEBACK", "1")
    assert run(["doctor"]) == 4
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (MemoryError(), "MEMORY-LOW", 3),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "PACKAGE-IMPORT", 3),
        (ImportError("cannot import name", name="cxredge.report"), "INTERNAL", 4),
        (NotADirectoryError(20, "Not a directory", "/a/b"), "PATH-REFUSED", 2),
        (OSError(28, "No space left on device", "/a/b"), "DISK-FULL", 3),
        (OSError(5, "Input/output error", "/a/b"), "DISK-ERROR", 3),
        (FileNotFoundError(2, "No such file", str(ROOT / "toolchain" / "cxredge" / "report" / "x.css")), "INTERNAL", 4),
        (BrokenPipeError(32, "Broken pipe"), "INTERNAL", 4),
        (RecursionError("too deep"), "INTERNAL", 4),
    ],
)
def test_what_is_certain_is_said_so(
    error: Exception, code: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr("cxredge.workflows.doctor.checks", broken)
    assert run(["doctor"]) == status
    assert f"error [{code}]" in capsys.readouterr().err


def test_the_last_resort_raises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder that is gone, a closed standard error, an exception that is broken itself."""

    class Broken(OSError):
        @property
        def filename(self) -> str:  # type: ignore[override]
            raise RuntimeError("broken")

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("CXREDGE_TRACEBACK", "1")
    with open(os.devnull, "w") as closed:
        monkeypatch.setattr(sys, "stderr", closed)
    for error, code in (
        (FileNotFoundError(2, "No such file", "relative"), "PATH-REFUSED"),
        (ValueError("x"), "INTERNAL"),
        (Broken(2, "x", "y"), "INTERNAL"),
    ):
        assert last_resort(error, "`doctor`").code == code


@pytest.mark.parametrize(
    "command", ["doctor", "distill X", "thresholds X", "phantom q --patients 3", "nothing", "schema x"]
)
def test_in_a_working_folder_that_is_gone_every_command_is_refused_by_code(command: str, tmp_path: Path) -> None:
    done = in_a_folder_that_is_gone(tmp_path, command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error [PATH-READ]: the working folder cannot be read: "), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["--help", "--version", "schema --help", "doctor -h"])
def test_what_this_program_is_can_be_asked_anywhere(words: str, tmp_path: Path) -> None:
    done = in_a_folder_that_is_gone(tmp_path, words)
    assert (done.returncode, done.stderr) == (0, "")


def in_a_folder_that_is_gone(tmp_path: Path, words: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "gone").mkdir()
    return subprocess.run(
        ["bash", "-c", f"rmdir ../gone; '{CXREDGE}' {words}"],
        cwd=tmp_path / "gone",
        env={name: value for name, value in os.environ.items() if name != "CXR_DATA"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("shell", "status", "code"),
    [
        ("{} --help | head -c 0; exit ${{PIPESTATUS[0]}}", 0, ""),
        ("{} schema --help | head -c 0; exit ${{PIPESTATUS[0]}}", 0, ""),
        ("{} --help > /dev/full", 3, "DISK-FULL"),
        ("{} --help 1< /dev/null", 3, "PRINT-FAILED"),
        ("{} --help >&-", 0, ""),
        ("{} keygen . 2>&- ; exit $?", 2, ""),
        ("{} --help <&- >&- 2>&-", 0, ""),
    ],
)
def test_output_that_nobody_takes_is_no_traceback(shell: str, status: int, code: str) -> None:
    if "/dev/full" in shell and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = f"'{sys.executable}' -c 'from cxredge.cli.main import main; main()'"
    done = subprocess.run(["bash", "-c", shell.format(command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    assert f"[{code}]" in done.stderr or not code


@pytest.mark.parametrize(
    "encoding",
    [
        {"PYTHONIOENCODING": "utf-8:strict"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "1"},
    ],
)
def test_a_name_that_no_encoding_has_ends_no_batch(encoding: dict[str, str], tmp_path: Path) -> None:
    picture = V2 / "bundle" / "selftest" / "phantom-0.png"
    names = [b"a\xff.png", b"b\x1b[2J.png", "c\u202e\u200b\u3164.png".encode(), b"d.png"]
    for name in names:
        shutil.copy(os.fsencode(picture), os.path.join(os.fsencode(tmp_path), name))
    (tmp_path / "no-film.png").write_text("words")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "PYTHONUTF8", "PYTHONIO"))}
    done = subprocess.run(
        [*PROGRAM, "predict", str(V2 / "bundle"), str(tmp_path)],
        env=environment | encoding,
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout.count(b"(fixture-") == len(names)
    assert b"a\\udcff.png" in done.stdout
    assert all(byte >= 32 or byte == 10 for byte in done.stdout + done.stderr)
    assert b"b\\x1b[2J.png" in done.stdout
    assert "\u202e".encode() not in done.stdout
    assert b"IMG-FORMAT" in done.stderr
