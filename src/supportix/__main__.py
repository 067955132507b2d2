"""`python -m supportix`: the command line where the `supportix` script isn't on the path."""

from supportix.cli import main

if __name__ == "__main__":
    main()
