"""The catalogue of milestones as a page, docs/events.md, generated from the code; see `page`."""
