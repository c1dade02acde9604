"""The ways in which deliveries travel: ``smtp`` is mail, ``sink`` the mail server of a site that has no relay."""
