"""Who may ask what: callers, roles, keys, OIDC tokens, limits, and the guard that puts them together.

Import from the modules themselves: commands need the callers, and not what serving HTTP needs.
"""
