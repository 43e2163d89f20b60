"""Body ratios: proportions of a person's segments, and their lengths where a scale is known."""
