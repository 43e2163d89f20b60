"""Documentation made for one project: one content, written as HTML, PDF and SVG."""
