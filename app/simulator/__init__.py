"""Platforms of the outside played on this machine: what tests, demonstrations and new operators talk to."""
