"""Detectron2's keypoint model as a pose backend: its weights in torchvision's network, or its own library."""
