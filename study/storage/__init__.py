"""What survives: finished trials, written one by one, in a folder or a bucket."""
