"""Reads and writes mails: bytes in, plain facts out, and back. Pure: no database, no web, no network."""
