"""`python -m api.cli` is `cairn`."""

from api.cli import main

if __name__ == "__main__":
    main()
