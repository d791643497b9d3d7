"""What answers the ports: AWS over boto3, metric sources, probes over HTTP, the local shell."""
