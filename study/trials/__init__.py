"""The words that both sides speak: cells, trials, roles, columns, seeds."""
