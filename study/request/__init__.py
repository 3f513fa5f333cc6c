"""What is asked: a study file, read and checked."""
