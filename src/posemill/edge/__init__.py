"""Edge runtime: cameras in, events out, where the camera is. Needs OpenVINO, numpy and OpenCV, and nothing else.

`posemill export edge` writes a folder with a model, the part of posemill's source that this room reaches, and the
launcher `posemill-edge`. `main.py` is its command, `runtime.py` the pipeline: decode, pose, track, features, prediction
and events of several sources at once.
"""
