"""The text of a systemd unit that lets a program listen and nothing else.

It runs as a user that exists only while it runs, sees no home and no temporary folder, no device
but sound, no network unless it is asked for, and writes to `STATE` alone. What is left open: W^X
memory, which foreign-function callbacks may need, and /proc/cpuinfo, which the runtimes read.
"""

import re
from collections.abc import Sequence
from pathlib import Path

NAME = "edge-asc"
STATE = Path(f"/var/lib/{NAME}")
ENVIRONMENT = Path(f"/etc/{NAME}/environment")  # NAME=value lines, for root's eyes
PLAIN_WORD = re.compile(r"[\w@%+=:,./-]+", re.ASCII)

TEMPLATE = """\
[Unit]
Description=Acoustic scenes, by edge-asc
# The sound devices are allowed below by the number of their module, which has to be there first.
Wants={wanted}
After={wanted} sound.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
# Loads the model's file again.
ExecReload=/bin/kill -HUP $MAINPID
EnvironmentFile=-{environment}
Environment=PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
Environment=ORT_DISABLE_TELEMETRY=1
{credentials}WorkingDirectory={state}
StateDirectory={name}
UMask=0077
Restart=always
RestartSec=5
# Wrong options do not mend themselves.
RestartPreventExitStatus=2
WatchdogSec=20
TimeoutStartSec=60
TimeoutStopSec=10
Nice=-5
MemoryMax=300M
# A teaching process that is too large is ended alone; listening goes on.
OOMPolicy=continue
TasksMax=64

DynamicUser=yes
SupplementaryGroups=audio
DevicePolicy=closed
DeviceAllow=char-alsa rw
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectProc=invisible
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
{network}
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
ONLINE = "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"
OFFLINE = "RestrictAddressFamilies=AF_UNIX\nPrivateNetwork=yes"


def unit_text(command: Sequence[str], online: bool, credentials: dict[str, Path]) -> str:
    """A unit file; `credentials` are secrets of root's to hand over, files by name."""
    loaded = (f"LoadCredential={name}:{path}\n" for name, path in credentials.items())
    return TEMPLATE.format(
        name=NAME,
        command=" ".join(map(quoted, command)),
        environment=ENVIRONMENT,
        state=STATE,
        credentials="".join(loaded),
        wanted="modprobe@snd.service" + (" network-online.target" if online else ""),
        network=ONLINE if online else OFFLINE,
    )


def quoted(word: str) -> str:
    """A word as `ExecStart=` takes it: nothing in it is a specifier, a variable or a separator.

    Raises:
        ValueError: it holds a NUL, which no argument can.
    """
    if "\0" in word:
        raise ValueError(f"{word!r} holds a NUL")
    text = word.replace("%", "%%")
    if PLAIN_WORD.fullmatch(text):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return '"' + "".join(f"\\x{ord(c):02x}" if ord(c) < 32 else c for c in text) + '"'
