"""compose.yaml as plain processes: every container's command with its environment, on free ports of loopback.

Names of containers, ports and paths are replaced by this machine's; nothing else is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from event_receivers import free_port

REPOSITORY = Path(__file__).resolve().parents[1]
DEPLOY = REPOSITORY / "deploy"
# of the machine, not of a container: where programs are, and whose account this is
PROGRAMS = {"prometheus": ["prometheus"]}  # the entry points of images of others
KEPT = ("PATH", "PYTHONPATH", "LANG", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}` and `${NAME:?sentence}` as Compose replaces them."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match["name"], match["operator"], match["rest"]
        if variables.get(name):
            return variables[name]
        assert operator != ":?", f"{name} is required: {rest}"
        return rest or ""

    return re.sub(r"\$\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<rest>[^}]*))?\}", value, text)


def composed(variables: Mapping[str, str]) -> dict[str, Any]:
    """The services of compose.yaml by name."""
    content = interpolated((DEPLOY / "compose.yaml").read_text(), variables)
    services: dict[str, Any] = yaml.safe_load(content)["services"]
    return services


class Containers:
    """Runs services of compose.yaml in a folder; all that was started is stopped by `stop`.

    hosts  `name:port` within compose -> `127.0.0.1:port` here; paths  in a container -> here.
    """

    def __init__(self, services: Mapping[str, Any], folder: Path, hosts: dict[str, str], paths: dict[str, str]) -> None:
        self.services, self.folder, self.hosts, self.paths = services, folder, hosts, paths
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def address(self, name: str, port: int) -> str:
        """`127.0.0.1:port` of a service, the same for everybody who asks."""
        return self.hosts.setdefault(f"{name}:{port}", f"127.0.0.1:{free_port()}")

    def here(self, text: str) -> str:
        """A text of compose.yaml, or of a file that it mounts, with this machine's names."""
        for name, address in self.hosts.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}\b", address, text)
        for path, local in sorted(self.paths.items(), key=lambda item: -len(item[0])):
            text = re.sub(rf"(?<![\w./-]){re.escape(path)}(?![\w-])", local, text)
        return text.replace("0.0.0.0", "127.0.0.1")

    def command(self, name: str) -> list[str]:
        """The command of a service, which listens where `hosts` say."""
        own = {f":{p}": f":{here}" for p, here in self._ports(name)} | dict(self._ports(name))
        words = [own.get(str(word), str(word)) for word in self.services[name]["command"]]
        return [*PROGRAMS.get(name, ()), *(self.here(word) for word in words)]

    def environment(self, name: str) -> dict[str, str]:
        """The environment of a service, and what the machine itself needs."""
        asked = {key: self.here(str(value)) for key, value in self.services[name].get("environment", {}).items()}
        kept = {key: os.environ[key] for key in KEPT if key in os.environ}
        kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return {**kept, "HOME": str(self.folder), **asked}

    def run(self, name: str, command: list[str] | None = None, timeout_s: float = 300) -> str:
        """Run a job to its end, or another command in its place; return what it printed."""
        done = subprocess.run(
            command or self.command(name),
            env=self.environment(name),
            cwd=self.here("/workspace"),
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        assert done.returncode == 0, f"{name}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def start(self, name: str) -> None:
        """Start a service."""
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                self.command(name), env=self.environment(name), cwd=self.here("/workspace"), stdout=log, stderr=log
            )

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def alive(self, name: str) -> bool:
        return self.running[name].poll() is None

    def stop(self) -> dict[str, int]:
        """SIGTERM to all, as an engine does; their exit codes. Who does not end within its time is killed."""
        for process in reversed(self.running.values()):
            process.terminate()
        deadline, codes = time.monotonic() + 60, {}
        for name, process in self.running.items():
            try:
                codes[name] = process.wait(max(1.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        self.running.clear()
        return codes

    def _ports(self, name: str) -> list[tuple[str, str]]:
        addresses = [(key.split(":"), here) for key, here in self.hosts.items()]
        return [(parts[1], here.split(":")[1]) for parts, here in addresses if parts[0] == name]
