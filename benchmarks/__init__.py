"""Every table of the README and the documentation, one script for each."""
