"""``python -m voiceai``."""

from voiceai.cli.main import run

if __name__ == "__main__":
    run()
