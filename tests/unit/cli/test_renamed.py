"""Deprecated names of options and commands still work, warn, and are hidden."""

from __future__ import annotations

import click
from click.testing import CliRunner

from posemill.cli.renamed import RenamingGroup, renamed_option


@click.command()
@click.option("--reason", default="none")
@renamed_option("--because", "--reason")
@click.option("--dry-run", is_flag=True)
@renamed_option("--rehearse", "--dry-run", is_flag=True)
def promote(reason: str, dry_run: bool) -> None:
    click.echo(f"{reason} {dry_run}")


def test_an_old_name_passes_its_value_on_and_warns() -> None:
    outcome = CliRunner().invoke(promote, ["--because", "better", "--rehearse"])
    assert outcome.stdout == "better True\n"
    assert outcome.stderr == "--because is deprecated: use --reason\n--rehearse is deprecated: use --dry-run\n"


def test_a_new_name_says_nothing() -> None:
    outcome = CliRunner().invoke(promote, ["--reason", "better"])
    assert (outcome.stdout, outcome.stderr) == ("better False\n", "")
    assert CliRunner().invoke(promote, []).stdout == "none False\n"


def test_both_names_are_refused() -> None:
    outcome = CliRunner().invoke(promote, ["--because", "a", "--reason", "b"])
    assert outcome.exit_code == 2
    assert "--because is the old name of --reason: give one of them" in outcome.stderr


def test_an_old_name_is_not_in_the_help() -> None:
    assert "because" not in CliRunner().invoke(promote, ["--help"]).output


@click.group(cls=RenamingGroup, renamed_commands={"judgements": "feedback"})
def uat() -> None:
    pass


@uat.command()
@click.option("--all", "everything", is_flag=True)
def feedback(everything: bool) -> None:
    click.echo(f"all {everything}")


def test_an_old_command_runs_the_new_one_and_warns() -> None:
    outcome = CliRunner().invoke(uat, ["judgements", "--all"])
    assert outcome.stdout == "all True\n"
    assert outcome.stderr == "uat judgements is deprecated: use uat feedback\n"
    assert CliRunner().invoke(uat, ["feedback"]).stderr == ""
    assert "judgements" not in CliRunner().invoke(uat, ["--help"]).output
    assert "No such command 'verdicts'" in CliRunner().invoke(uat, ["verdicts"]).stderr
