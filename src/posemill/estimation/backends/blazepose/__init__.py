"""BlazePose as a pose backend: MediaPipe's person detector and landmark networks; heels, toes and depth."""
