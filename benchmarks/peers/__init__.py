"""Other ways to send the same letters: programs that are given HOST PORT LETTERS.json and print a line of JSON."""
