"""The use cases, one function each, each readable as the whole trip.

planning: check, preview, stage · opening: open_issue · delivering: deliver, deliver_due, sweep · issues: find, account,
pause, resume, cancel, resend · proving: send_to_self, doctor.
"""
