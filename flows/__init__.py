"""Prefect flows: when the graph of dvc.yaml runs, with retries, time limits and a record of every run.

What Prefect, DVC and the libraries of the stages read from the environment is set here, before any of them is
imported: no analytics from anywhere, and a first start that may be slow. What is set already is left alone.
"""

import os

ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # the first start makes its database: 22-40 s
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "60",  # else three minutes, after which it counts as killed
    "DVC_NO_ANALYTICS": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "GX_ANALYTICS_ENABLED": "false",
}
for _name, _setting in ENVIRONMENT.items():
    os.environ.setdefault(_name, _setting)
