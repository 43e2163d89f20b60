"""The base of every section of params.yaml."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen; an unknown key is an error, since a typing slip would silently do nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)
