"""Live classification: what a microphone hears, as long as it runs.

- `sources` gives blocks of audio: a microphone that comes back, a recording, a pipe.
- `live` is the loop: it resamples a block and asks the network about each window of it that is
  full.
- `hearing` makes predictions into a scene that can be shown, says how loud it is, and counts how
  listening goes.
- `recording` writes what is heard to files, to teach from.
- `events` is what comes out: decisions, health, notices.
- `outputs` shows, writes or sends them: terminal, lines, web page, log, MQTT, Prometheus, systemd.
- `learning` puts another model under the loop: its file anew, or one that was taught meanwhile.
- `command` puts all this together as `options` say, and takes it apart again.
- `service` installs it, `doctor` looks at what it needs, `bench` measures it.
"""

if __name__ != "edge_asc.demo":
    raise ImportError(f"import edge_asc.demo, not {__name__}")
