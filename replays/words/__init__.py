"""What a reader is shown in words: tables of texts, and how English and French write moments, numbers and facts."""
