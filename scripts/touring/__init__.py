"""The parts of the demonstration: what goes in, what is shown, how it looks."""
