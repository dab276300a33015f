"""python -m exporter."""

from exporter.cli import entry_point

if __name__ == "__main__":
    entry_point()
