"""From a bento to its release: scenarios are run, then the run is suspended until somebody signed a verdict.

python -m flows.release

A deployed run is suspended by Prefect and holds no worker while it waits; `posemill uat sign` resumes it. One that was
started at a terminal ends with exit code 75 instead: sign, then start it again.
"""

import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.flow_runs import suspend_flow_run

from flows._house import flow, task
from posemill.errors import GateError, Unavailable
from posemill.settings import Settings

NAME = "release"


@task(name="scenarios")
def scenarios(bento: str) -> str:
    """Serve the bento, run acceptance/ against it; returns the folder of the report. A failed scenario is a finding
    for whoever signs, no failure of the run."""
    from posemill.uat.release import run_scenarios

    return str(run_scenarios(Settings.from_env(), bento))


@task(name="promote")
def promote(bento: str) -> dict[str, Any]:
    """Release the model version of this bento. Errors: GateError without a signed verdict on exactly these bytes."""
    from posemill.uat.release import promote_bento

    return promote_bento(Settings.from_env(), bento)


@flow(name=NAME)
def release(bento: str | None = None) -> dict[str, Any]:
    """Release a bento (a tag; default: the newest analysis bento of this workspace) once a person has accepted it.

    Errors: GateError with who rejected it and why.
    """
    from posemill.uat import release as steps

    settings = Settings.from_env()
    tag = bento or steps.newest_bento(settings)
    said = steps.verdict(settings, tag)
    if said is None:
        report = steps.report_of(settings, tag) or Path(scenarios(tag))
        steps.submit_report(settings, report)
        _wait(tag, report)
        raise GateError(f"{tag} is not released: the run went on without a verdict")
    if not said["passed"]:
        raise GateError(steps.rejection(said))
    done: dict[str, Any] = promote(tag)
    print(f"{tag} is released, model version {done['version']}: {done['reason']}")
    return done


def _wait(bento: str, report: Path) -> None:
    """Suspend this run until it is resumed, from its beginning and with the same bento.

    Errors: Unavailable where nothing would resume it, since it is not deployed.
    """
    line = f"posemill uat sign --by NAME {report}"
    page = (report / "report.html").resolve().as_uri()
    text = (
        f"**{bento}** waits for a verdict.\n\n- [report]({page})\n- `{line}`\n- `{line} --reject --conditions WHY`\n"
        "- or on the page of its service, with the key of an approver; then `python -m flows.release resume`\n"
    )
    create_markdown_artifact(text, key=NAME, description=f"{bento} waits for a verdict")
    if not runtime.deployment.id:
        raise Unavailable(f"nobody signed a verdict on {bento}: look at {page}, then `{line}`, then run this again")
    print(f"{bento} waits for a verdict: {line}")
    number = UUID(str(runtime.flow_run.id))
    with get_client(sync_client=True) as client:  # resumed, it must not take a newer bento
        client.request("PATCH", "/flow_runs/{id}", path_params={"id": number}, json={"parameters": {"bento": bento}})
    suspend_flow_run(key=str(uuid4()))  # a key of its own: Prefect passes over one that was used before


def resume() -> list[str]:
    """Resume every suspended run of this flow; one whose bento still has no verdict is suspended again."""
    with get_client(sync_client=True) as client:
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter

        waiting = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[NAME])),
            flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": ["PAUSED"]}}}),
        )
        for run in waiting:
            client.resume_flow_run(run.id)
    return [run.name for run in waiting]


if __name__ == "__main__":
    if sys.argv[1:] == ["resume"]:
        print("\n".join(f"resumed {name}" for name in resume()) or "no run of release is suspended")
    elif sys.argv[1:]:
        sys.exit("usage: python -m flows.release [resume]")
    else:
        from flows._main import main

        main(release, lambda _: [])
