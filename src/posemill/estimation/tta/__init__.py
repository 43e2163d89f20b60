"""Test-time augmentation: several scales, flips and crops of a picture, and rotated pictures."""
