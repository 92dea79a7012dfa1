"""The archive: it reads the journal by a cursor of its own, and hands a history store every row once."""
