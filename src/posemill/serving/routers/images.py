"""POST /analyse_image: poses of everybody in a picture."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter

from posemill.errors import InputError
from posemill.serving.arrays import with_nulls
from posemill.serving.context import current_service
from posemill.serving.routers.uploads import ImageForm, ImageUpload, UploadedImage, described
from posemill.serving.schemas.analysis import FoundPose, ImageAnswer, ImageFacts

LEAST_PX = 8  # of a picture's sides; nobody can be seen in less

router = APIRouter(tags=["answers"])


@router.post("/analyse_image", openapi_extra=described(ImageForm), operation_id="analyse_image")
async def analyse_image(upload: UploadedImage) -> ImageAnswer:
    """Poses of everybody in a picture, highest confidence first."""
    return await run_sync(_poses, upload, limiter=current_service().images)


def _poses(upload: ImageUpload) -> ImageAnswer:
    from posemill.video.sandboxed import read_picture_sandboxed

    service, image = current_service(), read_picture_sandboxed(upload.read(), upload.name)
    height, width, _ = image.shape
    if min(height, width) < LEAST_PX:
        raise InputError(f"{upload.name} has {width}x{height} pixels: {LEAST_PX} a side are the least")
    poses = [
        FoundPose(
            xy=with_nulls(pose.xy),
            confidence=pose.confidence.tolist(),
            person_confidence=pose.person_confidence,
            score=pose.person_confidence,
        )
        for pose in service.pose_estimator.poses(image)
    ]
    facts = ImageFacts(width_px=width, height_px=height, skeleton=service.pose_estimator.backend.skeleton.name)
    return ImageAnswer(image=facts, poses=poses, provenance=service.provenance)
