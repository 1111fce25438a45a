"""The county's files in: eleven CSV files, all or nothing.

Promises: a second import of the same files changes nothing; a bad row is reported with file, line, column and reason and
is never silently fixed; import adds and never edits: what is recorded already must be the same, or it is an error.
"""
