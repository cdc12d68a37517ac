"""`python -m chronoclap`: the command line, where scripts are not on the path."""

from chronoclap.cli import main

if __name__ == "__main__":
    main()
