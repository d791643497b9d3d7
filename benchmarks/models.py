"""A push of a model beside `aws s3 cp` of the same file: throughput, and the memory of the push.

Both go to the lab's S3 on this machine, in turns, each in a process of its own; what is compared is the best
time of each. The server keeps what it is sent in memory: a run needs about five times the file.
Prints a line for each bar; ends with 1 where one does not hold, 2 where the AWS CLI is not installed.

    python -m benchmarks.models [--megabytes 2000] [--turns 2]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

from bluegreen.lab.starting import Child, end, module

BUCKET, REGION = "models", "ap-northeast-1"
MEMORY_MB, SHARE = 100.0, 0.9
_PUSH = """
import resource, sys
from pathlib import Path
from bluegreen.adapters.aws.model_store import ModelArchive
from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.model_file import ModelFile
from bluegreen.contract import ModelStore
from bluegreen.domain.model_manifest import ModelManifest
path, version, bucket = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
archive = ModelArchive(Session(), ModelStore(bucket=bucket, pointer_parameter="/model"))
archive.all()
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ModelFile(path) as file:
    manifest = ModelManifest(version=version, sha256=file.sha256, size=file.size, trained_at="2026-11-20",
                             trained_from="random bytes", metrics={}, configuration={})
    assert archive.push(file, manifest, lambda _done: None)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1000)
"""


def write(path: Path, megabytes: int) -> None:
    """Random bytes: nothing on the way can make them fewer."""
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))


def timed(words: list[str]) -> tuple[float, str]:
    """Seconds that the command takes, and its output."""
    began = time.monotonic()
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return time.monotonic() - began, done.stdout


def compare(path: Path, turns: int) -> tuple[float, float, float]:
    """The best seconds of the push and of the CLI, and the most memory of a push in MB."""
    s3, pushes, copies, memory = boto3.client("s3"), [], [], []
    for turn in range(turns):
        seconds, told = timed([sys.executable, "-c", _PUSH, str(path), f"v{turn}", BUCKET])
        pushes.append(seconds)
        memory.append(float(told))
        s3.delete_object(Bucket=BUCKET, Key=f"models/v{turn}/model.bin")
        seconds, _ = timed(["aws", "s3", "cp", "--no-progress", str(path), f"s3://{BUCKET}/copy-{turn}"])
        copies.append(seconds)
        s3.delete_object(Bucket=BUCKET, Key=f"copy-{turn}")
    return min(pushes), min(copies), max(memory)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=2)
    asked = parser.parse_args()
    if shutil.which("aws") is None:
        print("the AWS CLI is not installed: there is nothing to compare with")
        return 2
    with tempfile.TemporaryDirectory() as place:
        port_file = Path(place) / "control.port"
        words = module("api.control", "--port", "0", "--state-dir", place)
        server = Child.start(words, log=Path(place) / "control.log", port_file=port_file)
        try:
            while server.port is None:
                time.sleep(0.05)
            os.environ |= {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "lab",
                "AWS_SECRET_ACCESS_KEY": "lab",
            }
            boto3.client("s3").create_bucket(
                Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
            )
            path = Path(place) / "model.bin"
            write(path, asked.megabytes)
            push, copy, memory = compare(path, asked.turns)
        finally:
            end(server)
    share = copy / push
    fast, small = share >= SHARE, memory <= MEMORY_MB
    print(f"push {asked.megabytes / push:.0f} MB/s, aws s3 cp {asked.megabytes / copy:.0f} MB/s")
    print(f"throughput {share:.2f} of `aws s3 cp`, at least {SHARE}: {'ok' if fast else 'MISSED'}")
    print(f"memory {memory:.0f} MB above start, at most {MEMORY_MB:.0f}: {'ok' if small else 'MISSED'}")
    return 0 if fast and small else 1


if __name__ == "__main__":
    sys.exit(main())
