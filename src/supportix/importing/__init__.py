"""Reads the ticket change log of another helpdesk into ticket histories with the original times.

A mapping names the log's columns and words (`mapping`), the reader turns rows into changes (`reader`), the changes of
one ticket become a legal sequence of steps (`histories`, `walk`), and the histories tell who did the work (`staffing`).
Whatever was decided on the way is counted in the `ImportReport`.
"""
