"""Helm's library in a process of its own: it brings Go's runtime, whose signal handling does not go with test workers.

python helm_process.py CHART     values as JSON on standard input; answers with JSON on standard output
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any


class HelmRefusal(Exception):
    """What Helm says of values or a chart that it does not take."""


def rendered(chart: str, values: dict[str, Any]) -> dict[str, str]:
    """Files of a release by name. Errors: HelmRefusal."""
    return dict(_asked(chart, json.dumps(values))["files"])


def messages_of_lint(chart: str, values: dict[str, Any]) -> list[Any]:
    """What `helm lint --strict` says of a chart."""
    return list(_asked(chart, json.dumps(values))["lint"])


@cache
def _asked(chart: str, values: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, chart], input=values, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    if "refusal" in answer:
        raise HelmRefusal(answer["refusal"])
    return answer


def main() -> None:
    """Render and lint once."""
    import helm_python

    chart, values = sys.argv[1], json.load(sys.stdin)
    try:
        with helm_python.Chart.load(chart) as loaded:
            files = loaded.render(values=values, name="gym", namespace="activity")
        lint = helm_python.lint(chart, values, strict=True)["messages"]
    except helm_python.HelmError as exc:
        print(json.dumps({"refusal": str(exc)}))
        return
    print(json.dumps({"files": dict(files), "lint": [str(message) for message in lint]}))


if __name__ == "__main__":
    main()
