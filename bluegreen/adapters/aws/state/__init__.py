"""The state table: the journal and the lease as DynamoDB items."""
