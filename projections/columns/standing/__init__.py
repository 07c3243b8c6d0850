"""What is open on a day, read off the columns: products, order lines, invoices, cash; the bridge, exceptions.

Belongs here: what projections/open_items and what is made of it say, for all deals at once, in numbers. SQL
says the same and stays the reference; tests compare them. Does not belong here: the columns themselves.
"""
