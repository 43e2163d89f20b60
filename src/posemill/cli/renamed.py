"""Deprecated option names: hidden aliases that warn and pass their value on, for one release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


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
