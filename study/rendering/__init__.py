"""From numbers to pages, pictures and terminal tables; no number of a study is computed here."""
