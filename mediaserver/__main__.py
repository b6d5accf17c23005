"""``python -m mediaserver``."""

from mediaserver.cli import app

if __name__ == "__main__":
    app()
