"""Find problems with backups by comparing the facts about a customer with the configured expectations."""
