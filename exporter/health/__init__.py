"""Problems of backups: expectations and facts in, problems out."""
