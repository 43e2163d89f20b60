"""HTML pages with inline plots: `page.Page` builds one file that needs nothing else, offline and on a phone."""
