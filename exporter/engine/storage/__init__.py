"""The persistent state of accounts and its databases."""
