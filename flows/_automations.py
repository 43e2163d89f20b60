"""Prefect automations of posemill: flow runs without a heartbeat crash, and whoever operates it is told of failures.

They are told by the flow `notify`, which sends to the channels of channels.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows._house import HEARTBEAT_S
from flows.monitor import EVENT as DRIFT

# of the flows that are told of when they fail; `notify` itself is not one, or a mail server that is away would ring for
# ever
WATCHED = ("build-model", "label-backlog", "monitor", "release", "retention", "run-application")
HEARTBEAT_LOST = timedelta(seconds=3 * HEARTBEAT_S)
LONGEST_H = 96  # label and train may take 72 h together
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
_RUNS = ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]})
_OURS = ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": list(WATCHED)})
_REPORTING = ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": [*WATCHED, "notify"]})
_ANY = ResourceSpecification({})
_RUN = "{{ flow.name }} ({{ flow_run.name }})"
_REASON = "{{ event.resource.get('prefect.state-message', '') }}"


def automations(notify: UUID, heartbeat_lost: timedelta = HEARTBEAT_LOST) -> list[AutomationCore]:
    """Return what posemill registers.

    notify          the deployment of the flow `notify`.
    heartbeat_lost  a run that was silent for so long is taken for killed.
    """
    return [
        _crash_silent(
            "posemill: crash flow runs without heartbeat",
            "A killed process leaves its run in Running for ever; every flow reports once a minute.",
            after="prefect.flow-run.heartbeat",
            within=heartbeat_lost,
        ),
        _crash_silent(
            "posemill: crash flow runs that never had a heartbeat",
            "A process that was killed right after its run was Running, before its first report.",
            after="prefect.flow-run.Running",
            within=heartbeat_lost,
            related=_REPORTING,  # others may not report at all
        ),
        AutomationCore(
            name="posemill: flow run failed",
            description="Also where a gate refused the model: the reason says so.",
            trigger=EventTrigger(
                expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
                match=_RUNS,
                match_related=_OURS,
                for_each={"prefect.resource.id"},
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(0),
            ),
            actions=[_tell(notify, "flow-failed", f"{_RUN} {{{{ event.resource['prefect.state-name'] }}}}: {_REASON}")],
        ),
        AutomationCore(
            name="posemill: flow run does not end",
            description="It reports, and is longer in Running than all time limits together.",
            trigger=EventTrigger(
                after={"prefect.flow-run.Running"},
                expect=ENDS,
                match=_RUNS,
                match_related=_OURS,
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=timedelta(hours=LONGEST_H),
            ),
            actions=[_tell(notify, "flow-stuck", f"{_RUN} has been Running for {LONGEST_H} h")],
        ),
        AutomationCore(
            name="posemill: drift",
            description="Live data differ from the training data.",
            trigger=EventTrigger(expect={DRIFT}, posture=Posture.Reactive, threshold=1, within=timedelta(0)),
            actions=[_tell(notify, "drift", "{{ event.payload['says'] }}")],
        ),
    ]


def register_automations(client: SyncPrefectClient, wanted: Sequence[AutomationCore]) -> list[str]:
    """Create them, and bring those of the same name up to date; return their names. Others are left alone."""
    for automation in wanted:
        there = client.read_automations_by_name(automation.name)
        if there:
            client.update_automation(there[0].id, automation)
        else:
            client.create_automation(automation)
        for double in there[1:]:
            client.delete_automation(double.id)
    return [automation.name for automation in wanted]


def _crash_silent(
    name: str, description: str, after: str, within: timedelta, related: ResourceSpecification = _ANY
) -> AutomationCore:
    """Automation: a run that neither reports nor ends within so long after an event counts as killed."""
    return AutomationCore(
        name=name,
        description=description,
        trigger=EventTrigger(
            after={after},
            expect={"prefect.flow-run.heartbeat", *ENDS},
            match=_RUNS,
            match_related=related,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="No heartbeat: its process was killed.")],
    )


def _tell(notify: UUID, kind: str, message: str) -> RunDeployment:
    """Action: run the deployment of the flow `notify` with a Jinja template for a message."""
    template: dict[str, Any] = {"__prefect_kind": "jinja", "template": message}
    return RunDeployment(source="selected", deployment_id=notify, parameters={"kind": kind, "message": template})
