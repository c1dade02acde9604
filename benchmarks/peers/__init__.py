"""Other ways to send the same letters: each a program that gets `HOST PORT LETTERS.json` and prints one line of JSON."""
