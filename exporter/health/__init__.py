"""Detection of problems with backups, from the facts about a customer and the expectations in the configuration."""
