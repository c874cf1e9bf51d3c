"""`python -m producers.cli` is `deskbell`, where the script is not on the path."""

from producers.cli.command_line import main

if __name__ == "__main__":
    main()
