"""Active learning: unlabelled clips whose labels teach the network most, into the review queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping

from posemill.errors import InputError
from posemill.features.clip_windows import ClipWindows, clip_windows
from posemill.features.pipeline import FeaturePipeline
from posemill.operations.pool_network import OWN, PoolNetwork, Seen
from posemill.pose.track import MediumTracks
from posemill.review.acquisition import Pool, choose, divergence, margin_uncertainty
from posemill.review.labelled import Labelled
from posemill.stages.workspace import Workspace
from posemill.store.clips import clips as clips_of
from posemill.store.proposals import Proposal, close_answered, propose, proposed_clips, withdraw

LABELLED_WINDOWS = 6000  # of the training data, that choices are kept away from
NOTABLE = 0.5  # disagreement or unlikeness from which the reason names it


@dataclass(frozen=True, slots=True)
class Question:
    """Options of a choice.

    take      proposals that shall be open; those that are open already count.
    datasets  of the clips; none = all.
    model     see PoolNetwork.open.
    other     a second model, whose disagreement makes a clip more wanted; None = none.
    other_labeller  fingerprint of a second labeller, or its beginning, whose tracks make a clip more wanted where the
                    model takes them for something else; None = none.
    renew     withdraw what is open and not answered, and choose anew.
    """

    take: int = 50
    strategy: str = "uncertain-core-set"
    datasets: tuple[str, ...] = ()
    model: str = OWN
    other: str | None = None
    other_labeller: str | None = None
    renew: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Proposed:
    """Figures of a choice. pool: clips to choose from; unseen: without poses, or in which nobody is seen enough."""

    proposed: int
    open: int
    pool: int
    unseen: int
    answered: int
    strategy: str
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """Windows of unlabelled clips: (N, T, K, C), clip (N,), and what was cut by clip."""

    windows: NDArray[np.float32]
    clip: NDArray[np.int64]
    cut: dict[int, ClipWindows]


def propose_clips(
    connection: Connection, labelled: Labelled, inputs: Workspace, question: Question, added_by: str
) -> Proposed:
    """Choose unlabelled clips and queue them; the transaction is the caller's.

    Clips of the official test split are left out, and what a person has answered is not proposed again.
    Errors: InputError where there is no unlabelled clip with poses, or an option names nothing that there is.
    """
    if question.renew:
        withdraw(connection, added_by)
    answered = close_answered(connection, added_by)
    states = proposed_clips(connection)
    unlabelled = [
        row
        for row in clips_of(connection, question.datasets)
        if row["activity"] is None and row["split"] != "test" and states.get(row["clip"]) in (None, "open")
    ]
    there = {row["clip"]: row for row in unlabelled if row["medium"] in labelled.rows}
    model = PoolNetwork.open(question.model, inputs)
    cut = _cut(model.features, there.values(), labelled.all(_media(there.values())))
    still_open = sum(state == "open" for state in states.values())
    if not len(cut.cut):
        raise InputError(
            f"there is no clip to choose from: {len(unlabelled)} clips are unlabelled, none of them in a medium with "
            f"poses of somebody (`posemill add`, then `posemill label`)"
        )
    seen = model.see(cut.windows, cut.clip)
    disagreement = _disagreement(labelled, inputs, question, model, there, cut, seen)
    free = np.array([states.get(int(number)) is None for number in seen.clip])
    pool = _pool(model, inputs, question, seen, disagreement, free)
    rng = np.random.default_rng(question.seed)
    chosen = np.flatnonzero(free)[choose(question.strategy, pool, max(question.take - still_open, 0), rng)]
    rank = 1 - np.arange(len(chosen)) / max(len(chosen), 1)
    proposals = [
        _proposal(there[int(seen.clip[row])], cut, seen, row, float(disagreement[row]), float(worth), model, question)
        for row, worth in zip(chosen.tolist(), rank.tolist(), strict=True)
    ]
    propose(connection, proposals, added_by)
    return Proposed(
        proposed=len(proposals),
        open=still_open + len(proposals),
        pool=int(free.sum()),
        unseen=len(unlabelled) - len(cut.cut),
        answered=answered,
        strategy=question.strategy,
        model=model.name,
    )


def _media(rows: Iterable[RowMapping]) -> list[str]:
    return list(dict.fromkeys(row["medium"] for row in rows))


def _cut(features: FeaturePipeline, rows: Iterable[RowMapping], media: Iterable[MediumTracks]) -> _Cut:
    by_medium: dict[str, list[RowMapping]] = {}
    for row in rows:
        by_medium.setdefault(row["medium"], []).append(row)
    found: dict[int, ClipWindows] = {}
    for tracks in media:
        for row in by_medium[tracks.medium]:
            end_s = float("nan") if row["end_s"] is None else row["end_s"]
            cut = clip_windows(features, tracks, row["start_s"], end_s)
            if cut is not None and len(cut.windows):
                found[row["clip"]] = cut
    windows = [cut.windows for cut in found.values()]
    clip = np.repeat(np.array(list(found), np.int64), [len(w) for w in windows])
    return _Cut(np.concatenate(windows) if windows else np.zeros((0, *features.shape), np.float32), clip, found)


def _disagreement(
    labelled: Labelled,
    inputs: Workspace,
    question: Question,
    model: PoolNetwork,
    there: dict[int, RowMapping],
    cut: _Cut,
    seen: Seen,
) -> NDArray[np.float64]:
    """(M,) 0..1: Jensen-Shannon divergence of another model's verdicts, or of those on another labeller's poses."""
    most = np.zeros(len(seen.clip))
    if question.other is not None:
        other = PoolNetwork.open(question.other, inputs)
        own = model.features.to_json() == other.features.to_json()
        second = cut if own else _cut(other.features, there.values(), labelled.all(_media(there.values())))
        shared = [name for name in model.classes if name in other.classes]
        if len(shared) < 2:
            raise InputError(
                f"models {model.name} and {other.name} have {len(shared)} activities in common; two are needed to "
                f"say where they disagree"
            )
        verdicts = other.see(second.windows, second.clip)
        columns = [[m.classes.index(name) for name in shared] for m in (model, other)]
        most = np.maximum(most, _apart(seen, verdicts, columns[0], columns[1]))
    if question.other_labeller is not None:
        tracks = _other_tracks(labelled, question.other_labeller, _media(there.values()))
        second = _cut(model.features, [r for r in there.values() if r["medium"] in tracks], tracks.values())
        if not len(second.cut):
            raise InputError(
                f"labeller {question.other_labeller} has no poses of an unlabelled clip in the store: label with its "
                f"parameters too (`posemill label`)"
            )
        every = list(range(len(model.classes)))
        most = np.maximum(most, _apart(seen, model.see(second.windows, second.clip), every, every))
    return most


def _apart(one: Seen, other: Seen, columns: list[int], others: list[int]) -> NDArray[np.float64]:
    """(M,) divergence of two models' verdicts on the clips of `one`; 0 where `other` did not see a clip."""
    both, at, there = np.intersect1d(one.clip, other.clip, return_indices=True)
    apart = np.zeros(len(one.clip))
    if len(both):
        p, q = (s.probabilities[rows][:, c] for s, rows, c in ((one, at, columns), (other, there, others)))
        apart[at] = divergence(p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True))
    return apart


