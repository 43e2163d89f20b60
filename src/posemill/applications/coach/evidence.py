"""Evidence for a fault over time: since when it has been seen, for how long, and for how long it has been gone."""

from __future__ import annotations

from dataclasses import dataclass

from posemill.applications.coach.judgement import RuleJudgement, Verdict
from posemill.applications.protocol import Severity

_ORDER = (Severity.INFO, Severity.WARNING, Severity.ALARM)


@dataclass(slots=True)
class Evidence:
    """Evidence for the fault of one rule and one person; frames in which the rule abstains change nothing.

    fault_s              seconds in which the fault was seen, less those in which it was not; gone_s: since then not.
    first_s, first_frame  since when; last_s, last_frame: seen last.
    frames               in which it was seen; 0 = not at all.
    worst                judgement with the largest excess.
    """

    fault_s: float = 0.0
    gone_s: float = 0.0
    first_s: float = 0.0
    first_frame: int = 0
    last_s: float = float("-inf")
    last_frame: int = 0
    frames: int = 0
    worst: RuleJudgement | None = None

    def add(
        self, judged: RuleJudgement, seconds: float, time_s: float, frame: int, since_s: float | None = None
    ) -> None:
        """Add one judgement that stands for some seconds. since_s: when what it is about began; None = now."""
        if judged.verdict is Verdict.FAULT:
            if not self.frames:
                self.first_s, self.first_frame = time_s if since_s is None else since_s, frame
            self.fault_s, self.gone_s = self.fault_s + seconds, 0.0
            self.last_s, self.last_frame, self.frames = time_s, frame, self.frames + 1
            if self.worst is None or (judged.excess or 0.0) > (self.worst.excess or 0.0):
                self.worst = judged
        elif judged.verdict is Verdict.CORRECT and self.frames:
            self.gone_s += seconds
            self.fault_s = max(0.0, self.fault_s - seconds)

    def forget(self) -> None:
        """Start anew."""
        self.fault_s = self.gone_s = 0.0
        self.last_s, self.worst, self.frames = float("-inf"), None, 0

    @property
    def urgency(self) -> tuple[int, float]:
        """Order in which faults are spoken of: by severity, then by how long they were seen."""
        return _ORDER.index(self.worst.rule.severity) if self.worst else -1, self.fault_s
