"""The study: which trials to run, what they say, and the landscape of errors they draw."""
