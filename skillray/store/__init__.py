"""Tables that are complete or absent, and the one primitive that publishes anything."""
