"""Poison media: a video whose decoder crashes, hangs or takes all memory at frame k; random bytes in any codec."""

from __future__ import annotations

import random
import sys
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from sqlalchemy import text

from chaos.history import ACKNOWLEDGED, ASKED, Cell, Verdict, check
from chaos.labelling import LENGTHS, Labelling
from chaos.place import TRACEBACK, Place
from chaos.shim import WritePoint
from chaos.zygote import Child
from posemill.errors import UnreadableMedia
from posemill.video.sandboxed import probe_sandboxed, read_frames_sandboxed

POISON = str(Path(__file__).with_name("poison"))
KINDS = ("crash", "hang", "memory")
CODECS = {  # encoder: container and pixel format
    "libx264": ("mp4", "yuv420p"),
    "libx265": ("mp4", "yuv420p"),
    "mpeg4": ("mp4", "yuv420p"),
    "mpeg1video": ("mpg", "yuv420p"),
    "mpeg2video": ("ts", "yuv420p"),
    "libvpx": ("webm", "yuv420p"),
    "libvpx-vp9": ("webm", "yuv420p"),
    "libsvtav1": ("mkv", "yuv420p"),
    "mjpeg": ("avi", "yuvj420p"),
    "msmpeg4v2": ("avi", "yuv420p"),
    "msmpeg4": ("avi", "yuv420p"),
    "wmv1": ("asf", "yuv420p"),
    "wmv2": ("asf", "yuv420p"),
    "flv": ("flv", "yuv420p"),
    "h263": ("avi", "yuv420p"),
    "h263p": ("avi", "yuv420p"),
    "h261": ("mkv", "yuv420p"),
    "ffv1": ("mkv", "yuv420p"),
    "huffyuv": ("avi", "yuv422p"),
    "ffvhuff": ("avi", "yuv420p"),
    "utvideo": ("avi", "yuv420p"),
    "prores": ("mov", "yuv422p10le"),
    "dvvideo": ("avi", "yuv420p"),
    "rawvideo": ("avi", "yuv420p"),
}
FRAMES = 24
TIMEOUT_S = 2.0  # in place of a minute, for a reader that hangs


def label() -> None:
    """In the child: `posemill label`, whose readers meet the poison."""
    from chaos import zygote
    from posemill.video import sandboxed

    sandboxed.TIMEOUT_S = TIMEOUT_S
    sys.path.insert(0, POISON)  # a reader gets this path
    zygote.posemill()


class PoisonedLabelling(Labelling):
    """The same three videos."""

    def start(self, place: Place, point: WritePoint | None = None) -> Child:
        """See Work."""
        poison = {"CHAOS_POISON": place.poison} if place.poison else {}
        return self.bench.start(place, "chaos.poisoned:label", ["label", "--json"], point, poison)


def poison_media(kind: str, work: PoisonedLabelling, tries: int, seed: int) -> Cell:
    """The poisoned video has to end in quarantine, and the two others have to be labelled as ever."""
    cell, chance = Cell(f"decoder: {kind} at frame k", work.name, seed), random.Random(seed)
    for _ in range(tries):
        video = chance.randrange(len(LENGTHS))
        place = work.place()
        place.poison = f"{kind}:{video}:{chance.randrange(LENGTHS[video])}"
        since = time.monotonic()
        child = work.start(place)
        code = child.wait(180)
        seconds = time.monotonic() - since
        place.outputs.append(child.said())
        cell.tracebacks += TRACEBACK in child.said()
        cell.add(_verdict(work, place, video, code), seconds)
        work.bench.remove(place)
    if kind == "hang":
        cell.note = f"with a limit of {TIMEOUT_S:.0f} s in place of a minute; three attempts each"
    else:
        cell.note = "seconds: of the whole run"
    return cell


def _verdict(work: PoisonedLabelling, place: Place, video: int, code: int) -> Verdict:
    engine = work.bench.postgres.engine(place.url)
    with engine.connect() as connection:
        query = "SELECT m.digest FROM quarantine q JOIN medium m ON m.id = q.medium_id WHERE q.resolved_at IS NULL"
        aside = list(connection.scalars(text(query)))
    engine.dispose()
    different = work.different(place, but=video)
    if aside != [work.digests[video]]:
        different.append(f"in quarantine: {aside}")
    if code:
        different.append(f"exit code {code}")
    for write in ("sound videos labelled", "poison in quarantine"):
        place.history.add(ASKED, write)
        place.history.add(ACKNOWLEDGED, write)
    return check(place.history, place.history.writes(ASKED), (), different)


def damaged_codecs(folder: Path, tries: int, seed: int) -> Cell:
    """Random bytes from frame k on, in every codec: read or refused, in bounded time, and the next file is read."""
    chance, cell = random.Random(seed), Cell("random bytes at frame k", "sandboxed reader", seed)
    sound, refused, names = _encode(folder / "sound.mp4", "libx264", *CODECS["libx264"]), 0, []
    for codec, (container, pixels) in CODECS.items():
        path = folder / f"{codec}.{container}"
        with suppress(av.error.FFmpegError, ValueError):  # an encoder that this build lacks
            _encode(path, codec, container, pixels)
            names.append(codec)
    for codec in names:
        content = (folder / f"{codec}.{CODECS[codec][0]}").read_bytes()
        for _ in range(tries):
            start = int(len(content) * chance.uniform(0.05, 0.9))
            length = chance.randrange(8, 2000)
            damaged = folder / f"damaged.{CODECS[codec][0]}"
            damaged.write_bytes(content[:start] + chance.randbytes(length) + content[start + length :])
            since = time.monotonic()
            try:
                probe_sandboxed(damaged)
                for _ in read_frames_sandboxed(damaged):
                    pass
            except UnreadableMedia:
                refused += 1
            seconds = time.monotonic() - since
            different = [] if sum(1 for _ in read_frames_sandboxed(sound)) == FRAMES else [f"after {codec}"]
            cell.add(Verdict(1, different=tuple(different)), seconds)
    cell.note = f"{len(names)} codecs, {refused} refused, the others read with what is left"
    return cell


def _encode(path: Path, codec: str, container: str, pixels: str) -> Path:
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        width, height = (720, 576) if codec == "dvvideo" else (352, 288)
        stream = out.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = width, height, pixels  # type: ignore[attr-defined]
        for number in range(FRAMES):
            image = np.full((height, width, 3), 30 + 5 * number, np.uint8)
            image[50:150, 5 * number : 5 * number + 90] = rng.integers(0, 255, (100, 90, 3))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pixels)))
        out.mux(stream.encode(None))
    return path
