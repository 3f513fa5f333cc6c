"""From numbers to pages, pictures and terminal tables; nothing is computed here."""
