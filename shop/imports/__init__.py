"""The county's files in: all or nothing, twice is once, every bad row reported, none silently mended.

`files.import_directory` and `files.import_files` are the way in. An import only adds: a code that is known with the
same content is left alone, with other content it is an error. Facts it adds are booked by the rooms that own them
(income, agreements), never by rows written here.
"""
