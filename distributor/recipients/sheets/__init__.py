"""Spreadsheets of recipients: what an office keeps in .xlsx, .csv and plain text, read row by row, and written."""
