"""The project's benchmark: what it measures and how stands in each module's docstring."""
