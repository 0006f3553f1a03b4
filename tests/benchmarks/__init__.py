"""Speeds of symgrad beside its peers, measured in turns in one run, after the results agree."""
