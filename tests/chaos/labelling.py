"""Work: `posemill label` of three videos of eight chunks, by a stand-in for the network."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import mkdtemp

from sqlalchemy import text

from chaos.history import ACKNOWLEDGED, ASKED, Verdict, check
from chaos.place import Bench, Place
from chaos.shim import WritePoint
from chaos.zygote import Child
from posemill.estimation.estimator import PoseEstimator
from posemill.params.label import LabelParams
from posemill.store import catalog
from posemill.store.media import MediaStore
from posemill.store.track_file import medium_bytes
from stand_in_labeller import StandIn, write_video

LENGTHS = (104, 260, 61)  # 5 s of video are 50 frames: 2, 5 and 1 chunks
PARAMS = LabelParams(chunk_s=5, batch_frames=4)  # attempts: 3, as it is by default


class Labelling:
    """Every chunk is a write, acknowledged by its line in `posemill label --json`."""

    name = "label worker"

    def __init__(self, bench: Bench, delay_s: float = 0.0) -> None:
        self.bench, self._delay_s = bench, delay_s
        self._template = Path(mkdtemp(prefix="label-", dir=bench.postgres.folder))
        self._database = bench.postgres.database()
        (self._template / "params.yaml").write_text(f"label: {PARAMS.model_dump_json()}\n")
        store, self.digests = MediaStore(str(self._template / "store")), []
        for video, frames in enumerate(LENGTHS):
            path = write_video(self._template / f"{video}.mp4", video, frames)
            self.digests.append(store.put(path))
            path.unlink()
        engine = bench.postgres.engine(self._database)
        with engine.begin() as connection:
            catalog.add_media(connection, [catalog.MediumRow(d, "d", "s", "me") for d in self.digests])
        engine.dispose()
        self._whole = {
            f"{digest}.parquet": medium_bytes(PoseEstimator.from_backend(StandIn(), PARAMS).track(store.fetch(digest)))
            for digest in self.digests
        }

    def place(self) -> Place:
        """See Work."""
        return self.bench.place(self._template, self._database.rsplit("/", 1)[1])

    def start(self, place: Place, point: WritePoint | None = None) -> Child:
        """See Work."""
        slow = {"STAND_IN_DELAY_S": str(self._delay_s)}
        return self.bench.start(place, "chaos.zygote:posemill", ["label", "--json"], point, slow)

    def after_fault(self, place: Place) -> None:
        """A track file that is there is whole."""
        for path in (place.store / "tracks").rglob("*.parquet"):
            if not path.name.startswith(".") and self._whole.get(path.name) != path.read_bytes():
                place.half.append(path.name)

    def different(self, place: Place, but: int | None = None) -> list[str]:
        """Track files that are not those of an undisturbed run; `but`: a video that has none."""
        tracks = {p.name: p.read_bytes() for p in (place.store / "tracks").rglob("*.parquet") if p.name[0] != "."}
        wanted = {name: content for name, content in self._whole.items() if name != self._name(but)}
        return [name for name in {*tracks, *wanted} if tracks.get(name) != wanted.get(name)]

    def _name(self, video: int | None) -> str:
        return "" if video is None else f"{self.digests[video]}.parquet"

    def verdict(self, place: Place) -> Verdict:
        """See Work."""
        self.after_fault(place)
        engine = self.bench.postgres.engine(place.url)
        query = (
            "SELECT m.digest, j.start_frame, j.end_frame FROM label_job j JOIN medium m ON m.id = j.medium_id "
            "WHERE j.state = 'done'"
        )
        with engine.connect() as connection:
            done = [tuple(row) for row in connection.execute(text(query))]
            quarantined = connection.scalar(text("SELECT count(*) FROM quarantine"))
        engine.dispose()
        stored = {path.name for path in (place.store / "poses").rglob("*.parquet")}
        there = [name for name, file in ((f"{d[:8]}-{s}", chunk_file(d, s, e)) for d, s, e in done) if file in stored]
        for digest, frames in zip(self.digests, LENGTHS, strict=True):
            starts = range(0, frames - 24, 50)  # a rest of less than half a chunk belongs to the one before
            for start in starts:
                place.history.add(ASKED, f"{digest[:8]}-{start}")
        for output in place.outputs:
            for line in output.splitlines():
                if line.startswith('{"event": "done"'):
                    event = json.loads(line)
                    place.history.add(ACKNOWLEDGED, f"{event['medium'][:8]}-{event['start_frame']}")
        for write in place.history.writes(ASKED):  # the command ended well: all of it is acknowledged
            place.history.add(ACKNOWLEDGED, write)
        different = self.different(place)
        if quarantined:
            different.append(f"{quarantined} sound media in quarantine")
        return check(place.history, there, place.half, different)


def chunk_file(digest: str, start: int, end: int | None) -> str:
    """Name of a chunk's file in the store."""
    return f"{digest}-{start:08d}-{'end' if end is None else f'{end:08d}'}.parquet"
