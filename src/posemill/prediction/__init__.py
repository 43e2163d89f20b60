"""Activity prediction with a packaged model: numpy and ONNX Runtime only, for services, library and edge."""
