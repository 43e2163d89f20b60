"""Motion-capture files: TRC, C3D, MOT and BVH, read and written."""
