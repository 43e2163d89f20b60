"""How media, clips and keypoint sequences come into the database."""
