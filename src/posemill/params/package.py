"""The `package` section of params.yaml."""

from pydantic import Field

from posemill.params.section import Section


class AcceptanceParams(Section):
    """Acceptance of the served bento by held-out clips, sent as a client would."""

    clips: int = Field(default=16, ge=1, description="held-out clips that are sent, spread over the activities")
    min_right: float = Field(default=0.7, ge=0, le=1, description="share of them that must be answered right")
    start_s: float = Field(default=180.0, gt=0, description="how long the service may take to be ready")


class PackageParams(Section):
    """Tunables of the package stage."""

    parity_windows: int = Field(default=128, ge=1, description="prepared windows on which ONNX must equal the network")
    acceptance: AcceptanceParams = AcceptanceParams()
