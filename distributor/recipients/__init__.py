"""TO WHOM: recipients.yaml and its includes read into a Roster; names of the imprint resolved to contacts."""
