"""What a deployment did, for those who were not there: as HTML, Markdown and JSON."""
