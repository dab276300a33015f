"""Detection of problems with backups, based on the facts about a customer and the configured expectations."""
