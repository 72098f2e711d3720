"""A real Slurm on this machine, for tests: one node, no accounting, everything in a temporary folder."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
PATIENCE = 30.0  # seconds for a daemon to answer, or to end
CORES = 2

# CR_Core and a core each: as many jobs at once as there are cores, whatever this machine has.
# A requeued job waits until its credential has run out, by default for two minutes.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=5
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Site:
    """A Slurm that runs. environment: what its programs need beside the usual variables. folder: its files and logs."""

    environment: Mapping[str, str]
    folder: Path

    def ask(self, *words: str) -> str:
        """Run one of Slurm's programs; its output without white space around it, or RuntimeError with its complaint."""
        answer = subprocess.run(
            words, env={**os.environ, **self.environment}, check=False, capture_output=True, text=True
        )
        if answer.returncode:
            raise RuntimeError(f"{' '.join(words)}: {answer.stderr.strip()}")
        return answer.stdout.strip()


def why_no_slurm() -> str:
    """Why no Slurm can be started here; empty where one can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "only root can start Slurm's daemons"


@contextmanager
def running_slurm() -> Iterator[Site]:
    """Start Slurm; stop its jobs and its daemons in the end, whatever has happened."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="motes-slurm-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        site = Site({"SLURM_CONF": str(_write_configuration(folder))}, folder)
        environment = {**os.environ, **site.environment}
        stack.enter_context(_daemon(_munged(folder), environment, user="munge"))
        _wait_for((folder / "munge" / "socket").exists, "munged", folder)
        stack.enter_context(_daemon(["slurmctld", "-D"], environment))
        stack.enter_context(_daemon(["slurmd", "-D"], environment))
        _wait_for(lambda: _node_is_up(site), "slurmd", folder)
        stack.callback(_stop_jobs, site)
        yield site


def _write_configuration(folder: Path) -> Path:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    first, second = _free_ports(2)
    path = folder / "slurm.conf"
    path.write_text(
        CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            folder=folder,
            controller_port=first,
            node_port=second,
            cores=CORES,
        )
    )
    return path


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _munged(folder: Path) -> Sequence[str]:
    """The command of a munged of our own, with a key of its own; it runs as the user munge."""
    place = folder / "munge"
    place.mkdir(mode=0o755)
    key = place / "key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    for path in (place, key):
        shutil.chown(path, "munge", "munge")
    files = [
        f"--{option}={place / name}"
        for option, name in (
            ("socket", "socket"),
            ("key-file", "key"),
            ("pid-file", "pid"),
            ("log-file", "log"),
            ("seed-file", "seed"),
        )
    ]
    return ["munged", "--foreground", *files]


@contextmanager
def _daemon(command: Sequence[str], environment: Mapping[str, str], user: str = "root") -> Iterator[None]:
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=environment, user=user, group=user, stdout=nothing, stderr=nothing
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _node_is_up(site: Site) -> bool:
    try:
        return site.ask("sinfo", "-h", "-o", "%T") == "idle"
    except RuntimeError:
        return False


def _stop_jobs(site: Site) -> None:
    """End every job and wait until its processes are gone: slurmd would leave them behind."""
    site.ask("scancel", "--full", "--signal=KILL", "--me")
    site.ask("scancel", "--me")
    _wait_for(lambda: not site.ask("squeue", "-h"), "the end of all jobs", site.folder)


def _wait_for(ready: Callable[[], bool], what: str, folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            logs = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))
            raise RuntimeError(f"waited {PATIENCE:.0f} s for {what}; the logs end with\n{logs}")
        time.sleep(0.1)
