"""The lab's PostgreSQL: real servers behind the emulated RDS, and what the lab keeps in them."""
