"""Commands: load, decide, save. One module per aggregate; the desk carries them out."""
