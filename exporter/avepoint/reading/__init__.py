"""The words, numbers and times in responses, read into records."""
