"""The command line as ``python -m streamimb_services``, for where a console script's shebang cannot name the folder."""

from streamimb_services.cli import main

if __name__ == "__main__":
    main()
