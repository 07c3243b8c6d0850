"""The shapes of milestones, by the part of the deal that they speak of."""
