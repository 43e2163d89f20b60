"""Export of model versions to an MLflow tracking server and model registry, so that a company's own shows them.

A version is one run and one version of a registered model. Exported again it stays what it is: runs are found by the
tag `posemill.bento_tag`, and one that was not finished, or says less than is known now, is replaced.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

from posemill.errors import InputError, Unavailable
from posemill.operations.mlflow_run import BENTO, CONTENT, TAG, ModelRun

CHAMPION, MODEL, FILES = "champion", "model", f"{TAG}files"
BATCH = 90  # parameters, or tags, of one call; MLflow takes 100
METRICS = 900  # of one call; MLflow takes 1000
# MLflow reports its use to its makers, and waits for minutes for a server that is away, unless it is told not to
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """Figures of an export: runs written, known before, and replaced; registered: new versions of the model.

    Of a version whose files are not there any more there is a run, and no version of the registered model.
    """

    runs: int
    known: int
    replaced: int
    registered: int
    experiment: str
    model: str


def export_runs(
    runs: Sequence[ModelRun], uri: str, experiment: str, registered_model: str, artifacts: str | None = None
) -> Exported:
    """Write runs and model versions, the oldest first.

    uri        `http(s)://…` of a server, or the URI of a database, such as sqlite:////folder/mlflow.db.
    artifacts  where a new experiment keeps its files; None: as the server says, for SQLite beside the file.
    Errors: InputError without the package mlflow or where MLflow refuses; Unavailable where nobody answers.
    """
    with _client(uri) as client:
        number = _experiment(client, experiment, artifacts or _beside(uri))
        _registered(client, registered_model)
        counts = {"runs": 0, "known": 0, "replaced": 0, "registered": 0}
        versions = {v.tags.get(BENTO): v for v in client.search_model_versions(f"name = '{registered_model}'")}
        for run in sorted(runs, key=lambda run: run.at_ms):
            known, replaced = _known(client, number, run)
            counts["known" if known else "runs"] += 1
            counts["replaced"] += replaced
            run_id = known or _write(client, number, run)
            client.set_tag(run_id, f"{TAG}stage", run.tags[f"{TAG}stage"])
            version = versions.get(run.name)
            if client.get_run(run_id).data.tags.get(FILES) != "true":  # figures alone are no model
                continue
            if version is not None and version.run_id != run_id:  # of a run that was replaced
                client.delete_model_version(registered_model, version.version)
                version = None
            if version is None:
                version = _register(client, registered_model, run_id, run)
                counts["registered"] += 1
            client.set_model_version_tag(registered_model, version.version, f"{TAG}stage", run.tags[f"{TAG}stage"])
            if run.champion:
                client.set_registered_model_alias(registered_model, CHAMPION, version.version)
    return Exported(**counts, experiment=experiment, model=registered_model)


@contextmanager
def _client(uri: str) -> Iterator[Any]:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as exc:
        raise InputError("the export to MLflow needs the package mlflow-skinny: install posemill[mlflow]") from exc
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own parts
            yield MlflowClient(tracking_uri=uri, registry_uri=uri)
    except MlflowException as exc:
        sentence = str(exc).splitlines()[0]
        if "Max retries exceeded" in sentence or "failed with exception" in sentence or "timed out" in sentence:
            raise Unavailable(f"no MLflow server answers at {uri}: start it, or correct the address") from exc
        raise InputError(f"MLflow at {uri} refuses: {sentence}") from exc


def _beside(uri: str) -> str | None:
    """Folder of the artefacts of an SQLite file; MLflow's own default is below the current folder."""
    if not uri.startswith("sqlite:///"):
        return None
    file = Path(uri.removeprefix("sqlite:///")).absolute()
    return (file.parent / f"{file.stem}-artifacts").as_uri()


def _experiment(client: Any, name: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, artifact_location=artifacts))
    if found.lifecycle_stage != "active":
        raise InputError(f"the MLflow experiment {name!r} is deleted: restore it, or give another --experiment")
    return str(found.experiment_id)


def _registered(client: Any, name: str) -> None:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description="Activity-recognition models from pose keypoints (posemill).")


def _known(client: Any, experiment: str, run: ModelRun) -> tuple[str | None, int]:
    """The run's number, if it was exported as it is, and how many others of its name were deleted."""
    whole, replaced = None, 0
    for found in client.search_runs([experiment], f"tags.`{BENTO}` = '{run.name}'"):
        tags = found.data.tags
        # what was exported from build/ says more than what is known of a version that is no longer there
        fuller = not run.model and tags.get(FILES) == "true" and CONTENT in tags
        if whole is None and (fuller or tags.get(CONTENT) == run.content):
            whole = found.info.run_id
        else:
            client.delete_run(found.info.run_id)
            replaced += 1
    return whole, replaced


def _write(client: Any, experiment: str, run: ModelRun) -> str:
    from mlflow.entities import Metric, Param, RunTag

    created = client.create_run(experiment, start_time=run.at_ms, tags=dict(run.tags), run_name=run.name)
    number = str(created.info.run_id)
    metrics = [Metric(name, value, run.at_ms, 0) for name, value in run.metrics.items()]
    metrics += [Metric(e.name, e.value, run.at_ms, e.epoch) for e in run.epochs]
    params = [Param(name, value) for name, value in run.params.items()]
    for start in range(0, len(metrics), METRICS):
        client.log_batch(number, metrics=metrics[start : start + METRICS])
    for start in range(0, len(params), BATCH):
        client.log_batch(number, params=params[start : start + BATCH])
    for path, folder in run.files:
        client.log_artifact(number, str(path), folder or None)
    if run.model:
        with tempfile.TemporaryDirectory() as folder:
            _write_model(Path(folder), run, number)
            client.log_artifacts(number, folder, MODEL)
    done = {CONTENT: run.content, FILES: str(bool(run.model)).lower(), "mlflow.note.content": run.card}
    client.log_batch(number, tags=[RunTag(name, value) for name, value in done.items() if value])
    client.set_terminated(number, "FINISHED", end_time=run.at_ms)
    return number


def _write_model(folder: Path, run: ModelRun, number: str) -> None:
    """Write the model's files, and MLmodel, with which `mlflow.onnx.load_model` reads it."""
    from mlflow.models import Model

    for path in run.model:
        copyfile(path, folder / path.name)
    model = Model(run_id=number, artifact_path=MODEL, signature=_signature(run))
    model.add_flavor("onnx", data="activity.onnx", providers=["CPUExecutionProvider"], onnx_version="1")
    model.add_flavor("python_function", loader_module="mlflow.onnx", data="activity.onnx", env={})
    model.save(str(folder / "MLmodel"))


def _signature(run: ModelRun) -> Any:
    if run.shape is None:
        return None
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from posemill.packaging.export import INPUT, OUTPUT

    frames, keypoints, channels, classes = run.shape
    windows = TensorSpec(np.dtype("float32"), (-1, frames, keypoints, channels), INPUT)
    logits = TensorSpec(np.dtype("float32"), (-1, classes), OUTPUT)
    return ModelSignature(inputs=Schema([windows]), outputs=Schema([logits]))


def _register(client: Any, name: str, number: str, run: ModelRun) -> Any:
    source = f"{client.get_run(number).info.artifact_uri}/{MODEL}"
    tags = {BENTO: run.name, **{k: v for k, v in run.tags.items() if k.startswith(f"{TAG}digest.")}}
    return client.create_model_version(name, source, run_id=number, tags=tags, description=f"bento {run.name}")
