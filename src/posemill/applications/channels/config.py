"""channels.yaml: where events go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from posemill.applications.channels.email import Email
from posemill.applications.channels.mqtt import Mqtt
from posemill.applications.channels.webhook import Webhook
from posemill.delivery.secret import secret
from posemill.errors import InputError, validation_faults
from posemill.text_file import read_text

AnyChannel = Annotated[Webhook | Email | Mqtt, Field(discriminator="kind")]


class ChannelsFile(BaseModel):
    """The content of channels.yaml. Secrets are never in it: it names environment variables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[AnyChannel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> ChannelsFile:
        names = [channel.name for channel in self.channels]
        if len(set(names)) < len(names):
            raise ValueError(f"names of channels must differ, came {', '.join(names)}")
        return self


def load_channels(path: Path) -> tuple[AnyChannel, ...]:
    """Read channels.yaml. Errors: InputError that names every fault with its place.

    A missing environment variable of a secret is told here too, and not at the first alarm.
    """
    try:
        channels = ChannelsFile.model_validate(yaml.safe_load(read_text(path))).channels
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except yaml.YAMLError as exc:
        raise InputError(f"{path} is no YAML: {' '.join(str(exc).split())}") from exc
    except ValidationError as exc:
        faults = validation_faults(exc)
        raise InputError(f"{path}: {faults}") from exc
    for channel in channels:
        for name in ("secret_env", "password_env"):
            secret(getattr(channel, name, None), f"channel {channel.name}")
    return channels
