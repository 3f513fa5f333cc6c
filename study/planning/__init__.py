"""Which trials are next, how far a study is, what it would cost."""
