"""Fuzz one target for as long as wanted: ``python -m tests.fuzz TARGET SECONDS [SEED]``.

Bends seeds at random. What breaks is written to the corpus, where the tests find it from then on.
"""

import random
import sys
import time

from tests.fuzz.targets import CORPUS, TARGETS, seeds


def bent(rng: random.Random, inputs: list[bytes]) -> bytes:
    """Return one of ``inputs``, changed in up to eight places."""
    data = bytearray(rng.choice(inputs))
    for _ in range(rng.randint(1, 8)):
        at = rng.randint(0, len(data))
        match rng.randrange(5):
            case 0:
                data[at : at + 1] = rng.randbytes(1)
            case 1:
                del data[at : at + rng.randint(1, 200)]
            case 2:
                data[at:at] = rng.choice([b"\0", b"\xff", b"\x80", rng.randbytes(4)])
            case 3:
                data[at:at] = data[at : at + rng.randint(1, 400)]
            case _:
                data[at:] = rng.choice(inputs)
    return bytes(data[:20_000])


def main(target: str, seconds: float, seed: int) -> int:
    """Fuzz; return 1 if something broke."""
    rng = random.Random(seed)
    inputs = [path.read_bytes() for path in seeds(target)]
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        data = bent(rng, inputs)
        count += 1
        try:
            TARGETS[target](data)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what we look for
            path = CORPUS / target / f"found-{seed}-{count}.bin"
            path.write_bytes(data)
            print(f"{target}: {error!r}, written to {path.name}")  # noqa: T201  a program
            return 1
    print(f"{target}: {count} inputs, nothing broke")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), int((sys.argv[3:] or ["1"])[0])))
