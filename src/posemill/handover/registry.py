"""What a workspace's database knows that a bundle needs: licences of data sets, and signed verdicts of acceptance."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posemill.settings import Settings

VERDICTS = "acceptance/verdicts.json"


@dataclass(frozen=True)
class Registry:
    """Rows of the database.

    licences  data set → licence, as it was registered; None where nobody said.
    verdicts  signed verdicts on the bentos in the bundle, newest first, with the state of bento and report now.
    """

    licences: dict[str, str | None] = field(default_factory=dict)
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write the verdicts into a bundle's folder."""
        (folder / VERDICTS).parent.mkdir(exist_ok=True)
        (folder / VERDICTS).write_text(json.dumps(self.verdicts, indent=1) + "\n")


def read_registry(settings: Settings, tags: dict[str, str]) -> Registry:
    """Read licences and verdicts. Errors: Unavailable where the database cannot be reached."""
    from sqlalchemy import select

    from posemill.store.postgres import open_engine
    from posemill.store.schema import dataset
    from posemill.uat.signing import verify

    engine = open_engine(settings)
    try:
        with engine.connect() as connection:
            rows = connection.execute(select(dataset.c.name, dataset.c.licence)).all()
            found = [verdict for verdict in verify(connection, settings) if verdict.bento_tag in tags.values()]
    finally:
        engine.dispose()
    verdicts = [
        {
            "number": v.verdict,
            "by": v.by,
            "at": v.at.isoformat(),
            "accepted": v.passed,
            "bento": v.bento_tag,
            "bento_state": v.bento,
            "report_state": v.report.replace(str(settings.workspace), "workspace"),
        }
        for v in found
    ]
    return Registry({row.name: row.licence for row in rows}, verdicts)
