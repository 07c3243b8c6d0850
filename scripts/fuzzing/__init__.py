"""Random requests by the published interface: shared by scripts/fuzz and the tests."""
