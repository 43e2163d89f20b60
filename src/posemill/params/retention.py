"""The `retention` section of params.yaml."""

from typing import Self

from pydantic import Field, model_validator

from posemill.params.section import Section


class DatasetRetention(Section):
    """How long media and tracks of one dataset are kept, in days since the medium was added; null: for ever."""

    media: float | None = Field(default=None, gt=0, description="videos; their poses and labels stay")
    tracks: float | None = Field(default=None, gt=0, description="all of a medium, with what came of it")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.media is not None and self.tracks is not None and self.media > self.tracks:
            raise ValueError(
                f"media should be kept no longer than tracks ({self.tracks:g} days), which end with all of a medium; "
                f"came {self.media:g}"
            )
        return self


class RetentionParams(DatasetRetention):
    """How long data is kept, in days; null: for ever. `posemill retention` and its flow remove what is older.

    datasets  by name; what a dataset does not say is as said here.
    """

    uploads: float | None = Field(default=None, gt=0, description="that clients gave feedback on and nobody labelled")
    prediction_log: float | None = Field(default=None, gt=0, description="answers of services")
    datasets: dict[str, DatasetRetention] = Field(default={})

    def of(self, dataset: str) -> DatasetRetention:
        """Return the limits of a dataset. Errors: ValueError where they contradict what is said for all."""
        own = self.datasets.get(dataset, DatasetRetention())
        given = own.model_fields_set
        return DatasetRetention(
            media=own.media if "media" in given else self.media,
            tracks=own.tracks if "tracks" in given else self.tracks,
        )

    @model_validator(mode="after")
    def _datasets_agree(self) -> Self:
        for name in self.datasets:
            self.of(name)
        return self
