"""Everything outside: source systems, PostgreSQL, exports. Translates; decides nothing about the business."""
