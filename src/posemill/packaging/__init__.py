"""From a trained network to a bento: ONNX, parity, card, digests."""
