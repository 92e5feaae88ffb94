"""The report of a decision: one HTML page that explains itself, to be read offline and printed.

`page.py` makes it of a decision, `figures.py` and `drawing.py` what it draws of the gates' exhibits, and
`keeping.py` lays it beside the record in the ledger. The record is what counts; a page proves nothing.
"""
