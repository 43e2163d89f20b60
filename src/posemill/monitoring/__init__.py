"""What a released service sees, against what its model was trained on."""
