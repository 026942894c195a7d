"""Replays prove: the same answer again, elsewhere, later, or under another reading."""
