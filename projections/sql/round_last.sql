-- How far the self-check has come with comparing the journal with the log. Must never say more than was compared.

SELECT generation, next, milestones, began_at, checked_at, completed_at, broken FROM check_round
