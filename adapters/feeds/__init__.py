"""Feeds: the ways by which a system's records come in by themselves, pushed, dropped or asked for.

Belongs here: the file that configures them, and all input and output with source systems. Does not belong
here: what a record means (adapters/sources), how it is recorded (adapters/intake.py), HTTP (api).
"""
