"""Posting rules, pure: what each milestone moves (accounting.md section 3). One module a subject."""
