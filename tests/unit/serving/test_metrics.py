from __future__ import annotations

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from posemill.serving.metrics import Metrics


def values(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_predictions_are_counted() -> None:
    metrics = Metrics(["rest", "wave"])
    metrics.predicted(np.array([[0.95, 0.05], [0.45, 0.55], [0.3, 0.7]], np.float32), np.array([False, True, False]))
    metrics.predicted(np.zeros((0, 2), np.float32), np.zeros(0, bool))
    got = values(metrics)
    assert got["posemill_predictions_total", (("activity", "rest"),)] == 1
    assert got["posemill_predictions_total", (("activity", "wave"),)] == 2
    assert got["posemill_abstentions_total", ()] == 1
    assert [got["posemill_confidence_bucket", (("le", le),)] for le in ("0.5", "0.6", "0.8", "1.0", "+Inf")] == [
        0,
        1,
        2,
        3,
        3,
    ]
    assert got["posemill_windows_per_request_count", ()] == 2
    assert got["posemill_windows_per_request_sum", ()] == 3


def test_answers_are_counted_by_endpoint_and_status() -> None:
    metrics = Metrics(["rest"])
    for seconds, status in ((0.001, 200), (0.2, 200), (1000.0, 503)):
        metrics.answered("/predict_windows", status, seconds)
    metrics.gauge("posemill_queue", "Jobs.", lambda: 4)
    got = values(metrics)
    good, bad = (
        (("endpoint", "/predict_windows"), ("status", "200")),
        (("endpoint", "/predict_windows"), ("status", "503")),
    )
    assert got["posemill_request_seconds_bucket", (good[0], ("le", "0.001"), good[1])] == 1  # at most, not less than
    assert got["posemill_request_seconds_count", good] == 2
    assert got["posemill_request_seconds_bucket", (bad[0], ("le", "300.0"), bad[1])] == 0
    assert got["posemill_request_seconds_count", bad] == 1
    assert got["posemill_queue", ()] == 4
    assert got["process_resident_memory_bytes", ()] > 1e6
