"""Canary: a challenger answers a share of the clients, always the same ones."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from posemill.errors import InputError
from posemill.serving.context import CALLER, STARTED
from posemill.serving.metrics import SECONDS, Histogram, Metrics
from posemill.serving.schemas.provenance import Provenance
from posemill.serving.served_model import Predicted, ServedModel, model_class
from posemill.serving.shadow.challenger import CANARY, find_challenger, require_comparable

log = logging.getLogger("posemill.canary")


class CanaryShare(NamedTuple):
    """Tag of a challenger, and the share of clients that it answers, 0..1."""

    tag: str
    share: float


def parse_canary(text: str) -> CanaryShare:
    """Parse `TAG=10%`. Errors: InputError.

    >>> parse_canary("posemill-activity:6d92=2.5%")
    CanaryShare(tag='posemill-activity:6d92', share=0.025)
    """
    tag, _, share = text.rpartition("=")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", share.strip())
    if not tag or match is None or not 0 < float(match[1]) <= 100:
        raise InputError(f"a canary should be TAG=SHARE with a share above 0% up to 100%, as x:1=10%; came as {text!r}")
    return CanaryShare(tag.strip(), float(match[1]) / 100)


def in_share(identity: str, tag: str, share: float) -> bool:
    """Return whether a client is in the share of a challenger: decided by a hash, so that it is the same for ever.

    Whoever is in a share is in every larger one, too; another tag chooses other clients.

    >>> [in_share("key 7", "x:1", share) for share in (0.0, 0.4, 0.5, 1.0)]
    [False, False, True, True]
    """
    digest = hashlib.sha256(f"{tag}\n{identity}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


class Canary:
    """A challenger that answers a share of the clients of a service; the champion answers the others."""

    def __init__(self, champion: ServedModel, challenger: ServedModel, share: float) -> None:
        self.champion, self.challenger, self.share = champion, challenger, share
        self._counts = {model.tag: _Counts(model) for model in (champion, challenger)}
        for model, counts in zip((champion, challenger), self._counts.values(), strict=True):
            model.observers.append(counts.observed)

    def model_for_client(self) -> ServedModel:
        """Return the model of the client of this request; the champion outside one."""
        caller = CALLER.get()
        chosen = caller is not None and in_share(caller.identity, self.challenger.tag, self.share)
        return self.challenger if chosen else self.champion

    def failed(self, exc: Exception) -> None:
        """Count a failure of the challenger, whose request the champion answers."""
        log.error("%s failed; the released model answers instead", self.challenger.tag, exc_info=exc)
        self._counts[self.challenger.tag].failures += 1

    def collect(self) -> Iterator[Any]:
        """Families of prometheus_client, by model."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        seconds = HistogramMetricFamily(
            "posemill_model_answer_seconds", "From the request to the prediction.", labels=["model"]
        )
        predictions = CounterMetricFamily(
            "posemill_model_predictions", "Windows by model and activity.", labels=["model", "activity"]
        )
        abstentions = CounterMetricFamily("posemill_model_abstentions", "Windows without one.", labels=["model"])
        failures = CounterMetricFamily(
            "posemill_model_failures", "Requests that a model could not answer.", labels=["model"]
        )
        for tag, counts in self._counts.items():
            with counts.lock:
                seconds.add_metric([tag], counts.seconds.buckets(), counts.seconds.sum)
                for activity, count in zip(counts.classes, counts.activities, strict=True):
                    predictions.add_metric([tag, activity], float(count))
                abstentions.add_metric([tag], float(counts.abstained))
                failures.add_metric([tag], float(counts.failures))
        yield from (seconds, predictions, abstentions, failures)
        yield GaugeMetricFamily("posemill_canary_share", "Share of clients of the challenger.", value=self.share)


class _Counts:
    """Counts of one model since the service was started."""

    def __init__(self, model: ServedModel) -> None:
        self.classes = model.predictor.classes
        self.activities, self.abstained, self.failures = np.zeros(len(self.classes), np.int64), 0, 0
        self.seconds, self.lock = Histogram(SECONDS), Lock()

    def observed(self, answer: Predicted) -> None:
        began = STARTED.get()
        with self.lock:
            if len(answer.probabilities):
                self.activities += np.bincount(answer.probabilities.argmax(1), minlength=len(self.classes))
                self.abstained += int(answer.abstained.sum())
            if began is not None:
                self.seconds.add(time.monotonic() - began)


def from_environment(
    env: Mapping[str, str], folder: Path, champion: ServedModel, threads: int, metrics: Metrics
) -> Canary | None:
    """Load the challenger of POSEMILL_CANARY (TAG=SHARE) beside the champion; None where none is named.

    folder  of the champion's package.
    Errors: InputError for a challenger that is not there, or reads other windows; CheckpointError for a broken one.
    """
    text = env.get(CANARY)
    if not text:
        return None
    tag, share = parse_canary(text)
    found = find_challenger(tag, env)
    require_comparable(folder, found)
    predictor = model_class().load(found.folder)
    predictor.warm()
    challenger = ServedModel(found.tag, predictor, Provenance.of(found.bento, predictor.digests), threads)
    challenger.observers.append(metrics.observed)
    canary = Canary(champion, challenger, share)
    metrics.collectors.append(canary.collect)
    return canary
