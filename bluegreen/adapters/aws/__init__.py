"""The ports over boto3, a file per service."""
