"""The demo: its stage, and what it must have shown. The command line deploys, and shows the result."""
