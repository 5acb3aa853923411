"""``python -m cxredge``: the command."""

from cxredge.cli.main import main

if __name__ == "__main__":  # a process that starts another imports this file again
    main()
