"""Limits of video analysis: lengths, jobs at once, retention. From the environment, with defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from posemill.serving.middleware.limits import env_number


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """Every field is a number above 0, read from the variable beside it.

    short_video_s    POSEMILL_SHORT_VIDEO_S: videos up to this long are answered at once, longer ones as a job.
    short_wait_s     POSEMILL_SHORT_WAIT_S: a short video that waits longer for its turn becomes a job too.
    longest_video_s  POSEMILL_LONGEST_VIDEO_S: longer ones are refused.
    jobs             POSEMILL_JOBS: videos that are sent, waiting and worked on at once.
    job_keep_s       POSEMILL_JOB_KEEP_S: how long a finished job and its files stay.
    """

    short_video_s: float = 20.0
    short_wait_s: float = 120.0
    longest_video_s: float = 3 * 3600.0
    jobs: float = 8
    job_keep_s: float = 3600.0

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> VideoLimits:
        """InputError names the variable that is no number above 0."""
        default = cls()
        return cls(
            **{
                field.name: env_number(
                    env, f"POSEMILL_{field.name.upper()}", getattr(default, field.name), positive=True
                )
                for field in fields(cls)
            }
        )
