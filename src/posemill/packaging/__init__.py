"""A trained network becomes ONNX, a model card and a bento."""
