"""The AWS API of the lab, over HTTP and in process, and its own side API."""
