"""Pose networks in ONNX files, each with a JSON description: RTMPose, ViTPose, YOLO-pose, RTMO and their like."""
