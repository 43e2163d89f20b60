"""The command line: quick to start, honest in its help, one sentence for an error."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from posemill.cli import main as entry
from posemill.cli.main import COMMANDS, cli
from posemill.errors import InputError, Unavailable


def test_help_is_instant() -> None:
    heavy = [
        "torch",
        "prefect",
        "pandas",
        "bentoml",
        "great_expectations",
        "pytorch_lightning",
        "cv2",
        "sqlalchemy",
        "numpy",
    ]
    code = f"""
import sys
from click.testing import CliRunner
from posemill.cli.main import cli
assert CliRunner().invoke(cli, ["--help"]).exit_code == 0
print([m for m in {heavy!r} if m in sys.modules])
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]", "--help imports what it does not need"


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    shown = result.output + "".join(sub.help or "" for sub in getattr(command, "commands", {}).values())
    assert f"posemill {name}" in shown or f"make {name}" in shown, f"no example in `posemill {name} --help`"


def test_a_deprecated_command_warns_and_is_not_listed() -> None:
    shown = CliRunner().invoke(cli, ["forget", "--help"])
    assert "posemill usage 26e506cc30f5" in shown.stdout
    assert "forget is deprecated: use" in shown.stderr
    assert "forget" not in CliRunner().invoke(cli, ["--help"]).output


@pytest.mark.parametrize(("error", "code", "kind"), [(InputError, 1, "error"), (Unavailable, 75, "retryable")])
def test_an_error_is_one_sentence(
    error: type[Exception], code: int, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error("the reason")

    monkeypatch.setattr(sys.modules["posemill.cli.main"], "cli", fail)
    with pytest.raises(SystemExit) as stop:
        entry()
    assert stop.value.code == code
    assert capsys.readouterr().err == f"posemill: {kind}: the reason\n"


def test_unknown_setting_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("POSEMILL_DATABSE_URL", "postgresql://nowhere")
    monkeypatch.setattr(sys, "argv", ["posemill", "doctor"])
    with pytest.raises(SystemExit):
        entry()
    assert "POSEMILL_DATABSE_URL" in capsys.readouterr().err
