"""What is wrong with backups now: facts and expectations in, problems out."""
