"""PoseNet as a pose backend: MobileNet and ResNet50 networks with a decoder of our own (Apache-2.0)."""
