-- Lets the application tell a generation that was dropped from one that there never was.
-- Never here: anything but the last number given out.

GRANT SELECT ON SEQUENCE generation_id_seq TO :app_role;
