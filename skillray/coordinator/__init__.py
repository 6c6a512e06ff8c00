"""The fleet: every student's rounds at once; a student fails alone."""
