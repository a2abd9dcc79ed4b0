"""kill -9 at random moments while messages come and go, and then the count: see __main__.py."""
