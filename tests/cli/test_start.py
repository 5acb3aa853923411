"""Signals while a command is imported: no traceback, and the documented status."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
import tomllib

import pytest

from support.command import ROOT

START = "from cxredge.cli.start import main; main()"
SLOW = """
import os, signal, sys
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            os.kill(os.getpid(), int(sys.argv[1]))
sys.meta_path.insert(0, Slow())
"""
"""The signal comes in the middle of the imports."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SEED = 20261127


def hearing() -> None:
    """A shell that runs the tests in the background lets its children ignore signals, and that is inherited."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)


def test_the_installed_command_begins_there() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"cxredge": "cxredge.cli.start:main"}


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_within_the_imports(number: signal.Signals) -> None:
    command = [sys.executable, "-P", "-c", SLOW + START, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=hearing)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_is_ignored_stays_ignored(number: signal.Signals) -> None:
    program = f"import signal; signal.signal({int(number)}, signal.SIG_IGN)\n{SLOW}{START}"
    command = [sys.executable, "-P", "-c", program, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "no command" in done.stderr


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_of_which_a_library_makes_another_exception(number: signal.Signals) -> None:
    """As pydantic does while it builds a class."""
    program = f"""
import os, cxredge.cli.main as command
def built():
    try:
        os.kill(os.getpid(), {int(number)})
    except BaseException as error:
        raise ValueError("Error building a class") from None
command.enough_files = built
command.main()
"""
    command = [sys.executable, "-P", "-c", program, "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=hearing)
    told = "interrupted: what was whole before is still whole\n"
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", told)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_at_any_moment(number: signal.Signals) -> None:
    """Python itself hears Ctrl-C before it runs our first line; so the clock starts when that line has run."""
    lot = random.Random(SEED)
    program = (
        f"import cxredge.cli.start as s; s.signal.signal({int(number)}, s.leave_at_once); print(flush=True); s.main()"
    )
    for _ in range(4):
        command = [sys.executable, "-P", "-c", program, "doctor"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hearing
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(lot.uniform(0, 0.5))
            process.send_signal(number)
            _, err = process.communicate()
        assert "Traceback" not in err
        assert process.returncode == 128 + number, err
