"""Settings of an acceptance run: what is run against which service, and the folder of the report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from posemill.settings import Settings
from posemill.uat.scenarios import LocatedScenario, find_scenarios


@dataclass(frozen=True)
class AcceptanceSettings:
    """Settings of one acceptance run.

    settings     addresses of workspace, database and store.
    scenarios    files and folders of scenarios; empty: acceptance/ of the workspace.
    service_url  address of a running service; None: `bento` is started for the run.
    bento        tag of the bento to start; None: the newest analysis bento of the workspace.
    report       folder of the report; None: build/uat/TIME.
    """

    settings: Settings
    scenarios: tuple[Path, ...] = ()
    service_url: str | None = None
    bento: str | None = None
    report: Path | None = None

    @cached_property
    def located(self) -> list[LocatedScenario]:
        """The scenarios. Errors: InputError with every fault of their files."""
        return find_scenarios(self.scenarios or (self.settings.workspace / "acceptance",))

    @cached_property
    def report_folder(self) -> Path:
        """Folder that the report is written to."""
        named = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        return self.report or self.settings.workspace / "build" / "uat" / named

    def relative(self, file: Path) -> str:
        """Path of a scenario file relative to the workspace, as reports name it."""
        path = file.resolve()
        root = self.settings.workspace
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else file.name
