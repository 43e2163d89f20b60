"""Rows of a workspace's database that a bundle needs: licences of data sets, and signed verdicts of acceptance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posemill.errors import InputError
from posemill.settings import Settings

VERDICTS = "acceptance/verdicts.json"
OWN_DATA = {"synthetic": "Apache-2.0, rendered by posemill"}  # of `posemill synth`: nobody is in it


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


def read_registry(settings: Settings, tags: Mapping[str, str], licences: Mapping[str, str]) -> Registry:
    """Read licences and verdicts.

    tags      of the bentos that verdicts are about.
    licences  data set → licence, said by whoever hands over; goes before the database's.
    Errors: Unavailable where the database cannot be reached, InputError for a data set that it does not have.
    """
    from sqlalchemy import select

    from posemill.store.postgres import opened_engine
    from posemill.store.schema import dataset
    from posemill.uat.signing import verify

    with opened_engine(settings) as engine, engine.connect() as connection:
        rows = connection.execute(select(dataset.c.name, dataset.c.licence)).all()
        found = [verdict for verdict in verify(connection, settings) if verdict.bento_tag in tags.values()]
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
    known = {row.name: row.licence or OWN_DATA.get(row.name) for row in rows}
    if unknown := sorted(set(licences) - set(known)):
        raise InputError(f"--data-licence: no data set {unknown[0]}; known are {', '.join(sorted(known))}")
    return Registry(known | dict(licences), verdicts)
