"""The command line, one file a group of commands, imported when used."""

from posemill.cli.main import main

__all__ = ["main"]
