"""The commands of the how-to exist, with the options that it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from posemill.cli.main import cli

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "privacy.md"
COMMANDS = re.findall(r"^\$ (posemill [^#\n]+)", PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_parsed(line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    if name != "add":  # its arguments are files, which are not here
        command.make_context(name, list(arguments))
    for option in (a for a in arguments if a.startswith("--")):
        assert any(option in p.opts for p in command.params), option


def test_the_page_shows_commands() -> None:
    assert len(COMMANDS) >= 10
