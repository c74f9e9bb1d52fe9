"""The tables, declared with SQLAlchemy's ORM; words and rules beside them know no table.

So who speaks SQL as text does not load the ORM, which takes half a second of a command.
"""
