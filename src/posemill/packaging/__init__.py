"""Packaging of a trained network: ONNX and OpenVINO export, parity check, model card, digests, bentos, containers."""
