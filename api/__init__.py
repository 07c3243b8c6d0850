"""The edges that people touch: HTTP, the command line, settings, wiring, errors. Decides nothing itself."""
