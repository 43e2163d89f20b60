"""Deprecated names of options and commands: hidden aliases that warn, for one release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click


class RenamingGroup(click.Group):
    """A group of commands that accepts deprecated command names, hidden from the help.

    renamed_commands  deprecated name → the name of a command of this group.

    Examples:
        >>> import click
        >>> @click.group(cls=RenamingGroup, renamed_commands={"judgements": "feedback"})
        ... def uat():
        ...     pass
        >>> @uat.command()
        ... def feedback():
        ...     click.echo("nothing is open")
    """

    def __init__(self, *args: Any, renamed_commands: Mapping[str, str] | None = None, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.renamed_commands = dict(renamed_commands or {})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the arguments; warn if its name is deprecated."""
        if args and (new := self.renamed_commands.get(args[0])) is not None:
            click.echo(f"{ctx.command_path} {args[0]} is deprecated: use {ctx.command_path} {new}", err=True)
            args = [new, *args[1:]]
        return super().resolve_command(ctx, args)


def renamed_option(old: str, new: str, **attributes: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Accept the deprecated option `old` in place of `new`, hidden from the help.

    new         option of the same command, such as "--reason"; it must not be `required=True`, since click asks for it
                before the alias is looked at.
    attributes  as of the new option (type, is_flag, multiple, ...).
    Errors: click.UsageError where both are given.

    Examples:
        >>> import click
        >>> @click.command()
        ... @click.option("--reason")
        ... @renamed_option("--because", "--reason")
        ... def promote(reason):
        ...     click.echo(reason)
    """
    name = new.lstrip("-").replace("-", "_")

    def pass_on(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value is None or value is False or value == ():
            return
        click.echo(f"{old} is deprecated: use {new}", err=True)
        context.meta[f"{__name__}.{name}"] = (old, value)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        from functools import wraps

        @wraps(command)
        def run(*args: Any, **kwargs: Any) -> Any:
            context = click.get_current_context()
            if (given := context.meta.get(f"{__name__}.{name}")) is not None:
                if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
                    raise click.UsageError(f"{given[0]} is the old name of {new}: give one of them")
                kwargs[name] = given[1]
            return command(*args, **kwargs)

        option = click.option(
            old,
            "_" + old.lstrip("-").replace("-", "_"),
            hidden=True,
            expose_value=False,
            callback=pass_on,
            **attributes,
        )
        return option(run)

    return decorate