def _other_tracks(labelled: Labelled, labeller: str, media: Sequence[str]) -> dict[str, MediumTracks]:
    store = labelled.labeller.tracks
    every = store.labellers()
    names = [name for name in every if name.startswith(labeller)]
    if len(names) != 1:
        known = ", ".join(name[:12] for name in every) or "none"
        raise InputError(f"{len(names)} labellers begin with {labeller!r}; the store has tracks of {known}")
    found = ((medium, labelled.tracks_by(medium, names[0])) for medium in media)
    return {medium: tracks for medium, tracks in found if tracks is not None}


def _pool(
    model: PoolNetwork,
    inputs: Workspace,
    question: Question,
    seen: Seen,
    disagreement: NDArray[np.float64],
    free: NDArray[np.bool_],
) -> Pool:
    """The clips that are free to be chosen; those that are open count as labelled."""
    features = seen.features[~free]
    if question.model == OWN:
        features = np.concatenate([_training(model, inputs), features])
    return Pool(seen.features[free], seen.probabilities[free], (1 + disagreement + seen.unlike)[free], features)


def _training(model: PoolNetwork, inputs: Workspace) -> NDArray[np.float32]:
    """Features of the clips that the network was trained on, of LABELLED_WINDOWS windows."""
    import polars as pl

    prepared = inputs.output("prepare")
    index = pl.read_parquet(prepared / "index.parquet", columns=["clip", "split"])
    rows = np.flatnonzero((index["split"] == "train").to_numpy())
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), LABELLED_WINDOWS)).round().astype(int))]
    windows = np.load(prepared / "windows.npy", mmap_mode="r")[rows]
    return model.see(np.asarray(windows, np.float32), index["clip"].to_numpy()[rows].astype(np.int64)).features


def _proposal(
    row: RowMapping,
    cut: _Cut,
    seen: Seen,
    at: int,
    disagreement: float,
    priority: float,
    model: PoolNetwork,
    question: Question,
) -> Proposal:
    subject, spans = cut.cut[row["clip"]].subject, cut.cut[row["clip"]].spans
    order = np.argsort(-seen.probabilities[at])[:2]
    likely = [f"{model.classes[n]} {seen.probabilities[at, n]:.0%}" for n in order.tolist()]
    uncertainty = float(margin_uncertainty(seen.probabilities[at : at + 1])[0])
    unlike = float(seen.unlike[at])
    reasons = [" or ".join(likely)]
    reasons += [f"disagreement {disagreement:.2f}"] if disagreement >= NOTABLE else []
    reasons += ["unlike the training data"] if unlike >= NOTABLE else []
    predicted: dict[str, Any] = {
        "activity": model.classes[int(order[0])],
        "confidence": round(float(seen.probabilities[at, order[0]]), 4),
        "classes": list(model.classes),
        "model": model.name,
        "strategy": question.strategy,
        "uncertainty": round(uncertainty, 4),
        "disagreement": round(disagreement, 4),
        "unlike": round(unlike, 4),
    }
    return Proposal(
        row["clip"],
        row["medium"],
        subject.person,
        round(float(max(row["start_s"], 0.0)), 3),
        round(float(spans[:, 1].max()), 3),
        ", ".join(reasons),
        round(priority, 4),
        predicted,
    )
