"""PostgreSQL: the embedded server, the recorder, the inbox, migrations and grants."""
